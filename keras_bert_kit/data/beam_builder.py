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
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from sys import maxsize
from typing import Any, NamedTuple

import numpy as np

from keras_bert_kit.data.beam_files import (
    delete_files,
    find_remote_sources,
    list_files,
    open_file,
    write_file,
)
from keras_bert_kit.data.corpus import Corpus, Document
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.data.heldout import choose_heldout
from keras_bert_kit.data.near_duplicates import NearDuplicates
from keras_bert_kit.data.parallel_tokenizer import Tokenize, each_document, tokenize_documents
from keras_bert_kit.data.quality import QualityRules
from keras_bert_kit.data.shard_builder import (
    CHUNK_CHARACTERS,
    HELDOUT,
    TRAIN,
    BuildSettings,
    build_settings,
)
from keras_bert_kit.data.shard_plan import ShardPlan
from keras_bert_kit.data.shard_settings import describe_split
from keras_bert_kit.data.shard_writer import ShardWriter, json_bytes
from keras_bert_kit.data.shards import MANIFEST, shard_paths
from keras_bert_kit.quiet import standard_error_closed
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary

READ, EXCLUDED, NEAR_DUPLICATES, KEPT = "read", "excluded", "near duplicates", "kept"
FATES = "fates"
OPTIONS = {"quality", "near_duplicates"}  # of a manifest, that other builders do not have
REMOVED = "num_removed_documents"  # of a manifest, by reason

Key = tuple[str, int, int]
"""Of a chunk, documents of one split and one source that follow each other: the split, the index of
the source, and the number of the chunk."""


