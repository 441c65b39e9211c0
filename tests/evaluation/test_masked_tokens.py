"""Losses and hits of masked tokens, added up by example."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_models import BATCH, tiny_pretraining_model

from keras_bert_kit.evaluation.masked_tokens import MaskedTokenScores, masked_token_scores


def dataset():
    x, y, weights = BATCH
    return tf.data.Dataset.from_tensors((x, y, weights)).repeat(2)


def test_sums_of_each_example():
    model = tiny_pretraining_model(dropout=0.0)
    x, y, weights = BATCH
    logits = np.array(model(x)["masked_lm"], "float64")
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    there = weights["masked_lm"] > 0
    right = np.take_along_axis(shares, y["masked_lm"][..., None], -1)[..., 0]
    hits = logits.argmax(-1) == y["masked_lm"]
    found = masked_token_scores(model, dataset())
    np.testing.assert_allclose(found.losses, 2 * list((-np.log(right) * there).sum(1)), rtol=1e-4)
    np.testing.assert_array_equal(found.hits, 2 * list((hits * there).sum(1)))
    np.testing.assert_array_equal(found.counts, [3, 1, 3, 1])
    assert found.loss == pytest.approx(-np.log(right[there]).mean(), rel=1e-4)


def test_they_agree_with_evaluate():
    model = tiny_pretraining_model(next_sentence=False, dropout=0.0)
    model.compile(loss=model.losses_by_output(), weighted_metrics=model.metrics_by_output())
    logs = model.evaluate(dataset(), return_dict=True, verbose=0)
    found = masked_token_scores(model, dataset())
    assert found.loss == pytest.approx(logs["masked_lm_loss"], rel=1e-5)
    assert found.accuracy == pytest.approx(logs["masked_lm_accuracy"], rel=1e-5)


def test_examples_count_by_their_tokens():
    scores = MaskedTokenScores(np.array([4.0, 1.0]), np.array([1.0, 1.0]), np.array([3.0, 1.0]))
    assert scores.loss == 1.25
    assert scores.accuracy == 0.5
    assert scores.score(np.array([1, 1])) == {"loss": 1.0, "accuracy": 1.0}


def test_rows_without_masked_tokens_have_no_score():
    scores = MaskedTokenScores(*np.zeros((3, 2)))
    assert scores.score(np.array([0, 1])) == {"loss": None, "accuracy": None}
