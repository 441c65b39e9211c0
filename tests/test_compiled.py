import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit import compiled
from keras_bert_kit.layers.activations import ACTIVATIONS, activate
from keras_bert_kit.layers.block import Block
from keras_bert_kit.layers.dropout import Dropout

LARGE = np.random.default_rng(0).normal(0, 2, (512, 256)).astype("float32")


def kept(seed, rate=0.25, shape=(1 << 20,)):
    return compiled.dropout(tf.ones(shape), rate, seed).numpy() > 0


def with_gradient(function, x):
    @tf.function
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x, tf.cos(x))

    return [values.numpy() for values in both(tf.convert_to_tensor(x))]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_in_one_pass_is_the_activation(name):
    found = with_gradient(lambda x: activate(x, name, training=True), LARGE)
    expected = with_gradient(ACTIVATIONS[name], LARGE)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=5e-6)


def functions_of(graph_function):
    return {op.name for op in graph_function.graph.get_operations() if "Call" in op.type}


@pytest.mark.parametrize(
    ("training", "shape", "is_compiled"),
    [(True, (512, 256), True), (False, (512, 256), False), (True, (8, 8), False)],
)
def test_only_large_tensors_in_training_are_compiled(training, shape, is_compiled):
    function = tf.function(lambda x: activate(x, "gelu", training))
    assert bool(functions_of(function.get_concrete_function(tf.TensorSpec(shape)))) == is_compiled


@pytest.mark.parametrize("shape", [(None, 4096), None])
def test_what_has_no_known_shape_is_not_compiled(shape):
    function = tf.function(lambda x: activate(x, "gelu", True))
    assert not functions_of(function.get_concrete_function(tf.TensorSpec(shape)))


@pytest.mark.parametrize("shape", [(None, 4096), (8, None), None])
def test_of_few_shapes_each_is_compiled(shape):
    function = tf.function(lambda x: activate(x, "gelu", True))
    with compiled.for_few_shapes():
        assert functions_of(function.get_concrete_function(tf.TensorSpec(shape)))


def test_outside_of_a_graph_nothing_is_compiled():
    assert not compiled.pays_off(tf.convert_to_tensor(LARGE))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_leaves_out_its_share(rate):
    share = 1 - kept([3, 4], rate).mean()
    assert share == pytest.approx(rate, abs=4 * (rate * (1 - rate) / (1 << 20)) ** 0.5)


def test_dropout_keeps_the_mean_and_its_gradient_falls_on_the_same_elements():
    x = tf.ones((1000, 1000))
    y, gradient = with_gradient(lambda x: compiled.dropout(x, 0.2, [5, 6]), x)
    assert set(np.unique(y)) == {0.0, 1.25}
    assert y.mean() == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(gradient, y * np.cos(1.0), rtol=1e-6)


def test_what_is_left_out_has_no_pattern():
    """Against draws that are independent: neighbours, rows, seeds one apart."""
    rate, size = 0.25, 1 << 20
    spread = 5 * (1 / size) ** 0.5  # of the correlation of independent draws

    def correlation(a, b):
        return abs(np.corrcoef(a, b)[0, 1])

    first = kept([1, 1], rate)
    for step in (1, 2, 3, 64, 128, 4096):
        assert correlation(first[:-step], first[step:]) < spread
    for seed in ([1, 2], [2, 1], [1, 1 + (1 << 20)], [0, 0]):
        other = kept(seed, rate)
        assert correlation(first, other) < spread
        assert correlation(first[:-1], other[1:]) < spread
    runs = np.diff(np.flatnonzero(~first))  # geometric: each length 3/4 as often as the one before
    counts = np.bincount(runs, minlength=10)[1:10]
    expected = (~first).sum() * rate * (1 - rate) ** np.arange(9)
    assert (((counts - expected) ** 2) / expected).sum() < 28  # chi-squared, 9 degrees, p = 0.001


def test_the_layer_draws_anew_each_time_and_the_same_after_the_same_seed():
    def draws():
        layer = Dropout(0.5, seed=7)
        drop = tf.function(lambda x: layer(x, training=True))
        return [drop(LARGE).numpy() for _ in range(2)]

    first, second = draws()
    assert (first != second).any()
    np.testing.assert_array_equal([first, second], draws())
    np.testing.assert_array_equal(Dropout(0.5)(LARGE, training=False), LARGE)


def test_dropout_of_all_leaves_nothing():
    layer = Dropout(1.0)
    assert not tf.function(lambda x: layer(x, training=True))(LARGE).numpy().any()


def test_a_block_has_the_gradients_that_it_has_without(monkeypatch):
    x = np.random.default_rng(1).normal(size=(8, 64, 256)).astype("float32")
    gradients = []
    for least_size in (compiled.LEAST_SIZE, 1 << 40):
        monkeypatch.setattr(compiled, "LEAST_SIZE", least_size)
        keras.utils.set_random_seed(0)
        block = Block(num_heads=4, intermediate_dim=1024)

        @tf.function
        def of_block(x, block=block):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.sin(block(x, training=True)))
            return tape.gradient(loss, [weight.value for weight in block.trainable_weights])

        block(x)
        gradients.append(of_block(x))
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
