import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of

from keras_bert_kit.layers.embeddings import Embeddings, TokenEmbedding

TOKEN_IDS = np.array([[2, 5, 9, 3], [2, 8, 3, 0]], "int32")
SEGMENT_IDS = np.array([[0, 0, 1, 1], [0, 0, 0, 0]], "int32")


def build_layer(**changes):
    arguments = {"max_sequence_length": 6, "layer_norm_epsilon": 1e-2, "name": "embeddings"}
    layer = Embeddings(11, 8, **arguments | changes)
    layer.build((None, None))
    randomize(layer)
    return layer


def build_table(dtype="float32"):
    layer = TokenEmbedding(11, 8, dtype=dtype, name="token")
    layer.build()
    randomize(layer)
    return layer


@pytest.mark.parametrize("position_offset", [0, 2])
def test_equals_the_reference(position_offset):
    layer = build_layer(position_offset=position_offset)
    expected = [
        reference_bert.embeddings(*row, weights_of(layer), position_offset, epsilon=1e-2)
        for row in zip(TOKEN_IDS, SEGMENT_IDS, strict=True)
    ]
    np.testing.assert_allclose(layer(TOKEN_IDS, SEGMENT_IDS), expected, rtol=0, atol=1e-5)


def test_equals_the_reference_without_segments():
    layer = build_layer(num_segments=0)
    weights = weights_of(layer)
    assert "segment_table" not in weights
    expected = [reference_bert.embeddings(row, None, weights, epsilon=1e-2) for row in TOKEN_IDS]
    np.testing.assert_allclose(layer(TOKEN_IDS), expected, rtol=0, atol=1e-5)


def test_one_segment_is_a_vector_added_to_every_token():
    layer = build_layer(num_segments=1)
    weights = weights_of(layer)
    assert weights["segment_table"].shape == (1, 8)
    zeros = np.zeros(4, "int32")
    expected = [reference_bert.embeddings(row, zeros, weights, epsilon=1e-2) for row in TOKEN_IDS]
    np.testing.assert_allclose(layer(TOKEN_IDS), expected, rtol=0, atol=1e-5)


def test_an_offset_adds_rows_to_the_positions():
    assert build_layer(position_offset=2).position_table.shape == (8, 8)


def test_too_long_a_sequence_is_an_error():
    ids = np.zeros((1, 7), "int32")
    with pytest.raises(ValueError, match=r"7 tokens were given.*`max_sequence_length=6`"):
        build_layer(position_offset=2)(ids, ids)


def test_missing_segments_are_an_error():
    with pytest.raises(ValueError, match=r"`segment_ids` is missing.*`num_segments=2`"):
        build_layer()(TOKEN_IDS)


def test_config_makes_the_same_layer():
    layer = build_layer(num_segments=3, position_offset=2, dropout=0.25)
    config = layer.get_config()
    again = Embeddings.from_config(config)
    assert again.get_config() == config
    assert again.output_dropout.rate == 0.25
    assert again.compute_output_shape((2, 4)) == (2, 4, 8)


def test_mixed_precision_stays_near():
    output = build_layer(dtype="mixed_bfloat16")(TOKEN_IDS, SEGMENT_IDS)
    assert output.dtype == tf.bfloat16
    exact = build_layer()(TOKEN_IDS, SEGMENT_IDS)
    np.testing.assert_allclose(tf.cast(output, tf.float32), exact, rtol=0, atol=0.05)


def test_dropout_is_active_in_training_only():
    exact = build_layer()(TOKEN_IDS, SEGMENT_IDS)
    layer = build_layer(dropout=0.5)
    np.testing.assert_array_equal(layer(TOKEN_IDS, SEGMENT_IDS), exact)
    in_training = layer(TOKEN_IDS, SEGMENT_IDS, training=True)
    assert np.abs(in_training - exact).max() > 0.1


def test_token_table_forwards_and_backwards():
    layer = build_table()
    table = np.asarray(layer.table.value)
    np.testing.assert_array_equal(layer(TOKEN_IDS), table[TOKEN_IDS])
    hidden = np.random.default_rng(1).standard_normal((2, 3, 8)).astype("float32")
    expected = np.einsum("bmd,vd->bmv", hidden, table)
    np.testing.assert_allclose(layer.scores(hidden), expected, rtol=0, atol=1e-5)


def test_token_table_in_mixed_precision_is_stored_in_float32():
    layer = build_table("mixed_bfloat16")
    assert layer.table.dtype == "float32"
    rows = layer(TOKEN_IDS)
    assert rows.dtype == tf.bfloat16
    np.testing.assert_array_equal(
        tf.cast(rows, tf.float32),
        tf.cast(tf.cast(tf.gather(layer.table.value, TOKEN_IDS), tf.bfloat16), tf.float32),
    )
    assert layer.scores(rows).dtype == tf.bfloat16


def test_token_table_config_makes_the_same_table():
    config = build_table().get_config()
    assert TokenEmbedding.from_config(config).get_config() == config
