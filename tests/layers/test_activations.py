import math

import numpy as np
import pytest
import tensorflow as tf
from reference_bert import erf

from keras_bert_kit.layers.activations import activation, gelu, gelu_approximate

X = np.linspace(-6, 6, 241)


def exact(x):
    """https://arxiv.org/abs/1606.08415: `x P(X <= x)`, `X` normal."""
    return x * (1 + erf(x / math.sqrt(2))) / 2


def approximate(x):
    """The same, section 2."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(("function", "formula"), [(gelu, exact), (gelu_approximate, approximate)])
def test_equals_the_formula(function, formula):
    np.testing.assert_allclose(function(tf.constant(X, "float32")), formula(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("function", "formula"), [(gelu, exact), (gelu_approximate, approximate)])
def test_bfloat16_stays_bfloat16_and_near(function, formula):
    values = function(tf.constant(X, "bfloat16"))
    assert values.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(values, tf.float32), formula(X), rtol=0, atol=0.05)


def test_the_two_differ_by_up_to_5e_4():
    difference = np.abs(gelu(tf.constant(X)) - gelu_approximate(tf.constant(X))).max()
    assert 4e-4 < difference < 5e-4


@pytest.mark.parametrize("name", ["gelu", "gelu_approximate"])
def test_an_activation_has_a_name(name):
    assert activation(name).__name__ == name


def test_an_unknown_activation_is_an_error():
    message = r"`activation` must be one of gelu, gelu_approximate; received 'relu'\."
    with pytest.raises(ValueError, match=message):
        activation("relu")
