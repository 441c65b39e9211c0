import keras
import numpy as np
import pytest
import tensorflow as tf
from reference_bert import dense, randomize, weights_of, within

from keras_bert_kit.heads.classifier import ClassifierHead

FEATURES = np.random.default_rng(1).standard_normal((4, 8)).astype("float32")
HIDDEN = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}
ALL = pytest.mark.parametrize("hidden_activation", [None, *HIDDEN])


def build_head(hidden_activation=None, dropout=0.0, dtype="float32"):
    head = ClassifierHead(3, dropout, hidden_activation, dtype=dtype, name="classifier")
    head.build((None, 8))
    randomize(head)
    return head


@ALL
def test_equals_the_formula(hidden_activation):
    head = build_head(hidden_activation)
    weights, expected = weights_of(head), FEATURES
    if hidden_activation:
        expected = HIDDEN[hidden_activation](dense(expected, within(weights, "hidden")))
    expected = dense(expected, within(weights, "linear"))
    logits = head(FEATURES)
    assert logits.shape == (4, 3)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


@ALL
def test_dropout_is_active_in_training_only(hidden_activation):
    head = build_head(hidden_activation, dropout=0.5)
    np.testing.assert_array_equal(head(FEATURES), build_head(hidden_activation)(FEATURES))
    assert np.abs(head(FEATURES, training=True) - head(FEATURES)).max() > 0.1


@pytest.mark.parametrize(("hidden_activation", "before"), [("tanh", 0.25), ("relu", 0.0)])
def test_there_is_dropout_before_a_tanh_layer_only(hidden_activation, before):
    head = build_head(hidden_activation, dropout=0.25)
    assert (head.features_dropout.rate, head.output_dropout.rate) == (before, 0.25)


@ALL
def test_config_makes_the_same_head(hidden_activation):
    head = build_head(hidden_activation, dropout=0.25)
    again = ClassifierHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    again.build((None, 8))
    assert [w.path for w in again.weights] == [w.path for w in head.weights]
    assert keras.saving.get_registered_name(ClassifierHead) == "keras_bert_kit>ClassifierHead"


@ALL
def test_mixed_precision_gives_float32_logits_that_stay_near(hidden_activation):
    logits = build_head(hidden_activation, dtype="mixed_bfloat16")(FEATURES)
    assert logits.dtype == tf.float32
    exact = build_head(hidden_activation)(FEATURES)
    np.testing.assert_allclose(logits, exact, rtol=0, atol=0.05)


def test_no_class_is_an_error():
    with pytest.raises(ValueError, match=r"`num_classes` must be at least 1; received 0\."):
        ClassifierHead(0)
