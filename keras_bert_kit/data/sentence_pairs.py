"""Plans BERT's next-sentence examples: which sentences make A and B, and whether B follows A."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from keras_bert_kit.data.examples import Examples

DRAWS_AT_ONCE = 1024


@dataclass(frozen=True)
class SentencePairs:
    """Next-sentence examples `[CLS] A [SEP] B [SEP]`.

    Whole sentences of a document are collected until they reach the target number of tokens:
    `sequence_length - 3`, or, for one example in ten, a number drawn from 2 up to that. A takes the
    first few of them. By the toss of a coin, B takes the rest; or it takes as many tokens from a
    random sentence onwards of another document, and the rest begins the next example. Whatever is
    too long loses tokens at random ends of the longer segment, one by one.

    This is the authors' `create_pretraining_data.py` but for two points. The short lengths are
    drawn for each example and not for each document, so that one example in ten is short, however
    long the documents are. And the other document is never the same one: they stop looking after
    ten tries.
    As there, a chunk of one sentence always gets a random B, so that of all examples somewhat more
    than half are random; a predictor that always says "random" is the baseline to beat.

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
        """Refuses options out of range."""
        if self.sequence_length < 5:
            raise ValueError(
                "`sequence_length` must be at least 5 for sentence pairs, three special tokens and "
                f"one token in each segment; received {self.sequence_length}."
            )

    @property
    def max_tokens(self) -> int:
        """The most tokens that A and B hold together."""
        return self.sequence_length - 3

    def check(self, shards) -> None:
        """Makes sure that pairs can be made of a split.

        Raises:
            ValueError: if the split has fewer than two documents.
        """
        if shards.num_documents < 2:
            raise ValueError(
                "Next-sentence prediction needs at least 2 documents, as a random B comes from "
                f"another one; received {shards.num_documents}. Put a blank line between "
                "documents, add text, or use pairs='full_sentences', which goes without."
            )

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

    def plan(
        self, shards, members: Sequence[int], cuts: Sequence[np.ndarray], rng: np.random.Generator
    ) -> Examples:
        """Plans the examples of some shards of a split.

        Args:
            shards: the split, a `Shards`: the random B come from all of it.
            members: the numbers of the shards to take examples from.
            cuts: what `cut` gave for each of them.
            rng: what the draws come from.

        Returns:
            The examples, A and B of each, in the order of `cuts`: shuffle them.
        """
        first_document = np.concatenate([[0], np.cumsum(shards.document_counts)])
        a_spans, b_spans, b_shards, documents = [], [], [], []
        for index, cut in zip(members, cuts, strict=True):
            shard = shards.shard(index)
            bounds = np.concatenate([[0], shard.sentence_ends])
            a_spans.append(bounds[cut[:, 0:2]])
            b_spans.append(bounds[cut[:, 1:3]])
            b_shards.append(np.full(len(cut), index))
            documents.append(
                first_document[index] + np.searchsorted(shard.document_ends, cut[:, 0], "right")
            )
        a_spans, b_spans, b_shards, documents, cuts = (
            np.concatenate(parts) for parts in (a_spans, b_spans, b_shards, documents, cuts)
        )
        a_shards = b_shards.copy()
        is_random = cuts[:, 4] == 1
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


def _spans_elsewhere(
    shards, first_document: np.ndarray, documents: np.ndarray, lengths: np.ndarray, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Draws, for each of `documents`, a span of about `lengths` tokens in another document.

    Returns:
        The shard of each, `(n,)`, and its first and last token plus one, `(n, 2)`.
    """
    # Uniform over all but one: draw from one fewer, and step over the one.
    others = rng.integers(0, first_document[-1] - 1, len(documents))
    others += others >= documents
    in_shard = np.searchsorted(first_document, others, side="right") - 1
    spans = np.empty((len(documents), 2), np.int64)
    # Shard by shard, so that each is opened once.
    by_shard = np.argsort(in_shard, kind="stable")
    members, counts = np.unique(in_shard, return_counts=True)
    for index, rows in zip(members, np.split(by_shard, np.cumsum(counts)[:-1]), strict=True):
        shard = shards.shard(int(index))
        sentence_ends = np.asarray(shard.sentence_ends)
        document_ends = np.asarray(shard.document_ends)
        local = others[rows] - first_document[index]
        last = document_ends[local]
        first = rng.integers(np.where(local > 0, document_ends[local - 1], 0), last)
        start = np.where(first > 0, sentence_ends[first - 1], 0)
        # At least one sentence, then as many as it takes to reach the length.
        reached = np.searchsorted(sentence_ends, start + np.maximum(lengths[rows], 1), "left")
        spans[rows, 0] = start
        spans[rows, 1] = sentence_ends[np.minimum(reached, last - 1)]
    return in_shard, spans


def _truncate(a: np.ndarray, b: np.ndarray, max_tokens: int, rng: np.random.Generator) -> None:
    """Shortens the spans `(N, 2)` of A and B in place, to `max_tokens` together.

    The original takes a token off the longer segment (B if they are equal), from the front or the
    back by the toss of a coin, until they fit. What is left of each is thus fixed by the lengths,
    and the number of tokens that it loses at the front is binomial.
    """
    a_length, b_length = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]
    a_share = np.maximum(max_tokens - b_length, (max_tokens + 1) // 2)
    a_kept = np.minimum(a_length, a_share)
    b_kept = np.minimum(b_length, max_tokens - a_kept)
    for spans, length, kept in (a, a_length, a_kept), (b, b_length, b_kept):
        spans[:, 0] += rng.binomial(length - kept, 0.5)
        spans[:, 1] = spans[:, 0] + kept
