"""Plans RoBERTa's FULL-SENTENCES examples: as many sentences as fit, across documents, no NSP."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from keras_bert_kit.data.examples import Examples, ranges

DRAWS_AT_ONCE = 1024


@dataclass(frozen=True)
class FullSentences:
    """Examples `[CLS] sentences [SEP]`, with one more `[SEP]` where the next document begins.

    Whole sentences are taken in the order of the text while they fit; where a document ends, a
    `[SEP]` marks it and the next one goes on. The documents of a shard come in a new random order
    each time. A sentence that is too long for a row of its own is cut into rows; no token is lost.

    Args:
        sequence_length: tokens of an example, special tokens included: T.
        short_rate: the share of examples that are filled to a random length from 2 only, as BERT
            does it; RoBERTa does not.

    Raises:
        ValueError: if `sequence_length` leaves no room for a token.

    Reference:
        [Liu et al. 2019, section 4.2](https://arxiv.org/abs/1907.11692)
    """

    sequence_length: int = 128
    short_rate: float = 0.0

    def __post_init__(self):
        """Refuses options out of range."""
        if self.sequence_length < 4:
            raise ValueError(
                "`sequence_length` must be at least 4, two special tokens and two more; received "
                f"{self.sequence_length}."
            )

    @property
    def max_tokens(self) -> int:
        """The most tokens that a row of one document holds."""
        return self.sequence_length - 2

    def check(self, shards) -> None:
        """Makes sure that there is any text.

        Raises:
            ValueError: if the split has no documents.
        """
        if shards.num_documents < 1:
            raise ValueError("The shards hold no documents: add text.")

    def cut(self, shard, rng: np.random.Generator) -> np.ndarray:
        """Cuts the documents of a shard, in random order, into rows of at most T tokens.

        Args:
            shard: a `Shard`.
            rng: what the draws come from.

        Returns:
            `(S, 3)` int64, the segments in order: the number of the example, and the first token of
            the segment and the one after its last.
        """
        sentence_stop = np.asarray(shard.sentence_ends)
        sentence_start = np.concatenate([[0], sentence_stop[:-1]])
        document_stop = np.asarray(shard.document_ends)
        document_start = np.concatenate([[0], document_stop[:-1]])

        # The sentences in their new order, each with the place of its document.
        order = rng.permutation(len(document_stop))
        counts = (document_stop - document_start)[order]
        document = np.repeat(np.arange(len(order)), counts)
        sentence = ranges(document_start[order], counts)

        # Those that are too long, in pieces.
        length = (sentence_stop - sentence_start)[sentence]
        counts = -(-length // self.max_tokens)
        document = np.repeat(document, counts)
        start = ranges(np.zeros_like(counts), counts) * self.max_tokens
        start += np.repeat(sentence_start[sentence], counts)
        stop = np.minimum(start + self.max_tokens, np.repeat(sentence_stop[sentence], counts))

        # A row costs its tokens and one [SEP] for each document after its first.
        end_cost = np.cumsum(stop - start) + document
        rows = self._rows((end_cost - (stop - start)).tolist(), end_cost.tolist(), rng)
        row = np.repeat(np.arange(len(rows)), np.diff([*rows, len(start)]))
        begins = np.flatnonzero(np.diff(row * len(order) + document, prepend=-1))
        ends = np.append(begins[1:], len(start)) - 1
        return np.stack([row[begins], start[begins], stop[ends]], axis=1)

    def num_examples(self, cut: np.ndarray) -> int:
        """The number of examples in what `cut` gave."""
        return int(cut[-1, 0]) + 1

    def plan(self, shards, members: Sequence[int], cuts: Sequence[np.ndarray], rng) -> Examples:
        """Puts together the examples of some shards; see `SentencePairs.plan`."""
        del shards, rng
        counts = np.concatenate([np.bincount(cut[:, 0]) for cut in cuts])
        return Examples(
            shard=np.repeat(np.asarray(members), [len(cut) for cut in cuts]),
            start=np.concatenate([cut[:, 1] for cut in cuts]),
            stop=np.concatenate([cut[:, 2] for cut in cuts]),
            splits=np.concatenate([[0], np.cumsum(counts)]),
            is_random_next=np.zeros(len(counts), bool),
        )

    def _rows(self, start_cost: list[int], end_cost: list[int], rng) -> list[int]:
        """The first piece of each row."""

        def block():
            is_short = rng.random(DRAWS_AT_ONCE) < self.short_rate
            short = rng.integers(2, self.max_tokens, DRAWS_AT_ONCE, endpoint=True)
            return np.where(is_short, short, self.max_tokens).tolist()

        targets = chain.from_iterable(iter(block, None))
        rows, first = [], 0
        while first < len(end_cost):
            rows.append(first)
            # At least one piece, though a short target may be less.
            first = max(bisect_right(end_cost, start_cost[first] + next(targets), first), first + 1)
        return rows
