import keras
import numpy as np
import tensorflow as tf
from reference_bert import dense, randomize, weights_of, within

from keras_bert_kit.heads.span import SpanHead

SEQUENCE_OUTPUT = np.random.default_rng(1).standard_normal((2, 5, 8)).astype("float32")


def build_head(dropout=0.0, dtype="float32"):
    head = SpanHead(dropout, dtype=dtype, name="span")
    head.build((None, None, 8))
    randomize(head)
    return head


def test_equals_the_formula():
    head = build_head()
    expected = dense(SEQUENCE_OUTPUT, within(weights_of(head), "linear"))  # (B, T, 2)
    start, end = head(SEQUENCE_OUTPUT)
    assert start.shape == end.shape == (2, 5)
    np.testing.assert_allclose(start, expected[:, :, 0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(end, expected[:, :, 1], rtol=0, atol=1e-5)


def test_dropout_is_active_in_training_only():
    head, exact = build_head(dropout=0.5), build_head()(SEQUENCE_OUTPUT)
    np.testing.assert_array_equal(head(SEQUENCE_OUTPUT), exact)
    assert np.abs(head(SEQUENCE_OUTPUT, training=True)[0] - exact[0]).max() > 0.1


def test_config_makes_the_same_head():
    config = build_head(dropout=0.25).get_config()
    assert SpanHead.from_config(config).get_config() == config
    assert config["dropout"] == 0.25
    assert keras.saving.get_registered_name(SpanHead) == "keras_bert_kit>SpanHead"


def test_mixed_precision_gives_float32_logits_that_stay_near():
    logits = build_head(dtype="mixed_bfloat16")(SEQUENCE_OUTPUT)
    assert {scores.dtype for scores in logits} == {tf.float32}
    np.testing.assert_allclose(logits, build_head()(SEQUENCE_OUTPUT), rtol=0, atol=0.05)
