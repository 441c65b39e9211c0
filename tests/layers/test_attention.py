import keras
import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of

from keras_bert_kit.layers.attention import SelfAttention

X = np.random.default_rng(1).standard_normal((2, 5, 8)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")


def build_layer(num_heads=2, dropout=0.0, dtype="float32"):
    layer = SelfAttention(num_heads, dropout, dtype=dtype, name="attention")
    layer.build(X.shape)
    randomize(layer)
    return layer


@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_equals_the_reference(num_heads):
    layer = build_layer(num_heads)
    expected = [
        reference_bert.self_attention(x, mask > 0, weights_of(layer), num_heads)
        for x, mask in zip(X, MASK, strict=True)
    ]
    output, weights = layer(X, MASK, return_weights=True)
    np.testing.assert_allclose(output, [x for x, _ in expected], rtol=0, atol=1e-5)
    np.testing.assert_allclose(weights, [x for _, x in expected], rtol=0, atol=1e-6)


def test_without_a_mask_all_are_tokens():
    layer = build_layer()
    np.testing.assert_allclose(layer(X), layer(X, np.ones((2, 5))), rtol=0, atol=1e-6)


def test_a_row_of_padding_alone_is_finite():
    output = build_layer()(X, np.zeros((2, 5), "int32"))
    assert np.isfinite(output).all()


def test_heads_that_do_not_divide_the_width_are_an_error():
    with pytest.raises(ValueError, match="num_heads=3 and a width of 8"):
        build_layer(num_heads=3)


def test_config_makes_the_same_layer():
    config = build_layer(num_heads=4, dropout=0.25).get_config()
    assert SelfAttention.from_config(config).get_config() == config
    assert (config["num_heads"], config["dropout"]) == (4, 0.25)


def test_mixed_precision_stays_near_and_keeps_attention_in_float32():
    output, weights = build_layer(dtype="mixed_bfloat16")(X, MASK, return_weights=True)
    assert output.dtype == tf.bfloat16
    assert weights.dtype == tf.float32
    np.testing.assert_array_equal(weights[1, :, :, 3:], 0.0)
    np.testing.assert_allclose(
        tf.cast(output, tf.float32), build_layer()(X, MASK), rtol=0, atol=0.03
    )


def test_a_float_mask_is_exact_in_mixed_precision():
    layer = build_layer(dtype="mixed_bfloat16")
    as_float, as_integer = layer(X, MASK.astype("float32")), layer(X, MASK)
    np.testing.assert_array_equal(tf.cast(as_float, tf.float32), tf.cast(as_integer, tf.float32))


def test_dropout_is_on_the_attention_weights_and_in_training_only():
    exact = build_layer()(X, MASK)
    layer = build_layer(dropout=0.5)
    np.testing.assert_array_equal(layer(X, MASK), exact)
    np.testing.assert_array_equal(layer(X, MASK, training=False), exact)
    keras.utils.set_random_seed(0)
    output, weights = layer(X, MASK, training=True, return_weights=True)
    assert np.abs(output - exact).max() > 0.01
    # Those that are returned are whole
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1.0, atol=1e-6)
