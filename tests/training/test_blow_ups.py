import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.step import TrainingStep
from keras_bert_kit.training.blow_ups import BlowUp, LeftOut, RollBacks, WatchForBlowUps
from keras_bert_kit.training.checkpoints import Checkpoints, SaveCheckpoints
from keras_bert_kit.training.fitting import fit_steps

LAST = 12


class Model(TrainingStep, keras.Model):
    """A functional model that trains with the kit's step."""


def make_model(**arguments):
    x = keras.Input((1,))
    model = Model(x, {"label": keras.layers.Dense(1, kernel_initializer="ones")(x)})
    model.compile(keras.optimizers.Adam(0.1), loss={"label": "mse"}, **arguments)
    return model


def batches_of(numbers, broken=(), huge=()):
    """One row each, its number; not a number, or very large, in some."""

    def batches(step, num_steps=None):
        x = np.array(numbers, "float32")
        x[np.isin(numbers, broken)] = np.nan
        x[np.isin(numbers, huge)] = 1e6
        rows = {"label": np.ones((len(x), 1), "float32")}
        data = tf.data.Dataset.from_tensor_slices((x[:, None], rows)).batch(1).skip(step)
        return data if num_steps is None else data.take(num_steps)

    return batches


def train(model, batches, folder, watch, roll_backs=0, steps=LAST):
    checkpoints, left_out = Checkpoints(folder), LeftOut(folder / "left-out.json")
    checkpoints.restore(model)
    fit_steps(
        model,
        left_out.of(batches),
        steps,
        6,
        callbacks=[watch, SaveCheckpoints(checkpoints, every=2)],
        on_blow_up=RollBacks(model, checkpoints, left_out, roll_backs),
    )
    return model.get_weights()


def assert_as_if(found, numbers, broken=()):
    model = make_model()
    fit_steps(model, batches_of(numbers, broken), LAST, 6)
    for weight, expected in zip(found, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_steps_that_are_skipped_now_and_then_are_no_blow_up(tmp_path):
    numbers = range(LAST)
    found = train(make_model(), batches_of(numbers, [1, 3, 4]), tmp_path, WatchForBlowUps(3))
    assert_as_if(found, numbers, [1, 3, 4])


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_many_in_a_row_end_the_training(tmp_path, steps_per_execution):
    model = make_model(steps_per_execution=steps_per_execution)
    with pytest.raises(BlowUp, match="at step 6 the gradients of 3 steps in a row were not fin"):
        train(model, batches_of(range(LAST), [3, 4, 5]), tmp_path, WatchForBlowUps(3))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_high_loss_ends_the_training(tmp_path):
    with pytest.raises(BlowUp, match=r"at step 5 the loss is 1\.\d+e\+11, above 1000"):
        train(make_model(), batches_of(range(LAST), huge=[4]), tmp_path, WatchForBlowUps(50, 1e3))


def test_a_training_that_goes_back_leaves_the_batches_out(tmp_path, caplog):
    batches = batches_of(range(LAST + 10), huge=[4, 5])
    found = train(make_model(), batches, tmp_path, WatchForBlowUps(50, 1e3), roll_backs=2)
    # Twice back to step 4: first without batch 4, then without 5 too.
    assert_as_if(found, [*range(4), *range(6, 20)])
    assert [record.getMessage().partition(", above")[0][:41] for record in caplog.records] == [
        "Training has blown up: at step 5 the loss"
    ] * 2
    assert "Back to step 4, without the 1 batches since." in caplog.text


def test_what_was_left_out_stays_out_when_a_run_goes_on(tmp_path):
    batches = batches_of(range(LAST + 10), huge=[4])
    watch = WatchForBlowUps(50, 1e3)
    train(make_model(), batches, tmp_path, watch, roll_backs=1, steps=7)
    assert_as_if(train(make_model(), batches, tmp_path, watch), [*range(4), *range(5, 20)])


def test_a_checkpoint_from_before_finds_the_place(tmp_path):
    batches = batches_of(range(LAST + 10), huge=[4])
    watch = WatchForBlowUps(50, 1e3)
    train(make_model(), batches, tmp_path, watch, roll_backs=1, steps=5)
    for path in Checkpoints(tmp_path).paths()[1:]:
        path.unlink()
    assert [path.name for path in Checkpoints(tmp_path).paths()] == ["step-000000004.npz"]
    left_out = LeftOut(tmp_path / "left-out.json")
    left_out.add(6, 2)
    rows = [int(x[0, 0]) for x, _ in left_out.of(batches)(2).take(8)]
    assert rows == [2, 3, 5, 6, 9, 10, 11, 12]


def test_without_a_checkpoint_or_often_enough_it_is_an_error(tmp_path):
    batches = batches_of(range(LAST), huge=[1])
    with pytest.raises(BlowUp, match="at step 2 the loss"):
        train(make_model(), batches, tmp_path / "none", WatchForBlowUps(50, 1e3), roll_backs=5)
    batches = batches_of(range(LAST + 10), huge=[4, 5])
    with pytest.raises(BlowUp, match="at step 5 the loss"):
        train(make_model(), batches, tmp_path / "once", WatchForBlowUps(50, 1e3), roll_backs=1)


def test_no_steps_in_a_row_are_refused():
    with pytest.raises(ValueError, match="`max_skipped` must be at least 1 step; received 0"):
        WatchForBlowUps(0)
