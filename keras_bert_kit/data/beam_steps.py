"""The steps of the pipeline that `beam_builder.py` puts together: what its workers do.

Between steps documents are plain tuples, which travel best: first `(number, num_excluded, lines)`,
the number of a document in its source and how many were left out there before it, then the
arguments of `ShardWriter.add`.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from sys import maxsize
from typing import NamedTuple

import numpy as np

from keras_bert_kit.data.beam_files import write_file
from keras_bert_kit.data.build_settings import HELDOUT, TRAIN, BuildSettings
from keras_bert_kit.data.corpus import Corpus, Document
from keras_bert_kit.data.near_duplicates import NearDuplicates
from keras_bert_kit.data.parallel_tokenizer import Tokenize, each_document, tokenize_documents
from keras_bert_kit.data.quality import QualityRules
from keras_bert_kit.data.shard_builder import CHUNK_CHARACTERS
from keras_bert_kit.data.shard_plan import ShardPlan
from keras_bert_kit.data.shard_settings import describe_split
from keras_bert_kit.data.shard_writer import ShardWriter, json_bytes
from keras_bert_kit.data.shards import MANIFEST, shard_paths
from keras_bert_kit.quiet import standard_error_closed

READ, EXCLUDED, NEAR_DUPLICATES = "read", "excluded", "near duplicates"  # fates of documents
FATES = "fates"  # the tag of their counts
REMOVED = "num_removed_documents"  # of a manifest, by reason
REMOVING = {"quality", "near_duplicates"}  # options of a manifest that the local builder has not

Key = tuple[str, int, int]
"""Of a chunk, documents of one split and one source that follow each other: the split, the index of
the source, and the number of the chunk."""


class Plan(NamedTuple):
    """What a worker must know of the documents that others have."""

    shards: dict[str, ShardPlan]
    excluded_before: list[int]  # documents that were excluded in the sources before each
    fates: dict[str, int]  # of all documents


def read_chunks(
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


def keys_of_documents(chunk: tuple[Key, list], finder: NearDuplicates) -> Iterator:
    """For each key of each document its place: source and number, to compare, and chunk."""
    key, documents = chunk
    for number, _, document in documents:
        for shared in finder.keys(document):
            yield shared, (key[1], number, key)


def later_ones(group: tuple[bytes, Iterable]) -> Iterator:
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


def leave_out(chunk: tuple[Key, tuple[Iterable, Iterable]]) -> tuple[Key, list]:
    """The documents of a chunk but those whose numbers stand beside them, any number of times."""
    key, ((documents,), late) = chunk
    late = set(late)
    return key, [document for document in documents if document[0] not in late]


def tokenise(chunk: tuple[Key, list], settings: BuildSettings, shared) -> tuple[Key, list]:
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


def count_tokens(chunk: tuple[Key, list]) -> tuple[Key, np.ndarray]:
    """The number of tokens of each document."""
    key, documents = chunk
    return key, np.array([len(tokens) for tokens, *_ in documents], np.int32)


def make_plan(
    folder: str,
    splits: Sequence[str],
    tokens_per_shard: int,
    counts: list[tuple[Key, np.ndarray]],
    fates: list[tuple[int, dict[str, int]]],
) -> Plan:
    """Where shards begin, from the tokens of all documents.

    Args:
        folder: where the shards go, for the message.
        splits: their names.
        tokens_per_shard: see `ShardPlan`.
        counts: what `count_tokens` gave for each chunk.
        fates: what `read_chunks` gave for each source.

    Raises:
        ValueError: if a split would be empty.
    """
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
    return Plan(shards, excluded_before, dict(total))


def _chunk(key: Key) -> int:
    return key[1] << 32 | key[2]


def place_documents(chunk: tuple[Key, list], plan: Plan) -> Iterator:
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


def write_shard(shard: tuple[tuple[str, int], Iterable], folder: str) -> tuple[str, int, dict]:
    """Writes the files of a shard from its parts; returns its split, its index and its record."""
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


def write_manifests(
    folder: str, settings: BuildSettings, plan: Plan, records: list[tuple[str, int, dict]]
) -> None:
    """Writes the manifests, that of the training split last: with it the shards are complete."""
    header = dict(settings.header)
    if header["options"].keys() & REMOVING:
        removed = {fate: n for fate, n in plan.fates.items() if n and fate not in (READ, EXCLUDED)}
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
