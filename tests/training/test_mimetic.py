"""Where a small model begins."""

import numpy as np
import pytest
from keras import ops

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import PretrainingModel
from keras_bert_kit.training.mimetic import sinusoids, start_mimetic

COUNTS = np.array([0, 0, 50, 50, 0, 400, 100, 300, 99, 1])


@pytest.fixture(scope="module")
def model():
    encoder = Encoder(len(COUNTS), 2, 4, 256, 512, dropout=0.0, max_sequence_length=64)
    model = PretrainingModel(encoder)
    start_mimetic(model, COUNTS)
    return model


def encode(model, length=64):
    ids = np.full((1, length), 5, "int32")
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    return model.encoder.with_internals()(inputs)


def test_every_token_first_looks_at_those_around_it(model):
    (weights, *_) = encode(model)["attention"]
    weights = ops.convert_to_numpy(weights)[0]  # (N, T, T)
    distances = np.abs(np.subtract.outer(np.arange(64), np.arange(64)))
    near = np.where(distances <= 3, weights, 0).sum(2).mean()
    far = np.where(distances >= 12, weights, 0).sum(2).mean()
    assert near > 0.5  # 0.11 when attention is uniform, as it is with BERT's own first weights
    assert far < 0.25  # 0.67 when uniform


def test_the_output_bias_is_a_unigram_model(model):
    bias = model.get_layer("masked_lm").output_bias.numpy()
    np.testing.assert_allclose(np.exp(bias), (COUNTS + 1) / (COUNTS + 1).sum(), rtol=1e-5)


def test_matrices_keep_the_variance_of_their_input(model):
    block = model.encoder.get_layer("block_1")
    for kernel in (
        block.attention.query_key_value.kernel,
        block.attention.output_projection.kernel,
    ):
        # Cut at two deviations, a normal distribution has 0.88 of its deviation.
        assert np.std(kernel.numpy()) == pytest.approx(0.88 / 16, rel=0.02)


def test_queries_equal_keys_but_not_values(model):
    kernel = model.encoder.get_layer("block_0").attention.query_key_value.kernel.numpy()
    query, key, value = np.split(kernel, 3, axis=1)
    np.testing.assert_array_equal(query, key)
    assert np.abs(query - value).min(axis=0).max() > 0


def test_sinusoids_of_neighbours_are_alike():
    waves = sinusoids(100, 65)
    assert waves.shape == (100, 65)
    alike = waves @ waves[50] / 32
    assert alike[49] == pytest.approx(alike[51], abs=0.05)
    assert alike[50] > alike[51] > alike[54] > alike[70]


def test_counts_of_another_vocabulary_are_refused(model):
    with pytest.raises(ValueError, match="each of the 10 tokens"):
        start_mimetic(model, COUNTS[:-1])
