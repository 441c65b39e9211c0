from dataclasses import asdict

import keras
import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import weights_of
from tiny_models import ARGUMENTS, INPUTS, tiny_encoder

from keras_bert_kit.config import encoder_config
from keras_bert_kit.encoder import Encoder

# RoBERTa's epsilon is 1e-5; these short vectors need a larger one to show it.
KINDS = {
    "bert": {},
    "roberta": {"num_segments": 0, "position_offset": 2, "layer_norm_epsilon": 1e-2},
    "distilbert": {"num_segments": 0, "pooler": False},
}


def inputs_of(encoder):
    return {name: INPUTS[name] for name in encoder.input}


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_reference(kind):
    changes = KINDS[kind]
    encoder = tiny_encoder(num_layers=2, **changes)
    expected = reference_bert.encoder(
        inputs_of(encoder),
        weights_of(encoder),
        num_heads=2,
        position_offset=changes.get("position_offset", 0),
        epsilon=changes.get("layer_norm_epsilon", 1e-12),
    )
    found = encoder.with_internals()(inputs_of(encoder))
    assert set(found) == set(expected)
    assert ("pooled_output" in found) == (kind != "distilbert")
    keras.tree.map_structure(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-5), dict(found), expected
    )
    for name, value in encoder(inputs_of(encoder)).items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5)


def test_what_stands_under_padding_changes_nothing():
    encoder = tiny_encoder()
    other = {**INPUTS, "token_ids": INPUTS["token_ids"].copy()}
    other["token_ids"][1, 4:] = [9, 10]
    before, after = encoder(INPUTS), encoder(other)
    np.testing.assert_array_equal(before["pooled_output"], after["pooled_output"])
    is_token = INPUTS["padding_mask"].astype(bool)
    np.testing.assert_array_equal(
        before["sequence_output"][is_token], after["sequence_output"][is_token]
    )


def test_more_padding_changes_nothing():
    encoder = tiny_encoder()
    short = {name: value[1:, :4] for name, value in INPUTS.items()}
    long = {name: value[1:] for name, value in INPUTS.items()}
    np.testing.assert_allclose(
        encoder(short)["sequence_output"][0],
        encoder(long)["sequence_output"][0, :4],
        rtol=0,
        atol=1e-6,
    )


def test_the_padding_mask_may_be_boolean():
    encoder = tiny_encoder()
    boolean = {**INPUTS, "padding_mask": INPUTS["padding_mask"].astype(bool)}
    np.testing.assert_array_equal(
        encoder(INPUTS)["sequence_output"], encoder(boolean)["sequence_output"]
    )


def test_internals_have_their_shapes_and_attention_sums_to_one():
    encoder = tiny_encoder(num_layers=2)
    outputs = encoder.with_internals()(INPUTS)
    assert [state.shape for state in outputs["hidden_states"]] == [(2, 6, 8)] * 3
    assert [looks.shape for looks in outputs["attention"]] == [(2, 2, 6, 6)] * 2
    for looks in outputs["attention"]:
        np.testing.assert_allclose(np.sum(looks, axis=-1), 1.0, atol=1e-6)
        np.testing.assert_array_equal(looks[1, :, :, 4:], 0.0)  # no one looks at padding
    np.testing.assert_array_equal(outputs["hidden_states"][-1], outputs["sequence_output"])
    np.testing.assert_array_equal(outputs["sequence_output"], encoder(INPUTS)["sequence_output"])


def test_internals_share_the_weights():
    encoder = tiny_encoder()
    internals = encoder.with_internals()
    assert [id(v) for v in internals.weights] == [id(v) for v in encoder.weights]


# https://arxiv.org/abs/1908.08962, table 1, and https://arxiv.org/abs/1810.04805, section 3, to
# the last digit: the weights in the published checkpoints, counted without their heads
PUBLISHED = {
    "tiny": 4_385_920,
    "mini": 11_170_560,
    "small": 28_763_648,
    "medium": 41_373_184,
    "base": 109_482_240,
    "large": 335_141_888,
}


@pytest.mark.parametrize("size", PUBLISHED)
def test_number_of_parameters_by_hand_is_the_published_one(size):
    config = encoder_config(size)
    width, inner = config.hidden_dim, config.intermediate_dim
    norm = 2 * width
    tables = (config.vocabulary_size + config.max_sequence_length + config.num_segments) * width
    attention = 4 * (width * width + width)
    feed_forward = (width * inner + inner) + (inner * width + width)
    block = attention + norm + feed_forward + norm
    pooler = width * width + width
    assert tables + norm + config.num_layers * block + pooler == PUBLISHED[size]


@pytest.mark.parametrize("size", ["tiny", "mini", "base"])  # the others take long
def test_number_of_parameters_is_the_published_one(size):
    assert Encoder(**asdict(encoder_config(size))).count_params() == PUBLISHED[size]


