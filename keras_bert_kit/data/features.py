"""Tokenised rows of lengths of their own, before any padding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Features:
    """What an encoder reads, F inputs with L tokens together, special tokens included.

    A long text may give several inputs (windows), so there are at least as many as rows.

    Attributes:
        token_ids: `(L,)` int32, one input after the other.
        segment_ids: `(L,)` int32.
        splits: `(F + 1,)` int64: input `f` is `token_ids[splits[f]:splits[f + 1]]`.
        rows: `(F,)` int32, the row that each input came from; rows are in order.
        num_rows: number of rows; each has an input or more.
        num_cut: `(num_rows,)` int32, tokens of each row that are in no input.

    Example:
        >>> features = Features.of([[2, 7, 3], [2, 3]], [[0, 0, 0], [0, 0]], [0, 1], [0, 4])
        >>> len(features), features.lengths.tolist(), features.window_counts.tolist()
        (2, [3, 2], [1, 1])
    """

    token_ids: np.ndarray
    segment_ids: np.ndarray
    splits: np.ndarray
    rows: np.ndarray
    num_rows: int
    num_cut: np.ndarray

    @classmethod
    def of(
        cls,
        token_ids: Sequence[Sequence[int]],
        segment_ids: Sequence[Sequence[int]],
        rows: Sequence[int],
        num_cut: Sequence[int],
    ) -> "Features":
        """Features from lists: F lists of tokens and of segments, F rows, one cut count a row."""
        lengths = np.array([len(ids) for ids in token_ids], np.int64)
        return cls(
            _flat(token_ids),
            _flat(segment_ids),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.asarray(rows, np.int32),
            len(num_cut),
            np.asarray(num_cut, np.int32),
        )

    def __len__(self) -> int:
        """The number of inputs, F."""
        return len(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """`(F,)` int64, the tokens of each input."""
        return np.diff(self.splits)

    @property
    def window_counts(self) -> np.ndarray:
        """`(num_rows,)` int64, how many inputs each row has."""
        return np.bincount(self.rows, minlength=self.num_rows)


def join_segments(
    segments: Sequence[np.ndarray], vocabulary, num_segments: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """One input, `[CLS] A [SEP] B [SEP]`, with as many `[SEP]` between two as the model is used to.

    Args:
        segments: token ids of each segment.
        vocabulary: whose special tokens to put in.
        num_segments: how many segment ids the model knows; with 1 or 0 they are all 0.

    Returns:
        Token ids and segment ids, each `(T,)` int32.

    Example:
        >>> from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
        >>> vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "b"])
        >>> ids, of_segment = join_segments([[5], [6, 5]], vocabulary)
        >>> ids.tolist(), of_segment.tolist()
        ([2, 5, 3, 6, 5, 3], [0, 0, 0, 1, 1, 1])
    """
    between = [vocabulary.sep_id] * vocabulary.separators_between
    parts = [[vocabulary.cls_id], segments[0]]
    for segment in segments[1:]:
        parts += [between, segment]
    parts.append([vocabulary.sep_id])
    ids = _flat(parts)
    of_segment = np.zeros(len(ids), np.int32)
    at = 1 + len(segments[0])
    for index, segment in enumerate(segments[1:], start=1):
        # The first [SEP] ends A; a second one, of RoBERTa, begins B.
        of_segment[at + 1 :] = min(index, max(num_segments, 1) - 1)
        at += len(between) + len(segment)
    return ids, of_segment


def num_special(num_segments: int, vocabulary) -> int:
    """How many special tokens `join_segments` puts around so many segments."""
    return 2 + (num_segments - 1) * vocabulary.separators_between


def _flat(lists: Sequence[Sequence[int]]) -> np.ndarray:
    return np.concatenate([np.asarray(part, np.int32) for part in lists] or [np.zeros(0, np.int32)])
