import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit import compiled
from keras_bert_kit.layers import dense
from keras_bert_kit.layers.dense import Dense

X = np.random.default_rng(1).standard_normal((2, 3, 8)).astype("float32")


def test_it_is_kerass():
    ours, theirs = (layer(5, activation="tanh") for layer in (Dense, keras.layers.Dense))
    for layer in (ours, theirs):
        layer.build(X.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(X), theirs(X), rtol=0, atol=1e-6)
    assert ours(X[:0]).shape == (0, 3, 5)


def test_it_can_be_quantized_as_kerass_can():
    model = keras.Sequential([keras.Input((3, 8)), Dense(5)])
    expected = model(X)
    model.quantize("int8")
    assert model.layers[0].kernel.dtype == "int8"
    np.testing.assert_allclose(model(X), expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_layer_that_narrows_has_the_gradients_of_kerass(dtype, monkeypatch):
    monkeypatch.setattr(compiled, "LEAST_SIZE", X.size)
    monkeypatch.setattr(dense, "NARROW", 5)
    upstream = np.random.default_rng(2).standard_normal((2, 3, 5)).astype("float32")

    def output_and_gradients(layer):
        @tf.function
        def both(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
            of = [x, *(weight.value for weight in layer.trainable_weights)]
            return [y, *tape.gradient(y, of, tf.cast(upstream, y.dtype))]

        operations = both.get_concrete_function(tf.constant(X)).graph.get_operations()
        types = [operation.type for operation in operations]
        return types.count("Transpose"), [tf.cast(value, "float32") for value in both(X)]

    ours, theirs = Dense(5, dtype=dtype), keras.layers.Dense(5, dtype=dtype)
    for layer in (ours, theirs):
        layer.build(X.shape)
    ours.set_weights([theirs.kernel, np.arange(5.0)])
    theirs.set_weights(ours.get_weights())
    (num_transposed, found), (_, expected) = map(output_and_gradients, (ours, theirs))
    assert num_transposed == 1
    for a, b in zip(found, expected, strict=True):
        near = 1e-6 if dtype == "float32" else 1e-2
        np.testing.assert_allclose(a, b, rtol=near, atol=near * np.abs(b).max())
    monkeypatch.setattr(dense, "NARROW", 8)
    assert output_and_gradients(ours)[0] == 0
