"""Planned examples: spans of tokens, not tokens, so that a plan takes little memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Examples(NamedTuple):
    """N examples as rows of segments; a segment is `tokens[start:stop]` of one shard.

    The segments of example n are those from `splits[n]` to `splits[n + 1]`.

    Attributes:
        shard: `(S,)` int64, the shard that each segment lies in.
        start: `(S,)` int64, its first token.
        stop: `(S,)` int64, the token after its last.
        splits: `(N + 1,)` int64, where the segments of each example begin, and their number.
        is_random_next: `(N,)` bool, whether B comes from another document; all False without B.

    Example:
        >>> columns = [0, 0, 4], [2, 9, 0], [5, 12, 6], [0, 2, 3], [False, False]
        >>> plan = Examples(*map(np.array, columns))
        >>> plan.rows([1, 0]).start.tolist()
        [0, 2, 9]
    """

    shard: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    splits: np.ndarray
    is_random_next: np.ndarray

    @property
    def num_examples(self) -> int:
        """The number of examples, N."""
        return len(self.is_random_next)

    def rows(self, numbers: Sequence[int]) -> "Examples":
        """The examples of these numbers, in this order."""
        numbers = np.asarray(numbers, np.int64)
        counts = self.splits[numbers + 1] - self.splits[numbers]
        segments = ranges(self.splits[numbers], counts)
        return Examples(
            self.shard[segments],
            self.start[segments],
            self.stop[segments],
            np.concatenate([[0], np.cumsum(counts)]),
            self.is_random_next[numbers],
        )

    @staticmethod
    def concatenate(parts: Sequence["Examples"]) -> "Examples":
        """The examples of several plans, one after the other."""
        counts = [np.diff(part.splits) for part in parts]
        return Examples(
            np.concatenate([part.shard for part in parts]),
            np.concatenate([part.start for part in parts]),
            np.concatenate([part.stop for part in parts]),
            np.concatenate([[0], np.cumsum(np.concatenate(counts))]),
            np.concatenate([part.is_random_next for part in parts]),
        )


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`range(start, start + count)` for each pair, one after the other.

    Example:
        >>> ranges(np.array([3, 0, 7]), np.array([2, 0, 3])).tolist()
        [3, 4, 7, 8, 9]
    """
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)
