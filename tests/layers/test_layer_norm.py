import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit import compiled
from keras_bert_kit.layers.layer_norm import LayerNormalization

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(1, 3, (4, 128, 256)).astype("float32")
UPSTREAM = GENERATOR.normal(size=X.shape).astype("float32")
WEIGHTS = GENERATOR.normal(size=(2, 256)).astype("float32")


def output_and_gradients(layer, **arguments):
    @tf.function
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **arguments)
        of = [x, *(weight.value for weight in layer.trainable_weights)]
        return [y, *tape.gradient(y, of, tf.cast(UPSTREAM, y.dtype))]

    layer.build(X.shape)
    layer.set_weights(WEIGHTS)
    return [tf.cast(value, "float32").numpy() for value in both(tf.constant(X))]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_it_is_kerass(dtype, monkeypatch):
    monkeypatch.setattr(compiled, "LEAST_SIZE", X.size)
    found = output_and_gradients(LayerNormalization(epsilon=1e-3, dtype=dtype), training=True)
    expected = output_and_gradients(keras.layers.LayerNormalization(epsilon=1e-3, dtype=dtype))
    for a, b in zip(found, expected, strict=True):
        near = 1e-5 if dtype == "float32" else 1e-2
        np.testing.assert_allclose(a, b, rtol=near, atol=near * np.abs(b).max())


def test_gradients_are_those_of_float64():
    _, of_x, of_gamma, of_beta = output_and_gradients(
        LayerNormalization(epsilon=1e-3), training=True
    )
    x, upstream = X.astype("float64"), UPSTREAM.astype("float64")
    scale = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    normed = (x - x.mean(-1, keepdims=True)) * scale
    by_gamma = upstream * WEIGHTS[0]
    expected = scale * (
        by_gamma
        - by_gamma.mean(-1, keepdims=True)
        - normed * (by_gamma * normed).mean(-1, keepdims=True)
    )
    np.testing.assert_allclose(of_x, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(of_gamma, (upstream * normed).sum((0, 1)), rtol=0, atol=1e-3)
    np.testing.assert_allclose(of_beta, upstream.sum((0, 1)), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("training", "is_compiled"), [(True, True), (False, False)])
def test_only_training_is_compiled(training, is_compiled):
    layer = LayerNormalization()
    function = tf.function(lambda x: layer(x, training=training))
    graph = function.get_concrete_function(tf.TensorSpec(X.shape)).graph
    assert any("Call" in operation.type for operation in graph.get_operations()) == is_compiled
