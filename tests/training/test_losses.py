import math

import keras
import numpy as np
import pytest

from keras_bert_kit.training.losses import cross_entropy, weighted_sums

# Two classes with equal logits: every term is ln 2 = 0.693, whatever the label.
LABELS, LOGITS = np.array([[0, 1]]), np.zeros((1, 2, 2), "float32")
ONE_OF_TWO = np.array([[1, 0]], "float32")


def test_cross_entropy_divides_by_the_weights():
    assert float(cross_entropy()(LABELS, LOGITS, ONE_OF_TWO)) == pytest.approx(0.693147)


def test_kerass_default_divides_by_the_slots():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Once this is 0.693 too, `cross_entropy` can be Keras's default.
    assert float(loss(LABELS, LOGITS, ONE_OF_TWO)) == pytest.approx(0.693147 / 2)


def test_cross_entropy_is_minus_the_logarithm_of_the_softmax():
    logits = np.array([[1.0, 2.0, 4.0]], "float32")
    expected = -math.log(math.exp(2) / (math.exp(1) + math.exp(2) + math.exp(4)))
    assert float(cross_entropy()(np.array([1]), logits)) == pytest.approx(expected)


def test_weighted_sums():
    values = np.array([[2.0, 4.0], [8.0, 16.0]])
    weights = np.array([[1, 0], [0.5, 0]])
    assert [float(x) for x in weighted_sums(values, weights)] == [6.0, 1.5]
    assert [float(x) for x in weighted_sums(values)] == [30.0, 4.0]


def test_weighted_sums_are_made_in_float32():
    values = keras.ops.ones((1000,), "bfloat16")  # where 256 + 1 is 256
    sums = weighted_sums(values, values)
    assert [float(x) for x in sums] == [1000.0, 1000.0]
    assert {keras.backend.standardize_dtype(x.dtype) for x in sums} == {"float32"}


def test_one_weight_a_row_is_an_error():
    with pytest.raises(ValueError, match=r"weights of shape \(2,\) for terms of shape \(2, 3\)"):
        weighted_sums(np.ones((2, 3)), np.ones(2))
