import numpy as np
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of

from keras_bert_kit.heads.next_sentence import NextSentenceHead

POOLED = np.random.default_rng(1).uniform(-1, 1, (3, 8)).astype("float32")


def build_head(dtype="float32"):
    head = NextSentenceHead(dtype=dtype, name="next_sentence")
    head.build((None, 8))
    randomize(head)
    return head


def test_equals_the_reference():
    head = build_head()
    expected = reference_bert.next_sentence(POOLED, weights_of(head))
    logits = head(POOLED)
    assert logits.shape == (3, 2)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_config_makes_the_same_head():
    config = build_head().get_config()
    assert NextSentenceHead.from_config(config).get_config() == config


def test_mixed_precision_gives_float32_logits_that_stay_near():
    logits = build_head("mixed_bfloat16")(POOLED)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, build_head()(POOLED), rtol=0, atol=0.02)
