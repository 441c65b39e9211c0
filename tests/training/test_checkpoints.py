"""Tests of checkpoints: what was saved comes back exactly, and only what is whole."""

import os
import signal

import keras
import numpy as np
import pytest

from keras_bert_kit.training.checkpoints import Checkpoints, SaveCheckpoints

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def make_model(width=3):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(width, name="inner"),
            keras.layers.Dropout(0.5, name="drop"),
            keras.layers.Dense(1, name="outer"),
        ]
    )
    model.compile(keras.optimizers.AdamW(0.01), "mse")
    return model


def fit(model, first, last, callbacks=()):
    model.fit(
        X[first:last], Y[first:last], batch_size=1, shuffle=False, verbose=0, callbacks=callbacks
    )


def test_a_run_that_goes_on_ends_with_the_same_weights(tmp_path):
    whole = make_model()
    fit(whole, 0, 16)
    before = make_model()
    fit(before, 0, 7)
    Checkpoints(tmp_path).save(before)
    after = make_model()
    keras.utils.set_random_seed(
        99
    )  # what comes back must not depend on it: dropout's seed is saved
    assert Checkpoints(tmp_path).restore(after) == 7
    fit(after, 7, 16)
    for expected, found in zip(whole.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_restores_nothing_without_a_checkpoint(tmp_path):
    assert Checkpoints(tmp_path / "none").restore(make_model()) == 0


def test_keeps_the_newest(tmp_path):
    model, checkpoints = make_model(), Checkpoints(tmp_path, keep=2)
    fit(model, 0, 9, [SaveCheckpoints(checkpoints, every=2)])
    assert [path.name for path in checkpoints.paths()] == [
        "step-000000008.npz",
        "step-000000009.npz",
    ]


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    model = make_model()
    fit(model, 0, 2)
    Checkpoints(tmp_path).save(model)
    with pytest.raises(ValueError, match=r"is of another model\. Train under another name"):
        Checkpoints(tmp_path).restore(make_model(width=5))


def test_a_torn_checkpoint_is_named(tmp_path):
    model = make_model()
    fit(model, 0, 2)
    path = Checkpoints(tmp_path).save(model)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"step-000000002\.npz cannot be read .* Remove it"):
        Checkpoints(tmp_path).restore(make_model())


def test_a_full_disk_leaves_the_earlier_checkpoint_and_nothing_torn(tmp_path, monkeypatch):
    model = make_model()
    fit(model, 0, 2)
    checkpoints = Checkpoints(tmp_path)
    first = checkpoints.save(model)
    fit(model, 2, 4)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device"):
        checkpoints.save(model)
    assert list(tmp_path.iterdir()) == [first]


class SignalAt(keras.callbacks.Callback):
    def __init__(self, step, number):
        super().__init__()
        self.step = step
        self.number = number

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_under_way_and_stops(tmp_path, number):
    model, checkpoints = make_model(), Checkpoints(tmp_path)
    handler = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match=f"stopped by {signal.Signals(number).name}"):
        fit(model, 0, 16, [SignalAt(4, number), SaveCheckpoints(checkpoints, every=100)])
    assert checkpoints.restore(make_model()) == 5
    assert signal.getsignal(number) is handler
