"""Which shard every document of a split goes to, known before any is written.

`ShardWriter` fills one shard after the other. Where many machines write, each has to know what the
documents before its own did; for that their numbers of tokens are enough, four bytes a document.
"""

from collections.abc import Sequence

import numpy as np


class ShardPlan:
    """The shards of one split, exactly as `ShardWriter` would fill them.

    Args:
        chunks: for each chunk of documents a number, in any order; the order of the numbers is that
            of the corpus.
        token_counts: for each chunk the number of tokens of each of its documents.
        tokens_per_shard: as for `ShardWriter`.

    Attributes:
        num_shards: how many shards there will be.
        num_empty_at_end: documents without a token after the last shard.

    Example:
        >>> plan = ShardPlan([7, 3], [np.array([4, 3, 0]), np.array([5, 4])], tokens_per_shard=10)
        >>> plan.num_shards, plan.shards(3, 2).tolist(), plan.shards(7, 3).tolist()
        (2, [0, 0], [1, 1, 1])
    """

    def __init__(
        self, chunks: Sequence[int], token_counts: Sequence[np.ndarray], tokens_per_shard: int
    ):
        order = np.argsort(chunks)
        self._chunks = np.array(chunks, np.int64)[order]
        ordered = [token_counts[index] for index in order]
        self._first = np.cumsum([0, *map(len, ordered)])  # document of each chunk
        counts = np.concatenate(ordered) if ordered else np.zeros(0, np.int64)
        self._starts = _starts(counts, tokens_per_shard)
        self.num_shards = len(self._starts) - 1
        self.num_empty_at_end = len(counts) - int(self._starts[-1])

    def shards(self, chunk: int, num_documents: int) -> np.ndarray:
        """The shard of each document of a chunk, `num_shards` for those after the last one."""
        first = self._first[np.searchsorted(self._chunks, chunk)]
        documents = np.arange(first, first + num_documents)
        return np.searchsorted(self._starts, documents, side="right") - 1


def _starts(token_counts: np.ndarray, tokens_per_shard: int) -> np.ndarray:
    """The first document of each shard, and the one behind the last shard."""
    ends = np.cumsum(token_counts, dtype=np.int64)
    starts, before = [0], 0
    # A shard has a document with tokens, and all that follow it as long as there is room.
    while (full := np.searchsorted(ends, before, side="right")) < len(ends):
        fitting = np.searchsorted(ends, before + tokens_per_shard, side="right")
        starts.append(max(int(fitting), int(full) + 1))
        before = ends[starts[-1] - 1]
    return np.array(starts, np.int64)
