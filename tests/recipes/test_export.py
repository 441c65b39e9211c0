"""Tests of exporting models from the command line."""

import json

import pytest
from tiny_bundles import LABELS, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export import onnx_file
from keras_bert_kit.export.lite_model import LiteModel
from recipes.command_line import main
from recipes.export import Options, rows_to_ask, run

TEXTS = [f"{subject} is {state}" for subject in ("star", "bread", "ada", "who")
         for state in ("far", "warm", "the", ".")]  # fmt: skip
INPUTS = InputOptions(12, "truncate")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The folder of a classifier, and a file of rows for it."""
    folder = tmp_path_factory.mktemp("models")
    tiny_bundle("classification", INPUTS).save_pretrained(folder / "mine")
    rows = [
        {"text": text, "label": LABELS["classification"][i % 3]} for i, text in enumerate(TEXTS)
    ]
    data = folder / "test.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "mine"), str(data)


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    """What a run in all formats returned, and its folder."""
    model, data = classifier
    output = tmp_path_factory.mktemp("exported")
    tables = run(
        Options(
            model,
            ("saved_model", "tflite", "onnx"),
            output=str(output),
            data=(data,),
            rows=10,
            quantization=("dynamic_int8", "full_int8"),
            tokenizer_inside=True,
        )
    )
    return tables, output / "mine-export"


def test_all_formats_are_written_and_compared_on_the_rows(exported):
    tables, folder = exported
    assert list(tables) == ["saved_model", "tflite", "onnx"]
    assert "accuracy of the file" in tables["tflite"]
    lines = [line.split()[1] for line in tables["tflite"].splitlines()[2:]]
    assert lines == ["dynamic_int8", "full_int8", "dynamic_int8_of_text"]
    for table in tables.values():
        assert table in (folder / "card.md").read_text()
    assert "on 10 rows of" in (folder / "card.md").read_text()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files >= {
        "saved_model/strings/saved_model.pb",
        "saved_model/tokens/saved_model.pb",
        "tflite/dynamic_int8.tflite",
        "tflite/full_int8.tflite",
        "tflite/dynamic_int8_of_text.tflite",
        "onnx/float32.onnx",
        "vocab.txt",
        "labels.txt",
    }


def test_the_folder_says_what_it_holds(exported, classifier):
    _, folder = exported
    description = json.loads((folder / "export.json").read_text())
    bundle = tiny_bundle("classification")
    assert description["model"] == classifier[0]
    assert description["labels"] == list(LABELS["classification"])
    assert description["vocabulary_fingerprint"] == bundle.tokenizer.vocabulary.fingerprint
    assert description["max_sequence_length"] == 18
    assert description["inputs"]["sequence_length"] == 12
    assert set(description["versions"]) == {
        "keras-bert-kit", "tensorflow", "tensorflow-text", "keras"
    }  # fmt: skip
    assert LiteModel(folder / "tflite" / "dynamic_int8.tflite").sequence_length == 12


def test_an_export_is_overwritten_only_if_asked(classifier, exported, capsys):
    model, data = classifier
    folder = exported[1]
    before = (folder / "card.md").read_text()
    arguments = ["--model", model, "--output", str(folder.parent), "--data", data]
    assert main(Options, run, "", arguments) == 1
    assert "mine-export is there already" in capsys.readouterr().err
    assert (folder / "card.md").read_text() == before


def test_only_exports_are_overwritten(classifier, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.weights.h5").write_bytes(b"all that there is")
    arguments = ["--model", classifier[0], "--output", str(tmp_path), "--name", "mine"]
    assert main(Options, run, "", [*arguments, "--overwrite"]) == 1
    assert "mine is no export, so it is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "mine" / "model.weights.h5").is_file()


def test_a_tokenizer_that_cannot_be_inside_is_refused_before_anything_else(tmp_path):
    tiny_bundle("tagging", INPUTS).save_pretrained(tmp_path / "mine")
    options = Options(str(tmp_path / "mine"), output=str(tmp_path), tokenizer_inside=True)
    with pytest.raises(ValueError, match="but not yet tags or answers"):
        run(options)


def test_the_threshold_of_answers_is_that_of_training(tmp_path):
    made_of = {"train": ["a.json"], "test": ["a.json"], "dev": ["a.json"], "task": "questions"}
    asked = {"context": "the star shines", "qas": []}
    for number in range(4):
        answers = [{"text": "star", "answer_start": 4}] if number else []
        qa = {
            "id": str(number),
            "question": "who ?",
            "answers": answers,
            "is_impossible": not number,
        }
        asked["qas"].append(qa)
    data = tmp_path / "a.json"
    data.write_text(json.dumps({"version": "v2.0", "data": [{"title": "", "paragraphs": [asked]}]}))
    made_of |= {part: [str(data)] for part in ("train", "dev", "test")}
    tiny_bundle("questions", INPUTS, no_answer_threshold=-7.5).save_pretrained(tmp_path / "mine")
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    config |= {"recipe": "finetune", "options": made_of}
    (tmp_path / "mine" / "config.json").write_text(json.dumps(config))
    bundle = Bundle.from_pretrained(tmp_path / "mine")
    _, rows, _ = rows_to_ask(bundle, Options(str(tmp_path / "mine"), ("onnx",)))
    assert rows.task.no_answer_threshold == -7.5


def test_nothing_is_left_of_an_export_for_which_there_is_no_room(classifier, tmp_path, monkeypatch):
    def full(bundle, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_file, "write_onnx", full)
    options = Options(classifier[0], ("onnx",), output=str(tmp_path), data=(classifier[1],))
    with pytest.raises(OSError, match=r"mine-export: No space left on device\. Make room"):
        run(options)
    assert not list(tmp_path.iterdir())


def test_inputs_longer_than_the_model_reads_are_refused(classifier, tmp_path):
    options = Options(
        classifier[0], ("tflite",), output=str(tmp_path), data=(classifier[1],), sequence_length=99
    )
    with pytest.raises(ValueError, match="must be from 4 to 18, the positions that the model has"):
        run(options)
    assert not list(tmp_path.iterdir())


def test_a_model_of_unknown_origin_is_asked_passages_of_books(tmp_path):
    tiny_bundle("tagging", INPUTS).save_pretrained(tmp_path / "tagger")
    tables = run(Options(str(tmp_path / "tagger"), ("onnx",), output=str(tmp_path), rows=3))
    assert tables["onnx"].splitlines()[2].endswith(" 1.0000 |")


def test_a_model_whose_rows_are_gone_is_asked_passages_of_books(tmp_path, capsys):
    tiny_bundle("classification", INPUTS).save_pretrained(tmp_path / "mine")
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    config |= {"recipe": "finetune", "options": {"train": ["gone.tsv"], "test": ["gone.tsv"]}}
    (tmp_path / "mine" / "config.json").write_text(json.dumps(config))
    tables = run(Options(str(tmp_path / "mine"), ("onnx",), output=str(tmp_path), rows=3))
    assert tables["onnx"].splitlines()[2].endswith(" 1.0000 |")
    assert "was tested on are not here. " in capsys.readouterr().out


def test_questions_are_to_be_given(tmp_path):
    tiny_bundle("questions", INPUTS).save_pretrained(tmp_path / "mine")
    with pytest.raises(ValueError, match=r"no questions to ask .*mine by themselves: give some as"):
        run(Options(str(tmp_path / "mine"), output=str(tmp_path)))


def test_rows_for_calibration_are_to_be_given(classifier, tmp_path):
    options = Options(
        classifier[0],
        ("tflite",),
        output=str(tmp_path),
        data=(classifier[1],),
        quantization=("full_int8",),
    )
    with pytest.raises(ValueError, match=r"give more `--data` than `--rows`"):
        run(options)


def test_the_number_of_rows_must_be_positive(classifier, tmp_path):
    with pytest.raises(ValueError, match="`--rows` must be at least 1; received 0"):
        run(Options(classifier[0], output=str(tmp_path), rows=0))
