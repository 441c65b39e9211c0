"""A corpus to shards by an Apache Beam pipeline, for more text than one machine should read.

What it writes is byte for byte what `build_shards` writes of the same corpus with the same
options, manifests included, whatever the runner and the number of workers. Documents that it leaves
out, because they break a rule or are near duplicates, are counted in the manifests; all others keep
their order, their tokens and their side of the split.

A file is read by one worker, as only who reads all of it knows the numbers of its documents: give
thousands of files and not one. Sentences, tokens and shards are then made by all. One worker holds
the number of tokens of every document, some twelve bytes each, to say where shards begin.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keras_bert_kit.data import beam_steps as steps
from keras_bert_kit.data.beam_files import (
    delete_files,
    find_remote_sources,
    list_files,
    open_file,
)
from keras_bert_kit.data.build_settings import HELDOUT, TRAIN, build_settings
from keras_bert_kit.data.corpus import Corpus
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.data.heldout import choose_heldout
from keras_bert_kit.data.near_duplicates import NearDuplicates
from keras_bert_kit.data.quality import QualityRules
from keras_bert_kit.data.shard_builder import PROGRESS
from keras_bert_kit.data.shards import MANIFEST
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary


def build_shards_with_beam(
    sources: str | Path | Sequence[str | Path],
    folder: str | Path,
    vocabulary: Vocabulary | BytePairVocabulary,
    *,
    lowercase: bool = True,
    strip_accents: bool | None = None,
    add_prefix_space: bool = False,
    heldout_fraction: float = 0.01,
    seed: int = 0,
    tokens_per_shard: int = 2_000_000,
    text_field: str = "text",
    encoding: str = "utf-8",
    undecodable: str = "error",
    exclude: ExcludedTexts | None = None,
    quality: QualityRules | None = None,
    near_duplicates: float | None = None,
    overwrite: bool = False,
    flags: Sequence[str] = (),
) -> dict[str, int]:
    """Tokenises a corpus to `folder/train` and `folder/heldout`, as `build_shards` does.

    Args:
        sources: what to read, see `Corpus`; also remote files and patterns, such as
            `gs://bucket/books/*.txt.gz`. Every worker must be able to read them.
        folder: where the shards go, remote or seen by every worker.
        vocabulary: see `build_shards`, as are the next options.
        lowercase: see there.
        strip_accents: see there.
        add_prefix_space: see there.
        heldout_fraction: see there. Which documents are held out is decided before any is left out
            by `quality` or `near_duplicates`.
        seed: see there.
        tokens_per_shard: see there.
        text_field: see `Corpus`.
        encoding: see `Corpus`.
        undecodable: see `Corpus`.
        exclude: texts to leave out, in neither split.
        quality: rules, of which a document may break none.
        near_duplicates: from which similarity on a document is left out that is like an earlier
            one, see `NearDuplicates`: one that shares a key with an earlier document, whether or
            not that one is left out itself.
        overwrite: whether shards that are in `folder` are deleted first.
        flags: of Beam and its runner, such as `["--runner=FlinkRunner"]`; without a runner it is
            the one inside this process.

    Returns:
        The number of documents by what became of them: `"read"`, `"kept"`, and each reason for
        which any were left out.

    Raises:
        ImportError: if Apache Beam is not installed.
        FileExistsError: if there are shards in `folder`.
        FileNotFoundError: if a source does not exist.
        ValueError: if an option is out of range, or there is no document. What goes wrong on a
            worker is raised as the runner does it.
    """
    beam = _apache_beam()
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    from apache_beam.utils.shared import Shared

    options = PipelineOptions(list(flags))
    standard = options.view_as(StandardOptions)
    # What `DirectRunner` is too, once it has tried to download another one.
    standard.runner = standard.runner or "FnApiRunner"
    _refuse_unknown(options)
    FileSystems.set_options(options)  # those of clouds have some
    folder = str(folder).rstrip("/")
    if isinstance(sources, str | Path):
        sources = [sources]
    corpus = Corpus(
        find_remote_sources(sources),
        text_field=text_field,
        encoding=encoding,
        undecodable=undecodable,
        exclude=exclude,
        open_file=open_file,
    )
    settings = build_settings(
        corpus,
        vocabulary,
        lowercase=lowercase,
        strip_accents=strip_accents,
        add_prefix_space=add_prefix_space,
        heldout_fraction=heldout_fraction,
        seed=seed,
        tokens_per_shard=tokens_per_shard,
    )
    finder = None if near_duplicates is None else NearDuplicates(near_duplicates)
    if quality:
        settings.header["options"]["quality"] = asdict(quality)
    if finder:
        settings.header["options"]["near_duplicates"] = near_duplicates
    next(corpus.documents())  # there is one, or it says why not
    is_heldout = choose_heldout(corpus, heldout_fraction, seed)
    _make_room(folder, overwrite)

    with beam.Pipeline(options=options) as pipeline:
        chunks, fates = (
            pipeline
            | "Sources" >> beam.Create(range(len(corpus.sources)))
            | "Spread sources" >> beam.Reshuffle()
            | "Read"
            >> beam.FlatMap(steps.read_chunks, corpus, is_heldout, quality).with_outputs(
                steps.FATES, main="chunks"
            )
        )
        if finder:
            chunks = _without_near_duplicates(chunks, finder)
        else:
            chunks |= "Spread documents" >> beam.Reshuffle()
        tokenised = chunks | "Tokenise" >> beam.Map(steps.tokenise, settings, Shared())
        counts = tokenised | "Count tokens" >> beam.Map(steps.count_tokens)
        plan = beam.pvalue.AsSingleton(
            pipeline
            | "Start of plan" >> beam.Create([folder])
            | "Plan"
            >> beam.Map(
                steps.make_plan,
                settings.splits,
                tokens_per_shard,
                beam.pvalue.AsList(counts),
                beam.pvalue.AsList(fates),
            )
        )
        records = (
            tokenised
            | "Place" >> beam.FlatMap(steps.place_documents, plan)
            | "Gather documents" >> beam.GroupByKey()
            | "Write" >> beam.Map(steps.write_shard, folder)
        )
        _ = (
            pipeline
            | "Start of manifests" >> beam.Create([folder])
            | "Write manifests"
            >> beam.Map(steps.write_manifests, settings, plan, beam.pvalue.AsList(records))
        )
    return _outcome(folder, settings.splits)


def _apache_beam() -> Any:
    try:
        import apache_beam
    except ImportError as error:
        raise ImportError(
            "Preparing a corpus at scale needs Apache Beam, the extra `beam`: "
            '`pip install -e ".[beam]"`, or `pip install "apache-beam>=2.77,<3"`. Without it, '
            "`build_shards` writes the same shards on one machine."
        ) from error
    return apache_beam


def _refuse_unknown(options) -> None:
    """Refuses flags that nobody reads; other runners may know more than Beam itself."""
    known = options.get_all_options()
    unknown = options.get_all_options(retain_unknown_options=True).keys() - known.keys()
    if unknown and known["runner"] in ("FnApiRunner", "DirectRunner"):
        names = ", ".join(f"`{name}`" for name in sorted(unknown))
        raise ValueError(f"Neither this builder nor Apache Beam has an option {names}.")


def _make_room(folder: str, overwrite: bool) -> None:
    names = [f"{split}/{name}" for split in (TRAIN, HELDOUT) for name in ("*.npy", MANIFEST)]
    files = list_files([f"{folder}/{name}" for name in (*names, PROGRESS)])
    if files and not overwrite:
        raise FileExistsError(
            f"There are shards in {folder}. Choose another `--output`, or delete them with "
            "`--overwrite`."
        )
    delete_files(files)


def _without_near_duplicates(chunks, finder: NearDuplicates):
    import apache_beam as beam

    late = (
        chunks
        | "Keys" >> beam.FlatMap(steps.keys_of_documents, finder)
        | "Same key" >> beam.GroupByKey()
        | "Later ones" >> beam.FlatMap(steps.later_ones)
    )
    return (
        (chunks, late)
        | "Mark later ones" >> beam.CoGroupByKey()
        | "Leave out" >> beam.Map(steps.leave_out)
    )


def _outcome(folder: str, splits: Sequence[str]) -> dict[str, int]:
    manifests = []
    for split in splits:
        with open_file(f"{folder}/{split}/{MANIFEST}") as file:
            manifests.append(json.loads(file.read()))
    left_out = {
        steps.EXCLUDED: manifests[0]["num_excluded_documents"],
        **manifests[0].get(steps.REMOVED, {}),
        "without a token": sum(manifest["num_empty_documents"] for manifest in manifests),
    }
    kept = sum(manifest["num_documents"] for manifest in manifests)
    read = kept + sum(left_out.values())
    return {steps.READ: read, **{fate: n for fate, n in left_out.items() if n}, "kept": kept}
