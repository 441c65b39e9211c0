"""Tests of early stopping with the best weights, in one go and in several."""

import json
import logging
import math

import keras
import numpy as np
import pytest

from keras_bert_kit.training.best_weights import BestWeights
from keras_bert_kit.training.checkpoints import Checkpoints

X = np.zeros((2, 1), "float32")


def make_model(width=1):
    """A model whose only weight is the number of its steps: the gradient of the sum is 1."""
    x = keras.Input((1,))
    model = keras.Model(x, keras.layers.Dense(width, kernel_initializer="zeros")(x))
    model.compile(keras.optimizers.SGD(1.0), lambda y_true, y_pred: -keras.ops.sum(y_pred, -1))
    return model


class Scores(keras.callbacks.Callback):
    """Puts a score for each step into the logs, as a callback of the task's own metric does."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.scores[int(self.model.optimizer.iterations) - 1]


def fit(model, scores, best, checkpoints=None, stop=None):
    """A step an epoch, as far as there are scores."""
    start = int(model.optimizer.iterations)
    callbacks = [Scores(scores), best]
    model.fit(
        X, X, batch_size=2, initial_epoch=start, epochs=stop or len(scores), verbose=0,
        callbacks=callbacks,
    )  # fmt: skip
    return int(model.optimizer.iterations)


def steps_in(model):
    return float(model.get_weights()[1][0])


@pytest.mark.parametrize(
    ("mode", "scores", "stops_at", "best"),
    [
        ("max", [0.1, 0.5, 0.4, 0.3, 0.9], 4, 2),
        ("min", [0.5, 0.4, 0.6, 0.3, 0.5, 0.3, 0.1], 6, 4),
        ("max", [math.nan, 0.2, math.nan, 0.1, 0.9], 4, 2),
        ("max", [0.1, 0.2, 0.3], 3, 3),
        ("max", [0.5, 0.5, 0.5], 3, 1),
    ],
)
def test_stops_and_ends_with_the_best_weights(mode, scores, stops_at, best, tmp_path):
    model = make_model()
    callback = BestWeights("score", mode, 2, tmp_path)
    assert fit(model, scores, callback) == stops_at
    assert steps_in(model) == callback.best_step == best
    assert callback.best == scores[best - 1]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"best-{best:09d}.npz", "best.json"]
    state = json.loads((tmp_path / "best.json").read_text())
    assert state["best"] == scores[best - 1]
    assert state["evaluations_without_improvement"] == stops_at - best


def test_without_patience_it_never_stops(tmp_path):
    model = make_model()
    assert fit(model, [0.9, *[0.1] * 5], BestWeights("score", "max", None, tmp_path)) == 6
    assert steps_in(model) == 1


@pytest.mark.parametrize("checkpoint_at", [1, 2, 3, 4])
@pytest.mark.parametrize("killed_at", [4, 5])
def test_a_run_that_was_killed_decides_as_if_it_had_not_been(tmp_path, checkpoint_at, killed_at):
    scores = [0.3, 0.1, 0.5, 0.4, 0.2, 0.45, 0.9]  # three without a better one after step 3
    model = make_model()
    best = BestWeights("score", "max", 3, tmp_path, restore=False)
    fit(model, scores, best, stop=checkpoint_at)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(model)
    fit(model, scores, BestWeights("score", "max", 3, tmp_path, restore=False), stop=killed_at)

    resumed = make_model()
    assert checkpoints.restore(resumed) == checkpoint_at
    callback = BestWeights("score", "max", 3, tmp_path)
    assert fit(resumed, scores, callback) == 6
    assert (steps_in(resumed), callback.best) == (3, 0.5)


def test_a_worker_that_does_not_write_decides_the_same(tmp_path):
    callback = BestWeights("score", "max", 2, tmp_path / "best", restore=False, writes=False)
    assert fit(make_model(), [0.1, 0.5, 0.4, 0.3, 0.9], callback) == 4
    assert callback.best_step == 2
    assert not (tmp_path / "best").exists()


def test_a_run_that_had_stopped_says_so(tmp_path):
    fit(make_model(), [0.5, 0.4, 0.3], BestWeights("score", "max", 2, tmp_path))
    callback = BestWeights("score", "max", 2, tmp_path)
    callback.resume(3)
    assert callback.stopped
    callback.resume(2)
    assert not callback.stopped
    callback.resume(0)
    assert callback.best is None


def test_a_measure_that_is_not_there_is_an_error(tmp_path):
    message = r"`monitor` is 'f1', but the logs have only loss, score\. Name one of these, or put"
    with pytest.raises(ValueError, match=message):
        fit(make_model(), [0.5], BestWeights("f1", "max", 2, tmp_path))


def test_a_measure_that_never_is_a_number_is_said(tmp_path, caplog):
    model = make_model()
    with caplog.at_level(logging.WARNING):
        fit(model, [math.nan] * 2, BestWeights("score", "min", None, tmp_path))
    assert "score is not a number at step 1." in caplog.text
    assert "score never was a number: no best weights to restore." in caplog.text
    assert steps_in(model) == 2


def test_a_folder_of_another_measure_is_refused(tmp_path):
    model = make_model()
    fit(model, [0.5], BestWeights("score", "max", 2, tmp_path))
    with pytest.raises(ValueError, match=r"is of the maximum of score, not of the minimum of loss"):
        fit(model, [0.5, 0.6], BestWeights("loss", "min", 2, tmp_path))


def test_best_weights_of_another_model_are_refused(tmp_path):
    best = BestWeights("score", "max", 2, tmp_path)
    fit(make_model(), [0.5], best)
    with pytest.raises(ValueError, match=r"best-000000001\.npz cannot be put into this model"):
        best.restore_best(make_model(width=2))
    (tmp_path / "best-000000001.npz").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"cannot be put into this model .*Remove the folder"):
        best.restore_best(make_model())


def test_a_mode_or_a_patience_that_is_none_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"`mode` must be 'max' or 'min'; received 'auto'"):
        BestWeights("score", "auto", 2, tmp_path)
    with pytest.raises(ValueError, match=r"`patience` must be at least 1, or none; received 0"):
        BestWeights("score", "max", 0, tmp_path)
