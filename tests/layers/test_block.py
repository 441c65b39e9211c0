import keras
import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of

from keras_bert_kit.layers.block import Block

X = np.random.default_rng(1).standard_normal((2, 5, 8)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")


def build_layer(dropout=0.0, dtype="float32", epsilon=1e-2):
    layer = Block(2, 12, dropout, epsilon, dtype=dtype, name="block")
    layer.build(X.shape)
    randomize(layer)
    return layer


def test_equals_the_reference():
    layer = build_layer()
    expected = [
        reference_bert.block(x, mask > 0, weights_of(layer), num_heads=2, epsilon=1e-2)
        for x, mask in zip(X, MASK, strict=True)
    ]
    output, weights = layer(X, MASK, return_weights=True)
    np.testing.assert_allclose(output, [x for x, _ in expected], rtol=0, atol=1e-5)
    np.testing.assert_allclose(weights, [x for _, x in expected], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(layer(X, MASK), output)


def test_config_makes_the_same_layer():
    config = build_layer(dropout=0.25).get_config()
    again = Block.from_config(config)
    assert again.get_config() == config
    assert again.attention.dropout == again.feed_forward_dropout.rate == 0.25
    assert again.feed_forward_norm.epsilon == 1e-2


def test_mixed_precision_stays_near():
    output = build_layer(dtype="mixed_bfloat16")(X, MASK)
    assert output.dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(output, tf.float32), build_layer()(X, MASK), rtol=0, atol=0.05
    )


def test_dropout_is_active_in_training_only():
    exact = build_layer()(X, MASK)
    layer = build_layer(dropout=0.5)
    np.testing.assert_array_equal(layer(X, MASK), exact)
    assert np.abs(layer(X, MASK, training=True) - exact).max() > 0.1


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_tells_what_it_returns_as_keras_would_find_out(dtype):
    layer = build_layer(dtype=dtype)
    x = keras.KerasTensor((None, None, 8), layer.compute_dtype)
    mask = keras.KerasTensor((None, None), "int32")
    for arguments in ({}, {"return_weights": True}):
        told = layer.compute_output_spec(x, mask, **arguments)
        traced = keras.Layer.compute_output_spec(layer, x, mask, **arguments)
        told, traced = (keras.tree.flatten(specs) for specs in (told, traced))
        assert [(spec.shape, spec.dtype) for spec in told] == [
            (spec.shape, spec.dtype) for spec in traced
        ]
