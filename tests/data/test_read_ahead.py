"""Tests of the end of every pipeline: batches made ahead, in order, without autotuning."""

import tensorflow as tf

from keras_bert_kit.data.read_ahead import read_ahead


def test_batches_come_in_order():
    batches = read_ahead(tf.data.Dataset.range(20), lambda step: 2 * step)
    assert list(batches.as_numpy_iterator()) == list(range(0, 40, 2))
    assert int(batches.cardinality()) == 20


def test_nothing_sleeps_in_an_iterator_that_ends():
    assert (
        read_ahead(tf.data.Dataset.range(2), lambda step: step).options().autotune.enabled is False
    )
