"""Tests of averaged weights: the recursion, where they are put in, and where not."""

import keras
import numpy as np
import pytest
from fine_tuned_models import classifier, compiled, data, fit, values

from keras_bert_kit.training.averaging import AveragedWeights, use_averages
from keras_bert_kit.training.freezing import freeze

MOMENTUM = 0.6


class Recorder(keras.callbacks.Callback):
    """The weights after each step, in each evaluation and at the ends of epochs."""

    def __init__(self):
        super().__init__()
        self.steps, self.evaluations, self.ends = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(values(self.model))

    def on_test_batch_end(self, batch, logs=None):
        self.evaluations.append(values(self.model))

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(values(self.model))


def recursion(steps):
    """`a = m a + (1 - m) w`, from the first step's weights on, in float64."""
    average = {path: value.astype("float64") for path, value in steps[0].items()}
    for weights in steps[1:]:
        average = {p: MOMENTUM * a + (1 - MOMENTUM) * weights[p] for p, a in average.items()}
    return average


def assert_same(found, expected, atol=1e-6):
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=0, atol=atol, err_msg=path)


def run(model, run_eagerly=False, epochs=2, **options):
    recorder = Recorder()
    callbacks = [AveragedWeights(**options), recorder]
    compiled(model, run_eagerly, use_ema=True, ema_momentum=MOMENTUM)
    fit(model, 3, epochs=epochs, validation_data=data(1), callbacks=callbacks)
    return recorder


@pytest.mark.parametrize("is_frozen", [False, True])
def test_what_is_measured_and_kept_are_the_averages(is_frozen):
    model = classifier()
    if is_frozen:
        freeze(model, 1)
    recorder = run(model, run_eagerly=is_frozen)
    averages = [recursion(recorder.steps[:count]) for count in (3, 6)]
    for found, expected in zip(recorder.evaluations, averages, strict=True):
        assert_same(found, expected)
    for found, expected in zip(recorder.ends, averages, strict=True):
        assert_same(found, expected)
    assert_same(values(model), averages[-1])
    kernel = "classifier/linear/kernel"
    assert np.abs(averages[-1][kernel] - recorder.steps[-1][kernel]).max() > 1e-3


def test_training_goes_on_from_its_own_weights():
    averaged, plain = classifier(), compiled(classifier(), run_eagerly=True)
    run(averaged, run_eagerly=True, keep_at_end=False)
    fit(plain, 6)
    assert_same(values(averaged), values(plain))
    use_averages(averaged)
    kernel = "classifier/linear/kernel"
    assert np.abs(values(averaged)[kernel] - values(plain)[kernel]).max() > 1e-3


def test_before_the_first_step_the_weights_are_as_they_were():
    model = compiled(classifier(num_layers=1), use_ema=True)
    before = values(model)
    model.optimizer.build(model.trainable_variables)
    model.evaluate(data(1), verbose=0, callbacks=[AveragedWeights()])
    use_averages(model)
    assert_same(values(model), before, atol=0)


def test_an_optimizer_without_averages_is_an_error():
    model = compiled(classifier(num_layers=1))
    with pytest.raises(ValueError, match=r"AdamW` with `use_ema=True`; this model has AdamW with"):
        fit(model, 1, callbacks=[AveragedWeights()])