class _Plan(NamedTuple):
    """What a worker must know of the documents that others have."""

    shards: dict[str, ShardPlan]
    excluded_before: list[int]  # documents that were excluded in the sources before each
    fates: dict[str, int]  # of all documents


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
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    from apache_beam.utils.shared import Shared

    options = PipelineOptions(list(flags))
    standard = options.view_as(StandardOptions)
    # What `DirectRunner` is too, once it has tried to download another one.
    standard.runner = standard.runner or "FnApiRunner"
    _refuse_unknown(options)
    folder = str(folder)
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
            >> beam.FlatMap(_read, corpus, is_heldout, quality).with_outputs(FATES, main="chunks")
        )
        if finder:
            chunks = _without_near_duplicates(chunks, finder)
        else:
            chunks |= "Spread documents" >> beam.Reshuffle()
        tokenised = chunks | "Tokenise" >> beam.Map(_tokenise, settings, Shared())
        counts = tokenised | "Count tokens" >> beam.Map(_count)
        plan = beam.pvalue.AsSingleton(
            pipeline
            | "Start of plan" >> beam.Create([folder])
            | "Plan"
            >> beam.Map(
                _plan,
                settings.splits,
                tokens_per_shard,
                beam.pvalue.AsList(counts),
                beam.pvalue.AsList(fates),
            )
        )
        records = (
            tokenised
            | "Place" >> beam.FlatMap(_place, plan)
            | "Gather documents" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, folder)
        )
        _ = (
            pipeline
            | "Start of manifests" >> beam.Create([folder])
            | "Write manifests"
            >> beam.Map(_write_manifests, settings, plan, beam.pvalue.AsList(records))
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
    files = list_files([f"{folder}/{split}/*" for split in (TRAIN, HELDOUT)])
    files += list_files([f"{folder}/progress.json"])
    if files and not overwrite:
        raise FileExistsError(
            f"There are shards in {folder}. Choose another `--output`, or delete them with "
            "`--overwrite`."
        )
    delete_files(files)


def _read(
    index: int,
    corpus: Corpus,
    is_heldout: Callable[[Document], bool],
    quality: QualityRules | None,
) -> Iterator:
    """Chunks of one source, and tagged with `FATES` what became of its documents.

    A document is its number, how many of the source were left out before it, and its lines.
    """
    from apache_beam.pvalue import TaggedOutput

    fates: Counter[str] = Counter()
    chunks: dict[str, list] = {TRAIN: [], HELDOUT: []}
    lengths, numbers = Counter(), Counter()
    for number, document in enumerate(corpus.source_documents(index), start=1):
        fates[READ] += 1
        if corpus.exclude is not None and document in corpus.exclude:
            fates[EXCLUDED] += 1
            continue
        if quality and (rule := quality.broken_by(document)):
            fates[rule] += 1
            continue
        split = HELDOUT if is_heldout(document) else TRAIN
        chunks[split].append((number, fates[EXCLUDED], document))
        lengths[split] += sum(map(len, document))
        if lengths[split] >= CHUNK_CHARACTERS:
            yield (split, index, numbers[split]), chunks[split]
            numbers[split] += 1
            chunks[split], lengths[split] = [], 0
    for split, documents in chunks.items():
        if documents:
            yield (split, index, numbers[split]), documents
    yield TaggedOutput(FATES, (index, dict(fates)))


def _without_near_duplicates(chunks, finder: NearDuplicates):
    import apache_beam as beam

    late = (
        chunks
        | "Keys" >> beam.FlatMap(_keys, finder)
        | "Same key" >> beam.GroupByKey()
        | "Later ones" >> beam.FlatMap(_later_ones)
    )
    return (
        (chunks, late)
        | "Mark later ones" >> beam.CoGroupByKey()
        | "Leave out" >> beam.Map(_leave_out)
    )


def _keys(chunk: tuple[Key, list], finder: NearDuplicates) -> Iterator:
    """For each key of each document its place: source and number, to compare, and chunk."""
    key, documents = chunk
    for number, _, document in documents:
        for shared in finder.keys(document):
            yield shared, (key[1], number, key)


def _later_ones(group: tuple[bytes, Iterable]) -> Iterator:
    """All but the first of the documents that share a key; there may be millions."""
    _, places = group
    first = None
    for place in places:
        if first is None:
            first = place
            continue
        first, later = min(first, place), max(first, place)
        _, number, chunk = later
        yield chunk, number


def _leave_out(chunk: tuple[Key, tuple[Iterable, Iterable]]) -> tuple[Key, list]:
    key, ((documents,), late) = chunk
    late = set(late)
    return key, [document for document in documents if document[0] not in late]


def _tokenise(chunk: tuple[Key, list], settings: BuildSettings, shared) -> tuple[Key, list]:
    """Documents as `ShardWriter.add` takes them."""
    key, documents = chunk
    if not documents:  # all were near duplicates
        return key, []
    tokenize: Tokenize = shared.acquire(lambda: _tokenizer(settings))  # one a process
    lines = [document for _, _, document in documents]
    tokenised = each_document(tokenize_documents(lines, tokenize, settings.joint))
    return key, [
        (*found, (key[1], number), num_excluded)
        for (number, num_excluded, _), found in zip(documents, tokenised, strict=True)
    ]


def _tokenizer(settings: BuildSettings) -> Tokenize:
    with standard_error_closed():
        tokenize = settings.make_tokenize()
        tokenize(["a"])  # what TensorFlow says at its start is said now
    return tokenize


def _count(chunk: tuple[Key, list]) -> tuple[Key, np.ndarray]:
    key, documents = chunk
    return key, np.array([len(tokens) for tokens, *_ in documents], np.int32)


def _plan(
    folder: str,
    splits: Sequence[str],
    tokens_per_shard: int,
    counts: list[tuple[Key, np.ndarray]],
    fates: list[tuple[int, dict[str, int]]],
) -> _Plan:
    total: Counter[str] = Counter()
    excluded_before = []
    for _, of_source in sorted(fates, key=itemgetter(0)):
        excluded_before.append(total[EXCLUDED])
        total.update(of_source)
    known = sum(number for fate, number in total.items() if fate != READ)
    total[NEAR_DUPLICATES] = total[READ] - known - sum(len(tokens) for _, tokens in counts)
    shards = {}
    for split in splits:
        found = [(_chunk(key), tokens) for key, tokens in counts if key[0] == split]
        chunks, token_counts = [c for c, _ in found], [tokens for _, tokens in found]
        shards[split] = ShardPlan(chunks, token_counts, tokens_per_shard)
        if not shards[split].num_shards:
            left_out = ", ".join(f"{n} {fate}" for fate, n in total.items() if n and fate != READ)
            raise ValueError(
                f"No document is left for {folder}/{split} that has a token. Of {total[READ]} "
                f"documents were left out: {left_out or 'none'}. Give more text, or leave out less."
            )
    return _Plan(shards, excluded_before, dict(total))


def _chunk(key: Key) -> int:
    return key[1] << 32 | key[2]


def _place(chunk: tuple[Key, list], plan: _Plan) -> Iterator:
    """The documents of a chunk by their shards."""
    key, documents = chunk
    split, source, _ = key
    shards = plan.shards[split]
    placed = zip(shards.shards(_chunk(key), len(documents)).tolist(), documents, strict=True)
    for shard, group in groupby(placed, key=itemgetter(0)):
        if shard < shards.num_shards:  # otherwise they have no token
            yield (
                (split, shard),
                (
                    key,
                    [
                        (*document, num_excluded + plan.excluded_before[source])
                        for _, (*document, num_excluded) in group
                    ],
                ),
            )


def _write(shard: tuple[tuple[str, int], Iterable], folder: str) -> tuple[str, int, dict]:
    (split, index), parts = shard
    records: list[dict] = []
    with tempfile.TemporaryDirectory() as place:
        writer = ShardWriter(Path(place), maxsize, records, written=lambda: None)
        for _, documents in sorted(parts, key=itemgetter(0)):
            for document in documents:
                writer.add(*document)
        writer.flush()
        names = shard_paths(Path(split), index)
        for path, name in zip(shard_paths(Path(place), 0), names, strict=True):
            write_file(f"{folder}/{name.as_posix()}", path.read_bytes())
    return split, index, records[0]


def _write_manifests(
    folder: str, settings: BuildSettings, plan: _Plan, records: list[tuple[str, int, dict]]
) -> None:
    header = dict(settings.header)
    if header["options"].keys() & OPTIONS:
        removed = {fate: n for fate, n in plan.fates.items() if fate not in (READ, EXCLUDED)}
        header[REMOVED] = removed
    in_order = sorted(records, key=itemgetter(0, 1))
    for split in settings.splits:
        manifest = describe_split(
            header,
            split,
            [record for name, _, record in in_order if name == split],
            plan.shards[split].num_empty_at_end,
            plan.fates.get(EXCLUDED, 0),
        )
        write_file(f"{folder}/{split}/{MANIFEST}", json_bytes(manifest))


def _outcome(folder: str, splits: Sequence[str]) -> dict[str, int]:
    manifests = []
    for split in splits:
        with open_file(f"{folder}/{split}/{MANIFEST}") as file:
            manifests.append(json.loads(file.read()))
    left_out = {
        EXCLUDED: manifests[0]["num_excluded_documents"],
        **manifests[0].get(REMOVED, {}),
        "without a token": sum(manifest["num_empty_documents"] for manifest in manifests),
    }
    kept = sum(manifest["num_documents"] for manifest in manifests)
    read = kept + sum(left_out.values())
    return {READ: read, **{fate: n for fate, n in left_out.items() if n}, KEPT: kept}
