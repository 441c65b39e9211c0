import keras
import numpy as np
import reference_bert
import tensorflow as tf
from reference_bert import randomize, weights_of

from keras_bert_kit.heads.masked_lm import MaskedLMHead
from keras_bert_kit.layers.embeddings import TokenEmbedding

POSITIONS = np.array([[1, 3, 0], [2, 2, 0]], "int32")


def build_head(dtype="float32", epsilon=1e-2):
    """A head for a vocabulary of 11 and a width of 8, and its table."""
    table = TokenEmbedding(11, 8, dtype=dtype, name="token")
    head = MaskedLMHead(table, epsilon, dtype=dtype, name="masked_lm")
    head.build((None, None, 8))
    randomize(head)
    return head


def sequence_output():
    return np.random.default_rng(1).standard_normal((2, 4, 8)).astype("float32")


def test_equals_the_reference():
    head = build_head()
    expected = reference_bert.masked_lm(
        sequence_output(),
        POSITIONS,
        weights_of(head),
        np.asarray(head.token_embedding.table, "float64"),
        epsilon=1e-2,
    )
    logits = head(sequence_output(), POSITIONS)
    assert logits.shape == (2, 3, 11)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_positions_count_from_the_start_of_their_own_row():
    head, x = build_head(), sequence_output()
    logits = head(x, POSITIONS)
    alone = head(x[1:], POSITIONS[1:])
    np.testing.assert_allclose(logits[1:], alone, rtol=0, atol=1e-6)


def test_no_rows_have_no_scores():
    # `MirroredStrategy` gives a replica none where a batch is smaller than the replicas are many
    logits = build_head()(np.zeros((0, 4, 8), "float32"), np.zeros((0, 3), "int32"))
    assert logits.shape == (0, 3, 11)


def test_another_table_gives_other_scores():
    head = build_head()
    head.token_embedding.table.assign(np.zeros((11, 8)))
    logits = head(sequence_output(), POSITIONS)
    np.testing.assert_array_equal(logits, np.broadcast_to(head.output_bias, (2, 3, 11)))


def test_runs_where_no_size_is_known_before():
    head = build_head()
    function = tf.function(
        head,
        input_signature=[
            tf.TensorSpec((None, None, 8), tf.float32),
            tf.TensorSpec((None, None), tf.int32),
        ],
    )
    np.testing.assert_allclose(
        function(sequence_output(), POSITIONS), head(sequence_output(), POSITIONS), atol=1e-6
    )


def test_config_makes_the_same_head():
    head = build_head()
    again = MaskedLMHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert again(sequence_output(), POSITIONS).shape == (2, 3, 11)
    assert keras.saving.get_registered_name(MaskedLMHead) == "keras_bert_kit>MaskedLMHead"


def test_mixed_precision_gives_float32_logits_that_stay_near():
    exact = build_head()(sequence_output(), POSITIONS)
    logits = build_head("mixed_bfloat16")(sequence_output(), POSITIONS)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, exact, rtol=0, atol=0.05)
