"""Tests of models with more room."""

import numpy as np
import pytest
from tiny_models import ARGUMENTS, BATCH, INPUTS, tiny_encoder, tiny_pretraining_model

from keras_bert_kit.resize import resize


def weights_of(model):
    return {weight.path: np.asarray(weight.value) for weight in model.weights}


def test_more_tokens_change_nothing_for_the_old_ones():
    model = tiny_pretraining_model()
    larger = resize(model, vocabulary_size=15)
    before, after = model(BATCH[0]), larger(BATCH[0])
    assert after["masked_lm"].shape[-1] == 15
    np.testing.assert_allclose(after["masked_lm"][..., :11], before["masked_lm"], atol=1e-6)
    np.testing.assert_array_equal(after["next_sentence"], before["next_sentence"])


def test_new_tokens_have_first_values():
    larger = resize(tiny_pretraining_model(), vocabulary_size=15)
    weights = weights_of(larger)
    assert 0 < np.abs(weights["embeddings/token/table"][11:]).max() <= 0.04  # two deviations
    np.testing.assert_array_equal(weights["masked_lm/output_bias"][11:], 0)


def test_new_positions_repeat_the_old_ones():
    longer = resize(tiny_encoder(), max_sequence_length=25)
    table = weights_of(longer)["embeddings/position_table"]
    assert table.shape == (25, ARGUMENTS["hidden_dim"])
    np.testing.assert_array_equal(table[10:20], table[:10])
    np.testing.assert_array_equal(table[20:], table[:5])


def test_the_positions_of_roberta_repeat_from_the_first_that_is_used():
    encoder = tiny_encoder(position_offset=2, num_segments=0, pooler=False)
    before = weights_of(encoder)["embeddings/position_table"]
    table = weights_of(resize(encoder, max_sequence_length=13))["embeddings/position_table"]
    np.testing.assert_array_equal(table[:12], before)
    np.testing.assert_array_equal(table[12:], before[2:5])


def test_fewer_positions_are_the_first_ones():
    encoder = tiny_encoder()
    shorter = resize(encoder, max_sequence_length=6)
    np.testing.assert_array_equal(
        shorter(INPUTS)["sequence_output"], encoder(INPUTS)["sequence_output"]
    )


def test_precision_and_options_stay():
    model = tiny_pretraining_model(dtype="mixed_bfloat16", activation="gelu_approximate")
    larger = resize(model, vocabulary_size=12)
    expected = model.encoder.get_config() | {"vocabulary_size": 12}
    assert larger.encoder.get_config() == expected


def test_fewer_tokens_are_refused():
    with pytest.raises(ValueError, match=r"may only grow: it is 11; received 10"):
        resize(tiny_encoder(), vocabulary_size=10)


def test_no_position_is_refused():
    with pytest.raises(ValueError, match=r"`max_sequence_length` must be positive; got 0"):
        resize(tiny_encoder(), max_sequence_length=0)
