import math

import keras
import numpy as np
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of

from keras_bert_kit.layers.activations import gelu
from keras_bert_kit.layers.feed_forward import FeedForward

X = np.random.default_rng(1).standard_normal((2, 3, 8)).astype("float32")


def build_layer(dtype="float32"):
    layer = FeedForward(12, dtype=dtype, name="feed_forward")
    layer.build(X.shape)
    randomize(layer)
    return layer


def test_gelu_is_the_exact_one():
    x = np.linspace(-6, 6, 25)
    expected = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x]
    np.testing.assert_allclose(gelu(x.astype("float32")), expected, rtol=0, atol=1e-6)
    # The tanh form, 0.84119 at 1, is another function.
    np.testing.assert_allclose(gelu(np.float32(1.0)), 0.8413447, rtol=0, atol=1e-6)


def test_gelu_can_be_named_in_a_config():
    layer = keras.layers.Dense(2, activation=gelu)
    assert keras.layers.Dense.from_config(layer.get_config()).activation is gelu


def test_equals_the_reference():
    layer = build_layer()
    expected = reference_bert.feed_forward(X, weights_of(layer))
    np.testing.assert_allclose(layer(X), expected, rtol=0, atol=1e-5)


def test_config_makes_the_same_layer():
    config = build_layer().get_config()
    assert FeedForward.from_config(config).get_config() == config
    assert config["intermediate_dim"] == 12


def test_mixed_precision_stays_near():
    output = build_layer("mixed_bfloat16")(X)
    assert output.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(output, tf.float32), build_layer()(X), rtol=0, atol=0.03)
