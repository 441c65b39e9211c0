"""Tests of measuring a pre-trained model beside its baselines."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.evaluation.pretraining import evaluate_pretraining, results_table
from keras_bert_kit.step import TrainingStep
from keras_bert_kit.training.losses import cross_entropy


class Constant(TrainingStep, keras.Model):
    """Gives the same logits whatever it sees."""

    def __init__(self, masked_lm, next_sentence):
        x = keras.Input((2,), name="x")
        logits = {
            "masked_lm": keras.layers.Lambda(
                lambda x: keras.ops.ones_like(x)[..., None] * keras.ops.array(masked_lm)
            )(x),
            "next_sentence": keras.layers.Lambda(
                lambda x: keras.ops.ones_like(x[:, :1]) * keras.ops.array(next_sentence)
            )(x),
        }
        super().__init__({"x": x}, logits)
        self.compile(
            loss={name: cross_entropy() for name in logits},
            weighted_metrics={
                name: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")] for name in logits
            },
        )


@pytest.fixture(scope="module")
def results():
    # Masked tokens that count: 1, 1, 2, 3 and, in the second batch, 1; a row of it is padding.
    batches = [
        ([[1, 1], [2, 3]], [[1.0, 1.0], [1.0, 1.0]], [0, 1], [1.0, 1.0]),
        ([[1, 0], [0, 0]], [[1.0, 0.0], [0.0, 0.0]], [0, 0], [1.0, 0.0]),
    ]
    columns = zip(*batches, strict=True)
    tokens, token_weights, sentences, sentence_weights = (np.array(column) for column in columns)
    dataset = tf.data.Dataset.from_tensor_slices(
        (
            {"x": np.zeros((2, 2, 2), np.float32)},
            {"masked_lm": tokens, "next_sentence": sentences},
            {"masked_lm": token_weights, "next_sentence": sentence_weights},
        )
    )
    # Probabilities 1/2 for token 1, 1/6 for the others; 3/4 for "follows".
    model = Constant([0.0, math.log(3), 0.0, 0.0], [math.log(3), 0.0])
    return evaluate_pretraining(model, dataset, np.array([0, 5, 2, 1]))


def test_losses_weigh_every_prediction_the_same(results):
    assert results["masked_lm_loss"] == pytest.approx((3 * math.log(2) + 2 * math.log(6)) / 5)
    assert results["next_sentence_loss"] == pytest.approx(
        (2 * math.log(4 / 3) + math.log(4)) / 3, rel=1e-6
    )


def test_accuracies_and_counts_leave_padding_out(results):
    assert results["masked_lm_accuracy"] == pytest.approx(3 / 5)
    assert results["masked_lm_count"] == 5
    assert results["next_sentence_accuracy"] == pytest.approx(2 / 3)
    assert results["next_sentence_count"] == 3


def test_baselines_are_of_the_same_tokens(results):
    shares = np.array([3, 1, 1]) / 5
    assert results["unigram_loss"] == pytest.approx(
        -(3 * math.log(6 / 12) + math.log(3 / 12) + math.log(2 / 12)) / 5
    )
    assert results["unigram_entropy"] == pytest.approx(-(shares * np.log(shares)).sum())
    assert results["commonest_rate"] == pytest.approx(3 / 5)
    assert results["majority_rate"] == pytest.approx(2 / 3)
    assert results["next_sentence_low"] < 2 / 3 < results["next_sentence_high"]


def test_table_sets_model_beside_baseline(results):
    lines = results_table(results).splitlines()
    assert len({len(line) for line in lines[:6]}) == 1  # aligned
    assert [cell.strip() for cell in lines[2].split("|")[1:4]] == [
        "masked-token loss (nats)",
        "1.133",
        "1.051",
    ]
    assert lines[-1] == (
        "Measured on 5 masked tokens, 3 sentence pairs; 95 % interval in brackets."
    )


def test_table_without_next_sentences(results):
    only_tokens = {k: v for k, v in results.items() if not k.startswith("next_sentence")}
    lines = results_table(only_tokens).splitlines()
    assert len(lines) == 7
    assert lines[-1] == "Measured on 5 masked tokens."
