import keras
import numpy as np
import pytest

from keras_bert_kit.training.accuracy import Accuracy

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(4, 7, 5)).astype("float32")
LABELS = GENERATOR.integers(0, 5, (4, 7))
WEIGHTS = GENERATOR.integers(0, 2, (4, 7)).astype("float32")


def test_it_is_kerass():
    ours, theirs = Accuracy(), keras.metrics.SparseCategoricalAccuracy()
    for metric in (ours, theirs):
        metric.update_state(LABELS, LOGITS, WEIGHTS)
        metric.update_state(LABELS[:1], LOGITS[:1])
    np.testing.assert_allclose(ours.result(), theirs.result(), rtol=1e-6)


def test_labels_may_have_an_axis_more():
    metric = Accuracy()
    metric.update_state([[1], [0], [1]], [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_of_two_that_are_largest_the_first_counts():
    metric = Accuracy()
    metric.update_state([0, 1], np.zeros((2, 3), "float32"))
    assert float(metric.result()) == 0.5


def test_config_makes_the_same():
    metric = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Accuracy(name="label_accuracy"))
    )
    assert isinstance(metric, Accuracy)
    assert metric.name == "label_accuracy"
