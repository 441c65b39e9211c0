"""Windows over a text: where they may begin, and which of them sees most around a place."""

from collections.abc import Sequence

import numpy as np

from keras_bert_kit.data.inputs import Window, windows


def whole_word_windows(
    sizes: Sequence[int], room: int, stride: int | None = None
) -> list[tuple[Window, Window]]:
    """Windows of at most `room` tokens that together hold all words, each of them in one piece.

    As `windows`, but a window begins and ends where a word does; with words of one token they are
    the same. The last one ends with the text and is as full as words allow.

    Args:
        sizes: tokens of each word, at most `room`.
        room: most tokens of a window.
        stride: tokens from the beginning of one to that of the next, or a few less; by default half
            of `room`.

    Returns:
        Each window twice: in words and in tokens.

    Raises:
        ValueError: if `stride` is larger than `room`, or a word larger than a window.

    Example:
        >>> for words, tokens in whole_word_windows([2, 3, 1, 1, 2], room=5, stride=3):
        ...     print(tuple(words), tuple(tokens))
        (0, 2) (0, 5)
        (1, 4) (2, 7)
        (2, 5) (5, 9)
    """
    windows(0, room, stride)  # refuses a stride that cannot be
    stride = max(1, room // 2) if stride is None else stride
    if max(sizes, default=0) > room:
        raise ValueError(
            f"A word has {max(sizes)} tokens, but a window has room for only {room}: cut the word."
        )
    borders = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    count = len(sizes)
    found, first, last = [], 0, -1
    while last < count:
        reached = int(np.searchsorted(borders, borders[first] + room, side="right")) - 1
        if reached >= count:
            first = int(np.searchsorted(borders, borders[count] - room, side="left"))
        if reached > last:  # a window that ends where the one before it does would say nothing new
            last = reached
            found.append((Window(first, last), Window(int(borders[first]), int(borders[last]))))
            at = borders[first] + stride
            # Rather a shorter step than a longer one: that would leave less overlap, or none.
            first = max(first + 1, int(np.searchsorted(borders, at, side="right")) - 1)
        else:
            first += 1
    return found


def richest_windows(starts: np.ndarray, stops: np.ndarray, spans: Sequence[Window]) -> np.ndarray:
    """For each place in a text the window that has most of the text on the place's poorer side.

    Of equally good windows the longest, then the first, as in the original BERT, for a whole place
    instead of a token.

    Args:
        starts: `(N,)` first token of each place, in order.
        stops: `(N,)` where it ends, exclusively.
        spans: windows in tokens of the text; every place is in one or more.

    Returns:
        `(N,)` the number of the window.

    Example:
        >>> richest_windows(np.arange(6), np.arange(6) + 1, [Window(0, 4), Window(2, 6)]).tolist()
        [0, 0, 0, 1, 1, 1]

    Reference:
        `_check_is_max_context` of https://github.com/google-research/bert/blob/master/run_squad.py
    """
    best = np.full(len(starts), -1.0)
    chosen = np.zeros(len(starts), np.int32)
    for number, (start, stop) in enumerate(spans):
        first, last = np.searchsorted(starts, start), np.searchsorted(stops, stop, side="right")
        inside = slice(int(first), int(max(first, last)))
        context = np.minimum(starts[inside] - start, stop - stops[inside])
        context = context + 0.01 * (stop - start)
        better = context > best[inside]
        best[inside][better] = context[better]
        chosen[inside][better] = number
    return chosen
