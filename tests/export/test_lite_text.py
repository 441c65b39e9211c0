"""Files with the tokenizer inside: strings in, the model's answers out."""

from dataclasses import replace

import numpy as np
import pytest
from lite_files import CONTEXTS, TEXTS, bundle_of, calibration, rows_of
from tiny_bundles import odd_texts

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.held_out_rows import HeldOutRows
from keras_bert_kit.export.lite import export_lite, lite_table
from keras_bert_kit.export.lite_conversion import convert_with_tokenizer
from keras_bert_kit.export.lite_text import LiteTextCheck, LiteTextModel
from keras_bert_kit.text.wordpiece import WordPieceTokenizer


def test_it_answers_odd_texts_as_the_model_does(tmp_path):
    inputs = InputOptions(16)
    bundle = replace(bundle_of("classification"), inputs=inputs)
    texts = [*odd_texts(3, 30, 20), *TEXTS]
    path = tmp_path / "a.tflite"
    report = export_lite(
        bundle,
        path,
        HeldOutRows.of_texts(bundle, texts),
        quantization="float32",
        tokenizer_inside=True,
    )
    assert report.agreement.difference < 1e-5
    assert report.agreement.alike == 1.0
    assert lite_table([report]).endswith(" | - |")  # memory is not measured
    model = LiteTextModel(path)
    assert model.labels == bundle.labels
    found = [model.run(text)["probabilities"] for text in texts]
    expected = [list(one["probabilities"].values()) for one in bundle.predict_text(texts)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_pairs_share_the_room_as_in_training(tmp_path):
    bundle = replace(bundle_of("multilabel"), inputs=InputOptions(12))
    path = tmp_path / "a.tflite"
    rows = HeldOutRows.of_texts(bundle, TEXTS, CONTEXTS)
    report = export_lite(bundle, path, rows, quantization="float32", tokenizer_inside=True)
    assert report.agreement.difference < 1e-5
    found = LiteTextModel(path).run("who ?", "ada " * 20)["probabilities"]
    expected = bundle.predict_text(["who ?"], ["ada " * 20])[0]["probabilities"]
    np.testing.assert_allclose(found, list(expected.values()), atol=1e-5)


def test_embeddings_and_cased_models_have_one_too(tmp_path):
    bundle = bundle_of("embedding")
    bundle = replace(bundle, tokenizer=WordPieceTokenizer(bundle.tokenizer.vocabulary, False))
    report = export_lite(
        bundle, tmp_path / "a.tflite", HeldOutRows.of_texts(bundle, TEXTS), tokenizer_inside=True
    )
    assert report.quantization == "dynamic_int8"
    assert report.agreement.alike > 0.99


def test_windows_are_left_which_is_said(caplog):
    check = LiteTextCheck(bundle_of("classification"), rows_of("classification"), 8)
    assert "Of a text longer than 8 tokens the file reads the beginning" in caplog.text
    assert check.rows.task.inputs == InputOptions(8)


@pytest.mark.parametrize("task", ["tagging", "questions"])
def test_parts_of_texts_are_refused(task):
    with pytest.raises(ValueError, match="but not yet tags or answers, which are parts of a text"):
        convert_with_tokenizer(bundle_of(task), "float32", 16)


def test_full_int8_is_refused():
    with pytest.raises(
        ValueError,
        match="one of float32, float16, dynamic_int8, weight_only_int8; received 'full_int8'",
    ):
        convert_with_tokenizer(bundle_of("classification"), "full_int8", 16)


def test_byte_level_bpe_is_refused():
    bundle = replace(bundle_of("classification"), tokenizer=object())
    with pytest.raises(ValueError, match="LiteRT has no operations for byte-level BPE"):
        convert_with_tokenizer(bundle, "float32", 16)


@pytest.mark.parametrize(
    "options",
    [{"for_client": True}, {"dynamic_length": True}, {"calibration": calibration()}],
    ids=lambda options: next(iter(options)),
)
def test_options_that_mean_nothing_there_are_refused(options, tmp_path):
    with pytest.raises(ValueError, match="With `tokenizer_inside` nobody else tokenises"):
        export_lite(
            bundle_of("classification"),
            tmp_path / "a.tflite",
            rows_of("classification"),
            tokenizer_inside=True,
            **options,
        )
