import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.data import inputs, window_context
from keras_bert_kit.export.graph_windows import (
    beginnings,
    richest_windows,
    whole_word_windows,
    windows,
)


def by_row(found, count):
    """Beginning and end of the windows of each row."""
    rows = [[] for _ in range(count)]
    for row, *window in zip(*(x.numpy().tolist() for x in found[:3]), strict=True):
        rows[row].append(tuple(window))
    return rows


@pytest.mark.parametrize("stride", [None, 1, 3, 4])
def test_windows_are_those_of_python(stride):
    lengths = list(range(25))
    found = windows(tf.constant(lengths), tf.fill([25], 4), stride)
    assert by_row(found, 25) == [[tuple(w) for w in inputs.windows(n, 4, stride)] for n in lengths]
    numbers = [at for n in lengths for at in range(len(inputs.windows(n, 4, stride)))]
    assert found.numbers.numpy().tolist() == numbers


def test_a_stride_that_would_lose_text_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError, match="text between them would be lost"):
        windows(tf.constant([9]), tf.constant([3]), 4)
    assert len(windows(tf.constant([3]), tf.constant([3]), 4).rows) == 1  # it fits


def test_the_beginning_is_the_only_window():
    found = beginnings(tf.constant([9, 2]), tf.constant([3, 3]))
    assert by_row(found, 2) == [[(0, 3)], [(0, 2)]]


@pytest.mark.parametrize("stride", [None, 1, 5])
def test_windows_of_whole_words_are_those_of_python(stride):
    random = np.random.default_rng(0)
    sizes = [random.integers(1, 7, size=count).tolist() for count in (*range(20), 60, 0)]
    ragged = tf.ragged.constant(sizes, dtype=tf.int32, ragged_rank=1)
    found = by_row(whole_word_windows(ragged, 6, stride), len(sizes))
    for row, one in zip(found, sizes, strict=True):
        expected = window_context.whole_word_windows(one, 6, stride)
        assert row == [tuple(tokens) for _, tokens in expected]


def test_the_richest_windows_are_those_of_python():
    lengths = [3, 17, 0, 9]
    found = windows(tf.constant(lengths), tf.fill([4], 5), 2)
    rows = np.repeat(np.arange(4), lengths)
    at = np.concatenate([np.arange(n) for n in lengths]).astype(np.int32)
    chosen = richest_windows(found, tf.constant(4, tf.int64), tf.constant(rows), at, at + 1)
    expected = [
        window_context.richest_windows(np.arange(n), np.arange(n) + 1, inputs.windows(n, 5, 2))
        for n in lengths
    ]
    assert chosen.numpy().tolist() == np.concatenate(expected).tolist()
