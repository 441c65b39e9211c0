"""A corpus, tokenised once, to shards on the disk: in parallel, in constant memory, restartable.

The result depends on the corpus and the options alone: not on the number of processes, nor on
whether the build was killed and run again on the way.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from keras_bert_kit.atomic_file import UNFINISHED
from keras_bert_kit.data.build_progress import BuildProgress
from keras_bert_kit.data.build_settings import (
    HELDOUT,
    TRAIN,
    build_settings,
    choose_tokenizer,
    splits_of,
)
from keras_bert_kit.data.corpus import Corpus, Document, Position
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.data.heldout import choose_heldout
from keras_bert_kit.data.made_shards import folder_of_shards, take_shards
from keras_bert_kit.data.parallel_tokenizer import (
    TokenizedDocuments,
    each_document,
    tokenize_in_order,
)
from keras_bert_kit.data.shard_settings import describe_split, refuse_differences
from keras_bert_kit.data.shard_writer import ShardWriter, write_json
from keras_bert_kit.data.shards import MANIFEST, Shards
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary

PROGRESS = "progress.json"
CHUNK_CHARACTERS = 1 << 20  # of documents handed to a process at a time
BYTES_PER_PROCESS = 16 << 20  # fewer bytes of input are not worth the start of TensorFlow

logger = logging.getLogger(__name__)


def build_shards(
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
    num_processes: int | None = None,
    text_field: str = "text",
    encoding: str = "utf-8",
    undecodable: str = "error",
    exclude: ExcludedTexts | None = None,
    progress: bool = True,
) -> dict[str, Shards]:
    """Tokenises a corpus to `folder/train` and `folder/heldout`, or goes on with it.

    Killed at any moment and run again, it goes on after the last whole shard. Shards that are
    complete are taken as they are. `Shards` has an example.

    Args:
        sources: what to read, see `Corpus`; or a folder of shards, such as `build_shards_with_beam`
            makes, to be taken as they are.
        folder: where the shards go.
        vocabulary: the vocabulary whose ids are written, WordPiece or byte-level BPE.
        lowercase: whether the WordPiece tokenizer lowercases and strips accents; byte-level BPE
            never does.
        strip_accents: whether it strips accents, if otherwise than `lowercase`.
        add_prefix_space: see `BytePairTokenizer`.
        heldout_fraction: share of documents that go to `heldout`, see `choose_heldout`; 0 for none.
        seed: of the choice of held-out documents.
        tokens_per_shard: how many tokens a shard has at most. A document is never cut: one that is
            longer has a shard of its own.
        num_processes: processes that tokenise; by default one a core, and fewer for a small corpus.
            With 1, no process is started.
        text_field: see `Corpus`.
        encoding: see `Corpus`.
        undecodable: see `Corpus`.
        exclude: texts to leave out, in neither split; how many there were is logged.
        progress: whether to show progress on standard error.

    Returns:
        The shards by split: `{"train": ..., "heldout": ...}`, without the latter if the fraction is
        0.

    Raises:
        FileNotFoundError: if a source does not exist.
        ValueError: if a file cannot be read, an option is out of range, a side of the split would
            be empty, or `folder` holds shards of another corpus, vocabulary or other options.
        OSError: if the shards cannot be written.
        RuntimeError: if a process died.
    """
    if num_processes is not None and num_processes < 1:
        raise ValueError(f"`num_processes` must be at least 1. Received: {num_processes}.")
    folder = Path(folder)
    if made := folder_of_shards(sources):
        lowercase, unusual, *_ = choose_tokenizer(
            vocabulary, lowercase, strip_accents, add_prefix_space
        )
        same = {"lowercase": lowercase, "strip_accents": None, "add_prefix_space": None} | unusual
        same |= {} if exclude is None else {"exclude": str(exclude)}
        return take_shards(made, splits_of(heldout_fraction), vocabulary, same)
    corpus = Corpus(
        sources,
        text_field=text_field,
        encoding=encoding,
        undecodable=undecodable,
        exclude=exclude,
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
    header, splits = settings.header, settings.splits

    if (folder / TRAIN / MANIFEST).exists():  # the last file that a build writes
        refuse_differences(folder, Shards(folder / TRAIN).manifest, header)
        (folder / PROGRESS).unlink(missing_ok=True)
        shards = {split: Shards(folder / split) for split in splits}
        logger.info("Reused the shards in %s: %s.", folder, _counts(shards))
        _tell_excluded(shards[TRAIN], exclude)
        return shards
    build = _Build(folder, header, splits, tokens_per_shard)
    is_heldout = choose_heldout(corpus, heldout_fraction, seed)
    num_before = build.num_excluded
    chunks = _chunks(corpus, is_heldout, build.ends, num_before)
    num_processes = num_processes or _default_processes(corpus)
    try:
        with BuildProgress(corpus, enabled=progress) as shown:
            for labels, documents in tokenize_in_order(
                chunks, settings.make_tokenize, num_processes, settings.joint
            ):
                build.add(labels, documents)
                shown.advance(len(documents.tokens))
        build.finish(num_before + corpus.num_excluded)
    except KeyboardInterrupt:
        logger.warning(
            "Stopped with %d whole shard(s) in %s. Run the same again to go on.",
            build.num_shards,
            folder,
        )
        raise
    shards = {split: Shards(folder / split) for split in splits}
    logger.info("Wrote the shards in %s: %s.", folder, _counts(shards))
    _tell_excluded(shards[TRAIN], exclude)
    num_empty = sum(shard.manifest["num_empty_documents"] for shard in shards.values())
    if num_empty:
        logger.warning("Dropped %d document(s) without a single token.", num_empty)
    return shards


class _Build:
    """The files of one build: new, or taken up where an earlier one ended."""

    def __init__(self, folder: Path, header: dict, splits: Sequence[str], tokens_per_shard: int):
        self.folder = folder
        self.header = header
        self.records: dict[str, list[dict]] = {split: [] for split in splits}
        if (folder / PROGRESS).exists():
            begun = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
            refuse_differences(folder, begun, header, also=("made_with",))
            self.records = begun["shards"]
            logger.info("Going on in %s after %d whole shard(s).", folder, self.num_shards)
        for place in (folder, *(folder / split for split in splits)):
            for unfinished in place.glob(f"*{UNFINISHED}"):  # of a build that was killed
                unfinished.unlink()
        self.writers = {
            split: ShardWriter(folder / split, tokens_per_shard, self.records[split], self._save)
            for split in splits
        }
        self._save()  # fails now, not in an hour, if the folder cannot be written to

    @property
    def num_shards(self) -> int:
        return sum(map(len, self.records.values()))

    @property
    def ends(self) -> dict[str, Position]:
        """Per split, the position in the corpus up to which its documents are in shards."""
        return {
            split: tuple(made[-1]["end"]) if made else (0, 0)
            for split, made in self.records.items()
        }

    @property
    def num_excluded(self) -> int:
        """How many documents were left out before the first of these positions."""
        last = [made[-1] if made else {"end": [0, 0]} for made in self.records.values()]
        return min(last, key=lambda record: record["end"]).get("excluded_before_end", 0)

    def add(self, labels: list, documents: TokenizedDocuments) -> None:
        found = each_document(documents)
        for (split, position, num_excluded), document in zip(labels, found, strict=True):
            self.writers[split].add(*document, position, num_excluded)

    def finish(self, num_excluded: int) -> None:
        for split, writer in self.writers.items():
            writer.flush()
            if not self.records[split]:
                raise ValueError(
                    f"No document for {self.folder / split} has a single token: there is nothing "
                    "but control characters in them."
                )
        for split, writer in self.writers.items():
            manifest = describe_split(
                self.header, split, self.records[split], writer.num_empty, num_excluded
            )
            write_json(self.folder / split / MANIFEST, manifest)
        (self.folder / PROGRESS).unlink()

    def _save(self) -> None:
        write_json(self.folder / PROGRESS, self.header | {"shards": self.records})


def _chunks(
    corpus: Corpus,
    is_heldout: Callable[[Document], bool],
    ends: dict[str, Position],
    num_excluded: int,
) -> Iterator[tuple[list, list[Document]]]:
    """Chunks of documents that are not in a shard yet.

    A document's label is its split, its position, and how many were left out before it.
    """
    labels, documents, length = [], [], 0
    for position, document in corpus.documents(min(ends.values())):
        split = HELDOUT if is_heldout(document) else TRAIN
        if position <= ends[split]:
            continue
        labels.append((split, position, num_excluded + corpus.num_excluded))
        documents.append(document)
        length += sum(map(len, document))
        if length >= CHUNK_CHARACTERS:
            yield labels, documents
            labels, documents, length = [], [], 0
    if documents:
        yield labels, documents


def _default_processes(corpus: Corpus) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, corpus.size // BYTES_PER_PROCESS))


def _tell_excluded(shards: Shards, exclude: ExcludedTexts | None) -> None:
    """Logs how many documents were left out; none at all may be a mistake."""
    if exclude is not None:
        num = shards.num_excluded_documents
        logger.log(
            logging.INFO if num else logging.WARNING,
            "Left out %d document(s) that equal one of the %d texts to exclude.",
            num,
            len(exclude),
        )


def _counts(shards: dict[str, Shards]) -> str:
    return ", ".join(
        f"{split} {one.num_documents:,} documents, {one.num_sentences:,} sentences, "
        f"{one.num_tokens:,} tokens in {one.num_shards} shard(s)"
        for split, one in sorted(shards.items(), reverse=True)
    )
