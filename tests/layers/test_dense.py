import keras
import numpy as np

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
