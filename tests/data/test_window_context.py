"""Windows that begin and end between words, and which of them sees most around a place."""

import random
from itertools import pairwise

import numpy as np
import pytest

from keras_bert_kit.data.inputs import Window, windows
from keras_bert_kit.data.window_context import richest_windows, whole_word_windows


def random_windows(seed):
    chance = random.Random(seed)
    room = chance.randrange(1, 12)
    sizes = [chance.randrange(1, room + 1) for _ in range(chance.randrange(30))]
    stride = chance.choice([None, *range(1, room + 1)])
    return sizes, room, stride


@pytest.mark.parametrize("seed", range(100))
def test_windows_hold_every_word_whole_and_leave_no_gap(seed):
    sizes, room, stride = random_windows(seed)
    borders = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    found = whole_word_windows(sizes, room, stride)
    assert found[0][0].start == 0
    assert found[-1][0].stop == len(sizes)
    for of_words, of_tokens in found:
        assert tuple(of_tokens) == tuple(borders[list(of_words)])
        assert of_tokens.stop - of_tokens.start <= room
    for (one, _), (other, _) in pairwise(found):
        assert one.start < other.start <= one.stop < other.stop


@pytest.mark.parametrize("seed", range(100))
def test_with_words_of_one_token_they_are_the_plain_windows(seed):
    _, room, stride = random_windows(seed)
    count = random.Random(seed + 1000).randrange(60)
    found = whole_word_windows([1] * count, room, stride)
    assert [tokens for _, tokens in found] == windows(count, room, stride)


def test_a_stride_is_rounded_down_to_a_word():
    # Words end at 2, 5, 6, 7, 9. From 0 the stride leads to 3, inside the second word.
    found = whole_word_windows([2, 3, 1, 1, 2], room=5, stride=3)
    assert [tuple(tokens) for _, tokens in found] == [(0, 5), (2, 7), (5, 9)]


def test_a_window_that_would_end_where_the_last_one_did_is_left_out():
    # From the second and third word a window reaches no further than from the first.
    found = whole_word_windows([1, 1, 1, 4, 1], room=4, stride=1)
    assert [tuple(words) for words, _ in found] == [(0, 3), (3, 4), (4, 5)]


def test_a_word_that_fits_no_window_is_refused():
    with pytest.raises(ValueError, match="A word has 5 tokens, but a window has room for only 4"):
        whole_word_windows([1, 5], room=4)


def test_a_stride_larger_than_a_window_is_refused():
    with pytest.raises(ValueError, match="`stride` is 5, but a window has room for only 4"):
        whole_word_windows([1, 2], room=4, stride=5)


@pytest.mark.parametrize("seed", range(50))
def test_the_richest_window_is_the_best_of_all(seed):
    sizes, room, stride = random_windows(seed)
    borders = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    spans = [tokens for _, tokens in whole_word_windows(sizes, room, stride)]
    chosen = richest_windows(borders[:-1], borders[1:], spans)

    def context(start, stop, window):  # as `_check_is_max_context` of the original BERT
        if start < window.start or stop > window.stop:
            return -1.0
        length = window.stop - window.start
        return min(start - window.start, window.stop - stop) + 0.01 * length

    for start, stop, number in zip(borders[:-1], borders[1:], chosen, strict=True):
        contexts = [context(start, stop, window) for window in spans]
        assert number == contexts.index(max(contexts))


def test_richest_windows_of_nothing():
    assert richest_windows(np.zeros(0, int), np.zeros(0, int), [Window(0, 0)]).tolist() == []
