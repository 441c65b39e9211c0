"""The likeliest tags of a sentence that make sense together.

A tagger says of each word by itself how likely each tag is. The likeliest tag of every word may be
a sequence that no training sentence has, as an `I-PER` that follows an `I-LOC`. Where tags are
known to follow IOB2, the best of those sequences is found that do: of the highest product of
probabilities, by the algorithm of Viterbi. On WikiANN that is worth three points of F1 to BERT-tiny
(`docs/results.md`).
"""

from collections.abc import Sequence

import numpy as np

from keras_bert_kit.data.entities import parts_of_tag

IOB2 = "IOB2"
LEAST = 1e-30  # in place of the probability 0, which has no logarithm
WORDS_AT_ONCE = 200_000  # which bounds the memory: a tag of 2 bytes for each of a word's tags
ROWS_AT_ONCE = 1_000


def transitions_of(scheme: str | None, labels: Sequence[str]) -> np.ndarray | None:
    """Which tag may follow which.

    Args:
        scheme: `"IOB2"`, or None where every tag may follow every other.
        labels: the C tags.

    Returns:
        `(C + 1, C)` bool: whether the tag of the column may follow that of the row, in the last row
        whether a sentence may begin with it. None where everything is allowed.

    Raises:
        ValueError: if there is no such scheme.

    Example:
        >>> transitions_of("IOB2", ["O", "B-PER", "I-PER"]).astype(int)
        array([[1, 1, 0],
               [1, 1, 1],
               [1, 1, 1],
               [1, 1, 0]])
    """
    if scheme is None:
        return None
    if scheme != IOB2:
        raise ValueError(f"`scheme` must be {IOB2!r} or None; received {scheme!r}.")
    parts = [parts_of_tag(label) for label in labels]
    return np.array(
        [
            [
                prefix != "I" or (before in ("B", "I") and name == name_before)
                for prefix, name in parts
            ]
            for before, name_before in [*parts, ("O", "")]
        ]
    )


def likeliest_tags(
    probabilities: np.ndarray, num_words: np.ndarray, transitions: np.ndarray | None
) -> np.ndarray:
    """The likeliest sequence of tags of each sentence.

    Args:
        probabilities: `(W, C)` of each tag for each word of all sentences, one after the other.
        num_words: `(R,)`, words of each sentence; W in all.
        transitions: as `transitions_of` gives them.

    Returns:
        `(W,)` int32; of two that are as likely that with the lower numbers at its end.

    Example:
        >>> probabilities = np.array([[0.5, 0.4, 0.1], [0.3, 0.1, 0.6]])  # of O, B-X, I-X
        >>> rules = transitions_of("IOB2", ["O", "B-X", "I-X"])
        >>> likeliest_tags(probabilities, np.array([2]), None).tolist()
        [0, 2]
        >>> likeliest_tags(probabilities, np.array([2]), rules).tolist()  # 0.4 x 0.6 > 0.5 x 0.3
        [1, 2]

    Reference:
        Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding
        Algorithm" (1967).
    """
    if transitions is None:
        return probabilities.argmax(axis=1).astype(np.int32)
    scores = np.log(np.maximum(probabilities, LEAST))
    firsts = np.cumsum(num_words) - num_words
    order = np.argsort(-num_words, kind="stable")
    found = np.zeros(len(probabilities), np.int32)
    at = 0
    while at < len(order) and num_words[order[at]]:
        count = min(ROWS_AT_ONCE, max(1, WORDS_AT_ONCE // int(num_words[order[at]])))
        rows = order[at : at + count]
        _find(scores, firsts[rows], num_words[rows], transitions, found)
        at += count
    return found


def _find(
    scores: np.ndarray,
    firsts: np.ndarray,
    lengths: np.ndarray,
    transitions: np.ndarray,
    found: np.ndarray,
) -> None:
    """Fills in the tags of some rows, the longest first, all of them word by word together."""
    cost = np.where(transitions, 0.0, -np.inf)
    # How many rows are so long that they have a word at each place.
    counts = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    rows = np.arange(len(lengths))
    best = scores[firsts[: counts[0]]] + cost[-1]  # (rows, C): of the best path to each tag
    came_from = np.zeros((lengths[0], len(lengths), cost.shape[1]), np.int16)
    for place, count in enumerate(counts[1:], start=1):
        paths = best[:count, :, None] + cost[:-1]
        came_from[place, :count] = paths.argmax(axis=1)
        best[:count] = paths.max(axis=1) + scores[firsts[:count] + place]
    tags = best.argmax(axis=1)
    for place in range(lengths[0] - 1, -1, -1):
        count = counts[place]
        found[firsts[:count] + place] = tags[:count]
        tags[:count] = came_from[place, rows[:count], tags[:count]]
