"""LiteRT files of every kind of model, run by LiteRT and set beside Keras."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from lite_files import LENGTH, TASKS, bundle_of, calibration, content_of, written
from reference_bert import randomize

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.export.lite_conversion import (
    convert,
    has_client,
    length_of,
    num_weights,
)
from keras_bert_kit.export.lite_graph import served_outputs
from keras_bert_kit.export.lite_model import LiteModel, padded
from keras_bert_kit.models import ClassificationModel, TaggingModel
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

IDS, SEGMENTS = [2, 5, 9, 3, 7, 3], [0, 0, 0, 0, 1, 1]


def difference(task: str, content: bytes, folder) -> float:
    """The largest difference of an output from what Keras gives."""
    expected = served_outputs(bundle_of(task).model, padded(IDS, SEGMENTS, len(IDS)))
    found = LiteModel(written(folder, content)).run(IDS, SEGMENTS)
    assert found.keys() == expected.keys()
    return max(float(np.abs(found[name] - np.asarray(expected[name])[0]).max()) for name in found)


@pytest.mark.parametrize("task", TASKS)
def test_a_float32_file_gives_what_keras_gives(task, tmp_path):
    assert difference(task, content_of(task, "float32"), tmp_path) < 1e-5


@pytest.mark.parametrize(
    ("quantization", "most"),
    [("float16", 3e-3), ("dynamic_int8", 0.05), ("weight_only_int8", 0.05), ("full_int8", 0.3)],
)
def test_other_number_formats_come_near_it(quantization, most, tmp_path):
    found = difference("classification", content_of("classification", quantization), tmp_path)
    assert 0 < found < most


@pytest.mark.parametrize("quantization", ["float32", "dynamic_int8", "full_int8"])
def test_a_file_of_dynamic_length_takes_any_length(quantization, tmp_path):
    content = content_of("tagging", quantization, None)
    model = LiteModel(written(tmp_path, content))
    assert model.sequence_length is None
    most = {"float32": 1e-5, "dynamic_int8": 0.3, "full_int8": 2.0}[quantization]
    for count in (3, 18, 6):
        ids = [2, *range(5, count + 3), 3]
        expected = served_outputs(bundle_of("tagging").model, padded(ids, None, count))
        found = model.run(ids)["logits"]
        assert found.shape == (count, 5)
        assert np.abs(found - np.asarray(expected["logits"])[0]).max() < most


@pytest.mark.parametrize(
    "changes",
    [{"num_segments": 0, "pooler": False}, {"num_segments": 1, "position_offset": 2}],
    ids=["distilbert", "one segment, offset"],
)
def test_models_without_segments_take_them_and_leave_them(changes, tmp_path):
    bundle = bundle_of("classification")
    model = TaggingModel(Encoder(**bundle.encoder.config | changes), 5)
    randomize(model)
    content = convert(replace(bundle, model=model, labels=tuple("abcde")), "float32", LENGTH)
    lite = LiteModel(written(tmp_path, content))
    assert lite.inputs == ("padding_mask", "segment_ids", "token_ids")
    expected = np.asarray(served_outputs(model, padded(IDS, None, len(IDS)))["logits"])[0]
    np.testing.assert_allclose(lite.run(IDS)["logits"], expected, atol=1e-5)
    np.testing.assert_allclose(lite.run(IDS, SEGMENTS)["logits"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("width", "words"),
    [(128, 8_000), (384, 1_000)],
    ids=["one scale a table", "one scale a row"],
)
def test_files_have_4_2_and_1_bytes_a_weight(width, words):
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *(f"w{n}" for n in range(words))])
    encoder = Encoder(len(vocabulary), 1, 2, width, 4 * width, max_sequence_length=512)
    model = ClassificationModel(encoder, 2, pooling="mean")
    bundle = replace(
        bundle_of("classification"),
        model=model,
        tokenizer=WordPieceTokenizer(vocabulary),
        labels=("a", "b"),
    )
    weights = num_weights(model, 64)
    unreached = (512 - 64) * width + width * width + width  # positions, and the pooler
    assert weights == model.count_params() - unreached
    for quantization, size in (("float32", 4), ("float16", 2), ("dynamic_int8", 1)):
        content = convert(bundle, quantization, 64)
        assert len(content) / weights == pytest.approx(size, rel=0.05)


def test_a_classifier_gives_probabilities_alone(tmp_path):
    model = LiteModel(written(tmp_path, content_of("classification", "float32")))
    assert model.outputs == ("probabilities",)
    assert model.run(IDS)["probabilities"].sum() == pytest.approx(1.0)


def test_a_model_is_left_as_it_was():
    bundle = bundle_of("classification")
    convert(bundle, "float32", LENGTH)
    assert "call" not in vars(bundle.encoder.get_layer("embeddings"))


def test_the_length_is_the_models_own_unless_another_is_asked_for():
    bundle = bundle_of("classification")  # reads 16 tokens, has 18 positions
    assert length_of(bundle, None) == 16
    assert length_of(bundle, 18) == 18
    assert length_of(replace(bundle, inputs=None), None) == 18
    assert length_of(replace(bundle, model=long_encoder(), inputs=None), None) == 128


def long_encoder() -> Encoder:
    return Encoder(30, 1, 1, 4, 4, max_sequence_length=200)


def test_clients_are_for_classes_and_embeddings():
    having = [task for task in TASKS if has_client(bundle_of(task).model)]
    assert having == ["classification", "multilabel", "embedding"]


@pytest.mark.parametrize("length", [3, 19])
def test_lengths_that_the_model_cannot_read_are_refused(length):
    with pytest.raises(
        ValueError,
        match="`sequence_length` must be from 4 to 18, the positions that the model has; "
        f"received {length}.",
    ):
        length_of(bundle_of("classification"), length)


def test_an_unknown_number_format_is_refused():
    with pytest.raises(
        ValueError,
        match=r"`quantization` must be one of float32, float16, dynamic_int8, weight_only_int8, "
        r"full_int8; received 'int4'\.",
    ):
        convert(bundle_of("classification"), "int4", LENGTH)


@pytest.mark.parametrize("quantization", ["full_int8", "float32"])
def test_calibration_is_for_full_int8_and_needed_there(quantization):
    rows = calibration() if quantization == "float32" else None
    with pytest.raises(
        ValueError,
        match=f"`calibration` is for `quantization='full_int8'`, .* received '{quantization}'.",
    ):
        convert(bundle_of("classification"), quantization, LENGTH, rows)


def test_calibration_must_fit_into_the_inputs():
    with pytest.raises(
        ValueError, match=r"inputs of at most 8 tokens, .* received 5 inputs of up to 16\."
    ):
        convert(bundle_of("classification"), "full_int8", 8, calibration())


@pytest.mark.parametrize("labels", [None, ("one",)])
def test_classes_need_names(labels):
    bundle = replace(bundle_of("tagging"), labels=labels)
    count = "1" if labels else "no"
    with pytest.raises(
        ValueError, match=f"The model has 5 classes and {count} labels, .* `labels`"
    ):
        convert(bundle, "float32", LENGTH)


def test_a_vocabulary_of_another_model_is_refused():
    bundle = bundle_of("regression")
    tokens = [*bundle.tokenizer.vocabulary.tokens, "more"]
    other = replace(bundle, tokenizer=WordPieceTokenizer(Vocabulary(tokens)))
    size = len(tokens) - 1
    with pytest.raises(
        ValueError,
        match=f"The vocabulary has {size + 1} tokens, but the model was built for {size}: it is "
        "not the model's own.",
    ):
        convert(other, "float32", LENGTH)


def test_a_model_that_is_for_nothing_is_refused():
    model = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(TypeError, match="Only encoders and models of tasks are exported"):
        served_outputs(model, np.zeros((1, 4), "float32"))
