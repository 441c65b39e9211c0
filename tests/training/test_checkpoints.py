"""Tests of checkpoints: what was saved comes back exactly, and only what is whole."""

import errno
import os
import signal
import threading

import keras
import numpy as np
import pytest
from small_files import SmallFiles

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
    for expected, found in zip(whole.variables, after.variables, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_means_that_are_logged_go_on_where_the_epoch_was_cut(tmp_path):
    whole = make_model()
    whole.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    before, checkpoints = make_model(), Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        before.fit(
            X,
            Y,
            batch_size=4,
            shuffle=False,
            verbose=0,
            callbacks=[SignalAt(6, signal.SIGTERM), SaveCheckpoints(checkpoints, every=100)],
        )
    after = make_model()
    assert checkpoints.restore(after) == 7
    saving = SaveCheckpoints(checkpoints, every=100)
    rest = (after, X[28:], Y[28:])
    logs = fit_logs(*rest, [saving])
    assert logs["loss"] == whole.history.history["loss"][0]
    assert fit_logs(*rest, [saving])["loss"] != logs["loss"]  # once only: the next epoch is new


def fit_logs(model, x, y, callbacks):
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=callbacks)
    return {name: values[0] for name, values in model.history.history.items()}


def test_the_loss_scale_is_saved_with_the_optimizer(tmp_path):
    def scaled():
        model = make_model()
        inner = keras.optimizers.AdamW(0.01)
        scaling = keras.optimizers.LossScaleOptimizer(
            inner, initial_scale=64.0, dynamic_growth_steps=2
        )
        model.compile(scaling, "mse")
        return model

    whole, before, after = scaled(), scaled(), scaled()
    fit(whole, 0, 9)
    fit(before, 0, 5)
    Checkpoints(tmp_path).save(before)
    assert Checkpoints(tmp_path).restore(after) == 5
    assert float(after.optimizer.dynamic_scale) == 256.0
    fit(after, 5, 9)
    assert float(after.optimizer.dynamic_scale) == float(whole.optimizer.dynamic_scale) == 1024.0
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


def saved_steps(folder, *steps):
    """Checkpoints of a model after some numbers of steps."""
    model, checkpoints = make_model(), Checkpoints(folder, keep=len(steps))
    for first, last in zip((0, *steps), steps, strict=False):
        fit(model, first, last)
        checkpoints.save(model)
    return checkpoints


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"model/0000.npy") + 150] ^= 1  # among the values of the first weight
    path.write_bytes(content)


def tear(path):
    path.write_bytes(path.read_bytes()[:500])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip_a_bit, tear, empty])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, caplog, damage):
    checkpoints = saved_steps(tmp_path, 1, 2)
    damage(tmp_path / "step-000000002.npz")
    assert checkpoints.restore(make_model()) == 1
    (message,) = [r.getMessage() for r in caplog.records if r.name.startswith("keras_bert_kit")]
    assert f"{tmp_path / 'step-000000002.npz'} cannot be read (" in message
    assert message.endswith("): passed over.")


def test_damaged_checkpoints_alone_are_no_start_from_nothing(tmp_path):
    checkpoints = saved_steps(tmp_path, 1, 2)
    for path in checkpoints.paths():
        tear(path)
    with pytest.raises(ValueError, match=rf"None of the 2 checkpoints in {tmp_path} can be read"):
        checkpoints.restore(make_model())


def test_what_was_passed_over_does_not_push_whole_checkpoints_out(tmp_path):
    checkpoints = saved_steps(tmp_path, 1, 4)
    tear(tmp_path / "step-000000004.npz")
    checkpoints.keep, model = 1, make_model()
    checkpoints.restore(model)
    fit(model, 1, 2)
    checkpoints.save(model)
    assert checkpoints.restore(make_model()) == 2


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    half_written = tmp_path / "step-000000001.npz.4711.unfinished"
    half_written.write_bytes(b"PK")
    Checkpoints(tmp_path).restore(make_model())
    assert not half_written.exists()


def test_a_worker_that_does_not_write_reads_what_another_wrote(tmp_path):
    model = make_model()
    fit(model, 0, 4, [SaveCheckpoints(Checkpoints(tmp_path, writes=False), every=1)])
    assert not list(tmp_path.iterdir())
    (tmp_path / "step-000000009.npz.unfinished").touch()  # by another, at this moment
    Checkpoints(tmp_path).save(model)
    (tmp_path / "step-000000009.npz.unfinished").touch()
    assert Checkpoints(tmp_path, writes=False).restore(make_model()) == 4
    assert (tmp_path / "step-000000009.npz.unfinished").exists()


def test_no_later_step_changes_what_is_being_saved(tmp_path):
    model, checkpoints = make_model(), Checkpoints(tmp_path)
    fit(model, 0, 2)
    expected = model.get_weights()
    may_write = threading.Event()
    checkpoints._write, write = (
        (lambda *state: may_write.wait() and write(*state)),
        checkpoints._write,
    )
    checkpoints.save_in_background(model)
    fit(model, 2, 4)
    may_write.set()
    checkpoints.wait()
    restored = make_model()
    assert checkpoints.restore(restored) == 2
    for value, found in zip(expected, restored.get_weights(), strict=True):
        np.testing.assert_array_equal(found, value)


def test_saves_by_the_clock_too(tmp_path):
    model, checkpoints = make_model(), Checkpoints(tmp_path, keep=9)
    clock = lambda: 25 * int(model.optimizer.iterations)  # noqa: E731
    fit(model, 0, 7, [SaveCheckpoints(checkpoints, every=100, minutes=1, clock=clock)])
    steps = [int(path.stem.removeprefix("step-")) for path in checkpoints.paths()]
    assert steps == [3, 6, 7]


@pytest.mark.parametrize("arguments", [{"every": 0}, {"every": 1, "minutes": 0}])
def test_never_is_refused(tmp_path, arguments):
    with pytest.raises(ValueError, match=r"must be .* received 0"):
        SaveCheckpoints(Checkpoints(tmp_path), **arguments)


def fail(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_earlier_checkpoint_and_nothing_torn(tmp_path, monkeypatch):
    model = make_model()
    fit(model, 0, 2)
    checkpoints = Checkpoints(tmp_path)
    first = checkpoints.save(model)
    fit(model, 2, 4)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device"):
        checkpoints.save(model)
    assert list(tmp_path.iterdir()) == [first]


def test_training_goes_on_while_nothing_can_be_saved(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path, keep=9)
    saving = SaveCheckpoints(checkpoints, every=2)
    fit(make_model(), 0, 9, [saving, SmallFiles(3, 7, checkpoints.wait)])
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "step-000000002.npz",
        "step-000000008.npz",
        "step-000000009.npz",
    ]
    messages = [r.getMessage() for r in caplog.records if r.name.startswith("keras_bert_kit")]
    assert len(messages) == 2
    for step, message in zip((4, 6), messages, strict=True):
        assert message.startswith(
            f"Step {step} is NOT saved: could not write {tmp_path}/step-00000000{step}.npz "
            "([Errno 27] File too large). Training goes on; the newest checkpoint is "
            "step-000000002.npz."
        )


class SignalAt(keras.callbacks.Callback):
    def __init__(self, step, number):
        super().__init__()
        self.step = step
        self.number = number

    def on_train_batch_end(self, batch, logs=None):
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