def test_a_misspelt_argument_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'hidden_size'"):
        Encoder(**ARGUMENTS, hidden_size=8)


def test_heads_that_do_not_divide_the_width_are_an_error():
    with pytest.raises(ValueError, match="num_heads=3 and a width of 8"):
        Encoder(**ARGUMENTS | {"num_heads": 3})


def test_too_long_a_sequence_is_an_error():
    long = {name: np.zeros((1, 11), "int32") for name in INPUTS}
    with pytest.raises(ValueError, match=r"11 tokens were given.*`max_sequence_length=10`"):
        tiny_encoder()(long)


def test_too_long_a_sequence_is_an_error_where_the_length_is_not_known_before():
    encoder = tiny_encoder()
    signature = {name: tf.TensorSpec((None, None), tf.int32) for name in INPUTS}
    function = tf.function(lambda x: encoder(x), input_signature=[signature])
    function({name: tf.zeros((1, 10), tf.int32) for name in INPUTS})
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        function({name: tf.zeros((1, 11), tf.int32) for name in INPUTS})


@pytest.mark.parametrize("kind", KINDS)
def test_config_makes_the_same_encoder(kind):
    encoder = Encoder(**ARGUMENTS | KINDS[kind], dtype="mixed_bfloat16", name="student")
    config = encoder.get_config()
    again = Encoder.from_config(config)
    assert again.get_config() == config
    assert again.name == "student"
    assert again.get_layer("block_0").compute_dtype == "bfloat16"
    assert [v.shape for v in again.variables] == [v.shape for v in encoder.variables]


def test_keras_file_holds_the_encoder(tmp_path):
    encoder = tiny_encoder(dropout=0.3)
    encoder.save(tmp_path / "encoder.keras")
    again = keras.models.load_model(tmp_path / "encoder.keras")
    assert again.get_config() == encoder.get_config()
    np.testing.assert_array_equal(encoder(INPUTS)["pooled_output"], again(INPUTS)["pooled_output"])


def test_weights_file_holds_the_encoder(tmp_path):
    encoder, again = tiny_encoder(), Encoder(**ARGUMENTS)
    encoder.save_weights(tmp_path / "encoder.weights.h5")
    again.load_weights(tmp_path / "encoder.weights.h5")
    np.testing.assert_array_equal(encoder(INPUTS)["pooled_output"], again(INPUTS)["pooled_output"])


def test_mixed_precision_keeps_float32_weights_and_stays_near():
    exact = tiny_encoder()(INPUTS)["sequence_output"]
    encoder = tiny_encoder(dtype="mixed_bfloat16")
    outputs = encoder(INPUTS)["sequence_output"]
    assert outputs.dtype == tf.bfloat16
    assert {v.dtype for v in encoder.weights} == {"float32"}
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), exact, rtol=0, atol=0.1)


def test_dropout_is_active_in_training_only():
    encoder = tiny_encoder(dropout=0.5)
    inference = tiny_encoder(dropout=0.0)(INPUTS)["sequence_output"]
    np.testing.assert_array_equal(encoder(INPUTS)["sequence_output"], inference)
    np.testing.assert_array_equal(encoder(INPUTS, training=False)["sequence_output"], inference)
    first, second = (encoder(INPUTS, training=True)["sequence_output"] for _ in range(2))
    assert np.abs(first - inference).max() > 0.1
    assert np.abs(first - second).max() > 0.1


def test_xla_gives_the_same():
    encoder = tiny_encoder()
    compiled = tf.function(lambda x: encoder(x), jit_compile=True)
    np.testing.assert_allclose(
        compiled(INPUTS)["sequence_output"],
        encoder(INPUTS)["sequence_output"],
        rtol=0,
        atol=1e-5,
    )


def test_converts_to_lite_with_built_in_operations_and_unknown_length(tmp_path):
    encoder = tiny_encoder()
    signature = {name: tf.TensorSpec((None, None), tf.int32, name=name) for name in INPUTS}
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serving_default", lambda x: encoder(x, training=False), input_signature=[signature]
    )
    archive.add_variable_collection("variables", [v.value for v in encoder.variables])
    archive.write_out(tmp_path / "saved_model", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved_model"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    model = converter.convert()

    # tf.lite warns that it will move to another package
    with pytest.warns(UserWarning, match="tf.lite.Interpreter is deprecated"):
        runner = tf.lite.Interpreter(model_content=model).get_signature_runner()
    for length in (6, 4):
        inputs = {name: value[:, :length] for name, value in INPUTS.items()}
        np.testing.assert_allclose(
            runner(**inputs)["sequence_output"],
            encoder(inputs)["sequence_output"],
            rtol=0,
            atol=1e-5,
        )
