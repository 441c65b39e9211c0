"""Tests of `fit` by steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.training.fitting import fit_steps, periods


@pytest.mark.parametrize(
    ("start", "stop", "every", "expected"),
    [
        (0, 30, 10, [(0, 10, 3)]),
        (0, 25, 10, [(0, 10, 2), (20, 5, 1)]),
        (7, 30, 10, [(7, 3, 1), (10, 10, 2)]),
        (7, 9, 10, [(7, 2, 1)]),
        (30, 30, 10, []),
    ],
)
def test_periods_end_at_multiples(start, stop, every, expected):
    assert periods(start, stop, every) == expected


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.evaluated_at = []

    def on_test_end(self, logs=None):
        self.evaluated_at.append(int(self.model.optimizer.iterations))


def fit(start_steps):
    """Trains to step 10 in as many goes as there are steps to stop at; returns what happened."""
    seen = []

    def batches(start):
        def batch(step):
            seen.append(int(step))
            return np.full((1, 1), step, np.float32)

        steps = tf.data.Dataset.counter(start)
        return steps.map(
            lambda k: (tf.ensure_shape(tf.numpy_function(batch, [k], tf.float32), (1, 1)),) * 2
        )

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    recorder = Recorder()
    for stop in [*start_steps, 10]:
        fit_steps(model, batches, stop, 4, batches(0).take(1), [recorder])
    return int(model.optimizer.iterations), recorder.evaluated_at


def test_evaluates_at_multiples_and_at_the_end():
    assert fit([]) == (10, [4, 8, 10])


def test_a_run_that_goes_on_evaluates_at_the_same_steps():
    steps, evaluated_at = fit([3])
    assert steps == 10
    assert evaluated_at == [3, 4, 8, 10]  # 3 was the end of the first go
