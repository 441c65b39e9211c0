"""Defects of Keras on TensorFlow where activations are computed again in the backward pass."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from upstream_defects import still_broken

REMATERIALIZATION = "keras_bert_kit/layers/rematerialization.py"


def test_the_scope_fails_where_the_function_works():
    def train():
        x = keras.Input((1,))
        model = keras.Model(x, keras.layers.Dense(1)(x))
        model.compile("sgd", "mse")
        model.train_on_batch(np.ones((1, 1), "float32"), np.ones((1, 1), "float32"))

    train()
    with tf.GradientTape() as tape:
        x = tf.Variable(2.0)
        y = keras.remat(ops.square)(x.read_value())
    assert float(tape.gradient(y, x)) == 4
    with (
        still_broken(
            "Keras's `RematScope` fails on TensorFlow",
            "keras_bert_kit/layers/block.py: def rematerialized",
        ),
        pytest.raises(ValueError, match="custom_gradient decorator currently supports keyword"),
        keras.RematScope(mode="full"),
    ):
        train()


def test_dropout_leaves_out_something_else_in_the_backward_pass():
    dropout = keras.layers.Dropout(0.5, seed=0)

    def kept(wrap):
        """Of 64 ones, in the forward and in the backward pass."""
        x = tf.Variable(tf.ones((64,)))
        with tf.GradientTape() as tape:
            y = wrap(lambda x: dropout(ops.square(x), training=True))(x.read_value())
        return y.numpy() > 0, tape.gradient(y, x).numpy() > 0

    forward, backward = kept(lambda function: function)
    assert (forward == backward).all() and 0 < forward.sum() < 64
    forward, backward = kept(keras.remat)
    assert 0 < forward.sum() < 64 and 0 < backward.sum() < 64
    with still_broken(
        "`keras.remat` draws dropout anew in the backward pass",
        f"{REMATERIALIZATION}: with _draws(generators, drawn)",
    ):
        assert (forward != backward).any()


def test_integers_are_warned_of(caplog):
    def rows(ids):
        table = tf.Variable(tf.ones((3, 2)))
        with caplog.at_level("WARNING"), tf.GradientTape() as tape:
            y = keras.remat(lambda table, ids: ops.take(table, ops.cast(ids, "int32"), axis=0))(
                table.read_value(), ids
            )
            tape.gradient(y, table)
        return caplog.text

    assert "floating" not in rows(tf.constant([0.0, 1.0]))
    with still_broken(
        "`keras.remat` warns of arguments that are integers",
        f"{REMATERIALIZATION}: all that the function depends on besides weights, as floats",
    ):
        assert "The dtype of the watched tensor must be floating" in rows(tf.constant([0, 1]))
