"""Plans next-sentence examples: which sentences make A, which make B, and whether B follows A.

A plan holds spans of tokens, not tokens: for 16 million tokens it takes a few megabytes and well
under a second, so an epoch can be planned window by window, in constant memory, and any batch of it
be found again without touching the text before it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

DRAWS_AT_ONCE = 4096


class Examples(NamedTuple):
    """N examples as rows of segments; a segment is `tokens[start:stop]` of one shard.

    The segments of example n are those from `splits[n]` to `splits[n + 1]`.

    Attributes:
        shard: `(S,)` int64, the shard that each segment lies in.
        start: `(S,)` int64, its first token.
        stop: `(S,)` int64, the token after its last.
        splits: `(N + 1,)` int64, where the segments of each example begin.
        is_random_next: `(N,)` bool, whether B comes from another document; None without B.
    """

    shard: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    splits: np.ndarray
    is_random_next: np.ndarray | None

    @property
    def num_examples(self) -> int:
        """The number of examples, N."""
        return len(self.splits) - 1


@dataclass(frozen=True)
class SentencePairs:
    """Next-sentence examples `[CLS] A [SEP] B [SEP]` of BERT.

    Whole sentences of a document are collected until they hold the target number of tokens:
    `sequence_length - 3`, or, for one example in ten, a number drawn from 2 up to that. A takes the
    first few of them, and B, by the toss of a coin, either the rest or as many tokens from a random
    sentence onwards of another document; the rest then begins the next example. Whatever is too long
    loses tokens at random ends of the longer segment, one by one.

    This is the authors' `create_pretraining_data.py` but for two points: the short lengths are drawn
    for each example and not for each document, so that one example in ten is short, however long the
    documents are; and the other document is never the same one (they stop looking after ten tries).
    As there, a chunk of one sentence always gets a random B, so that of all examples somewhat more
    than half are random.

    Args:
        sequence_length: tokens of an example, special tokens included: T.
        short_rate: the share of examples with a random, shorter target.

    Raises:
        ValueError: if `sequence_length` leaves no room for one token in A and one in B.

    Reference:
        [Devlin et al. 2018, sections 3.1 and A.2](https://arxiv.org/abs/1810.04805)
    """

    sequence_length: int = 128
    short_rate: float = 0.1

    def __post_init__(self):
        if self.sequence_length < 5:
            raise ValueError(
                "`sequence_length` must be at least 5 for sentence pairs, three special tokens and "
                f"one token in each segment; received {self.sequence_length}."
            )

    @property
    def max_tokens(self) -> int:
        """The most tokens that A and B hold together."""
        return self.sequence_length - 3

    def cut(self, shard, rng: np.random.Generator) -> np.ndarray:
        """Cuts the documents of a shard into chunks of sentences, one for each example.

        This is the part that must go step by step, as a chunk begins where the one before left off.

        Args:
            shard: a `Shard`.
            rng: what the draws come from.

        Returns:
            `(N, 5)` int64: the first sentence of A, of the rest, and after the chunk; the target
            length in tokens; 1 if B comes from another document.
        """
        bounds = [0, *shard.sentence_ends.tolist()]
        draws = self._draws(rng)
        cuts = []
        first = 0
        for document_end in shard.document_ends.tolist():
            while first < document_end:
                target, share, is_random = next(draws)
                stop = bisect_left(bounds, bounds[first] + target, first + 1, document_end)
                if stop == first + 1:
                    middle, is_random = stop, True
                else:
                    middle = first + 1 + int(share * (stop - first - 1))
                cuts += (first, middle, stop, target, is_random)
                first = middle if is_random else stop
        return np.array(cuts, np.int64).reshape(-1, 5)

    def num_examples(self, cut: np.ndarray) -> int:
        """The number of examples in what `cut` gave."""
        return len(cut)

    def plan(self, shards, members: Sequence[int], cuts: Sequence[np.ndarray], rng) -> Examples:
        """Plans the examples of some shards of a split.

        Args:
            shards: the split, a `Shards`: the random B come from all of it.
            members: the numbers of the shards to take examples from.
            cuts: what `cut` gave for each of them.
            rng: a `np.random.Generator`.

        Returns:
            The examples, one for each row of `cuts` and in the same order: shuffle them.

        Raises:
            ValueError: if the split has only one document.
        """
        num_documents = int(shards.num_documents)
        if num_documents < 2:
            raise ValueError(
                "Next-sentence prediction needs at least 2 documents, as a random B comes from "
                f"another one; received {num_documents}. Put a blank line between documents, add "
                "text, or use pairs='full_sentences', which goes without next-sentence prediction."
            )
        first_document = np.concatenate([[0], np.cumsum(shards.document_counts)])
        a_spans, b_spans, b_shards, documents = [], [], [], []
        for index, cut in zip(members, cuts, strict=True):
            shard = shards.shard(index)
            bounds = np.concatenate([[0], shard.sentence_ends])
            first, middle, stop = (bounds[cut[:, column]] for column in range(3))
            a_spans.append(np.stack([first, middle], axis=1))
            b_spans.append(np.stack([middle, stop], axis=1))
            b_shards.append(np.full(len(cut), index))
            within = np.searchsorted(shard.document_ends, cut[:, 0], side="right")
            documents.append(first_document[index] + within)
        a_spans, b_spans, b_shards, documents, cuts = (
            np.concatenate(parts) for parts in (a_spans, b_spans, b_shards, documents, cuts)
        )
        is_random = cuts[:, 4] == 1
        a_shards = b_shards.copy()
        b_lengths = cuts[:, 3] - (a_spans[:, 1] - a_spans[:, 0])
        b_shards[is_random], b_spans[is_random] = _spans_elsewhere(
            shards, first_document, documents[is_random], b_lengths[is_random], rng
        )
        _truncate(a_spans, b_spans, self.max_tokens, rng)
        return Examples(
            shard=np.stack([a_shards, b_shards], axis=1).ravel(),
            start=np.stack([a_spans[:, 0], b_spans[:, 0]], axis=1).ravel(),
            stop=np.stack([a_spans[:, 1], b_spans[:, 1]], axis=1).ravel(),
            splits=np.arange(0, 2 * len(is_random) + 1, 2),
            is_random_next=is_random,
        )

    def _draws(self, rng: np.random.Generator) -> Iterator[tuple[int, float, bool]]:
        """Endless (target length, share of the sentences for A, whether B is random)."""

        def block():
            is_short, share, coin = rng.random((3, DRAWS_AT_ONCE))
            short = rng.integers(2, self.max_tokens, DRAWS_AT_ONCE, endpoint=True)
            targets = np.where(is_short < self.short_rate, short, self.max_tokens)
            return zip(targets.tolist(), share.tolist(), (coin < 0.5).tolist(), strict=True)

        return chain.from_iterable(iter(block, None))


def _spans_elsewhere(shards, first_document, documents, lengths, rng):
    """Draws, for each of `documents`, a span of about `lengths` tokens of another document."""
    # Uniform over all but one: draw from one fewer, and step over the one.
    others = rng.integers(0, first_document[-1] - 1, len(documents))
    others += others >= documents
    share = rng.random(len(documents))
    in_shard = np.searchsorted(first_document, others, side="right") - 1
    spans = np.empty((len(documents), 2), np.int64)
    by_shard = np.argsort(in_shard, kind="stable")
    members, counts = np.unique(in_shard, return_counts=True)
    for index, rows in zip(members, np.split(by_shard, np.cumsum(counts)[:-1]), strict=True):
        shard = shards.shard(int(index))
        local = others[rows] - first_document[index]
        end = np.asarray(shard.document_ends)[local]
        begin = np.where(local > 0, shard.document_ends[np.maximum(local - 1, 0)], 0)
        first = begin + (share[rows] * (end - begin)).astype(np.int64)
        ends = np.asarray(shard.sentence_ends)
        start = np.where(first > 0, ends[np.maximum(first - 1, 0)], 0)
        # At least one sentence, then as many as it takes to reach the length.
        reached = np.searchsorted(ends, start + np.maximum(lengths[rows], 1), side="left")
        spans[rows, 0] = start
        spans[rows, 1] = ends[np.minimum(reached, end - 1)]
    return in_shard, spans


def _truncate(a: np.ndarray, b: np.ndarray, max_tokens: int, rng: np.random.Generator) -> None:
    """Shortens spans `(N, 2)` in place to `max_tokens` together.

    The original takes a token off the longer segment (B if they are equal), from the front or the
    back by the toss of a coin, until they fit. What is left of each is thus fixed by the lengths,
    and the tokens that it loses at the front are binomial.
    """
    a_length, b_length = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]
    a_share = np.maximum(max_tokens - b_length, (max_tokens + 1) // 2)
    a_kept = np.where(a_length + b_length > max_tokens, np.minimum(a_length, a_share), a_length)
    b_kept = np.minimum(b_length, max_tokens - a_kept)
    for spans, length, kept in (a, a_length, a_kept), (b, b_length, b_kept):
        spans[:, 0] += rng.binomial(length - kept, 0.5)
        spans[:, 1] = spans[:, 0] + kept
