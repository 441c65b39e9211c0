import keras
import numpy as np
import pytest
import tensorflow as tf
from reference_bert import dense, randomize, weights_of, within

from keras_bert_kit.heads.tagger import TaggerHead

SEQUENCE_OUTPUT = np.random.default_rng(1).standard_normal((2, 5, 8)).astype("float32")


def build_head(dropout=0.0, dtype="float32"):
    head = TaggerHead(3, dropout, dtype=dtype, name="tagger")
    head.build((None, None, 8))
    randomize(head)
    return head


def test_equals_the_formula():
    head = build_head()
    expected = dense(SEQUENCE_OUTPUT, within(weights_of(head), "linear"))
    logits = head(SEQUENCE_OUTPUT)
    assert logits.shape == (2, 5, 3)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_dropout_is_active_in_training_only():
    head = build_head(dropout=0.5)
    np.testing.assert_array_equal(head(SEQUENCE_OUTPUT), build_head()(SEQUENCE_OUTPUT))
    assert np.abs(head(SEQUENCE_OUTPUT, training=True) - head(SEQUENCE_OUTPUT)).max() > 0.1


def test_config_makes_the_same_head():
    config = build_head(dropout=0.25).get_config()
    assert TaggerHead.from_config(config).get_config() == config
    assert (config["num_classes"], config["dropout"]) == (3, 0.25)
    assert keras.saving.get_registered_name(TaggerHead) == "keras_bert_kit>TaggerHead"


def test_mixed_precision_gives_float32_logits_that_stay_near():
    logits = build_head(dtype="mixed_bfloat16")(SEQUENCE_OUTPUT)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, build_head()(SEQUENCE_OUTPUT), rtol=0, atol=0.05)


def test_no_tag_is_an_error():
    with pytest.raises(ValueError, match=r"`num_classes` must be at least 1; received 0\."):
        TaggerHead(0)
