"""Tests of a model as a source of weights."""

import keras
import numpy as np
import pytest

from keras_bert_kit.convert.variables import Variables


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])


def test_tells_what_is_there(model):
    source = Variables(model)
    (kernel, bias) = source.names()
    assert kernel in source and "other" not in source
    assert (source.shape(kernel), source.shape(bias)) == ((3, 2), (2,))
    assert source.dtype(kernel) == np.float32


def test_reads_all_or_some_rows(model):
    expected, source = np.array(model.weights[0].numpy()), Variables(model)
    name = source.names()[0]
    np.testing.assert_array_equal(source.read(name), expected)
    np.testing.assert_array_equal(source.read(name, slice(1, 3)), expected[1:3])


def test_what_it_lets_go_of_has_been_read(model):
    expected, source = np.array(model.weights[0].numpy()), Variables(model, let_go=True)
    values = source.read(source.names()[0])
    model.weights[0].assign(np.zeros((3, 2)))
    np.testing.assert_array_equal(values, expected)
