"""From a bundle to a checked file and its line in a table, for every task."""

from dataclasses import replace

import numpy as np
import pytest
from lite_files import LENGTH, TASKS, TEXTS, bundle_of, calibration, rows_of

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.tagged_words import TaggedWords
from keras_bert_kit.export import lite
from keras_bert_kit.export.held_out_rows import HeldOutRows
from keras_bert_kit.export.lite import export_lite, lite_table
from keras_bert_kit.export.lite_check import LiteCheck
from keras_bert_kit.export.lite_conversion import convert
from keras_bert_kit.export.lite_model import LiteModel
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.text.wordpiece import WordPieceTokenizer


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_file_that_agrees_with_keras(task, tmp_path):
    path = tmp_path / "new" / "model.tflite"
    report = export_lite(bundle_of(task), path, rows_of(task), quantization="float32")
    assert report.agreement.rows == 5
    assert report.agreement.difference < 1e-5
    if task == "regression":
        assert report.agreement.alike is None
    else:
        assert report.agreement.alike == pytest.approx(1.0)
    assert report.agreement.metric is None  # nobody said what is right
    assert report.bytes == path.stat().st_size
    assert [one.name for one in path.parent.iterdir()] == ["model.tflite"]
    model = LiteModel(path)
    assert model.labels == bundle_of(task).labels
    assert model.about["quantization"] == "float32"
    assert model.about["tag_scheme"] is None  # which clients of taggers go by


def test_one_check_serves_several_files_and_makes_a_table(tmp_path):
    bundle = bundle_of("classification")
    task = rows_of("classification").task
    labels = ["good", "bad", "so so", "good", "bad"]
    examples = LabelledTexts(list(TEXTS), None, labels, list(range(5)), "here")
    check = LiteCheck(bundle, HeldOutRows(task, examples), LENGTH)
    reports = [
        export_lite(
            bundle,
            tmp_path / f"{quantization}.tflite",
            check,
            quantization=quantization,
            calibration=calibration() if quantization == "full_int8" else None,
        )
        for quantization in ("float32", "full_int8")
    ]
    probabilities = [list(one["probabilities"].values()) for one in bundle.predict_text(TEXTS)]
    # Windows of 16 tokens are what the bundle reads too, so the accuracy is that of these.
    right = [
        bundle.labels[np.argmax(row)] == label
        for row, label in zip(probabilities, labels, strict=True)
    ]
    assert reports[0].agreement.metric == "accuracy"
    assert reports[0].agreement.of_model == reports[0].agreement.of_file == np.mean(right)
    lines = lite_table(reports).split("\n")
    assert lines[0].startswith("| file | MB | bytes a weight | largest difference | same answers |")
    assert "| accuracy in Keras | accuracy of the file | ms, 1 thread (p50 / p95) |" in lines[0]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| float32", "| full_int8"]
    assert len({line.count("|") for line in lines}) == 1


def test_tags_are_measured_by_the_task(tmp_path):
    words = [["ada", "smiled"], ["the", "star"]]
    tags = [["B-PER", "O"], ["O", "O"]]
    task = replace(rows_of("tagging").task)
    rows = HeldOutRows(task, TaggedWords(words, tags, [1, 2], "here", "IOB2"))
    report = export_lite(bundle_of("tagging"), tmp_path / "a.tflite", rows)
    predictions = task.predict(
        bundle_of("tagging").model, bundle_of("tagging").tokenizer, rows.examples
    )
    assert report.agreement.of_model == task.metrics(rows.examples, predictions)["f1"]
    assert report.quantization == "dynamic_int8"


def test_a_file_of_dynamic_length_says_so(tmp_path):
    bundle, path = bundle_of("embedding"), tmp_path / "a.tflite"
    report = export_lite(bundle, path, rows_of("embedding"), dynamic_length=True)
    assert report.sequence_length is None
    assert report.agreement.alike > 0.99
    assert LiteModel(path).sequence_length is None


def test_another_precision_is_exported_in_float32(tmp_path, caplog):
    bundle = bundle_of("classification")
    model = ModelDescription.of(bundle.model).build("mixed_bfloat16")
    model.set_weights(bundle.model.get_weights())
    half = replace(bundle, model=model)
    path = tmp_path / "a.tflite"
    report = export_lite(half, path, rows_of("classification"), quantization="float32")
    assert "computes in bfloat16; it is exported in float32" in caplog.text
    assert report.agreement.difference < 1e-5


def test_a_file_that_is_there_is_kept(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match=r"a.tflite exists already: say `overwrite`, or give"):
        export_lite(bundle_of("classification"), path, rows_of("classification"))
    assert path.read_bytes() == b"old"


def spoilt(bundle: Bundle, change) -> bytes:
    model = ModelDescription.of(bundle.model).build("float32")
    model.set_weights([change(weight) for weight in bundle.model.get_weights()])
    return convert(replace(bundle, model=model), "float32", LENGTH)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: 1.1 * w, r"a.tflite.* differs from the model in Keras by .* at most 1e-04"),
        (lambda w: w * np.nan, r"a.tflite.* gives `probabilities` that are no numbers"),
    ],
    ids=["other", "nan"],
)
def test_a_file_that_says_otherwise_is_not_kept(change, said, tmp_path, monkeypatch):
    bundle = bundle_of("classification")
    content = spoilt(bundle, change)
    monkeypatch.setattr(lite, "convert", lambda *arguments: content)
    path = tmp_path / "a.tflite"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match=said):
        export_lite(bundle, path, rows_of("classification"), quantization="float32", overwrite=True)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.tflite"]


def test_a_check_of_another_length_is_refused(tmp_path):
    bundle = bundle_of("classification")
    check = LiteCheck(bundle, rows_of("classification"), 12)
    with pytest.raises(ValueError, match=r"a check of inputs of 12 tokens, but the file .* 16"):
        export_lite(bundle, tmp_path / "a.tflite", check)


def test_a_cased_model_is_exported_without_metadata_for_clients_only(tmp_path):
    bundle = bundle_of("classification")
    cased = replace(bundle, tokenizer=WordPieceTokenizer(bundle.tokenizer.vocabulary, False))
    rows = HeldOutRows.of_texts(cased, TEXTS)
    with pytest.raises(ValueError, match="this model is a cased one"):
        export_lite(cased, tmp_path / "a.tflite", rows)
    export_lite(cased, tmp_path / "a.tflite", rows, for_client=False)
    assert LiteModel(tmp_path / "a.tflite").about["tokenizer"]["lowercase"] is False


def test_rows_without_texts_are_refused():
    with pytest.raises(ValueError, match="There are no texts to compare the file and the model on"):
        HeldOutRows.of_texts(bundle_of("classification"), [])


def test_questions_need_pairs():
    with pytest.raises(ValueError, match="A model of questions needs the text of each as `pairs`"):
        HeldOutRows.of_texts(bundle_of("questions"), TEXTS)


def test_nothing_is_printed(tmp_path, capfd):
    export_lite(bundle_of("classification"), tmp_path / "a.tflite", rows_of("classification"))
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Quantiz" not in printed.err
