"""Tests of predictions from the command line: of texts, files and standard input, to files."""

import csv
import importlib
import io
import json
import os
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_bundles import tiny_bundle

from keras_bert_kit import row_prediction
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.row_options import RowOptions
from keras_bert_kit.data.rows import read_rows
from keras_bert_kit.run_folder import RunFolder
from recipes.command_line import main
from recipes.predict import Options, run

TEXTS = ["the star shines", "", "Straße 你好 😀, e\u0301", 'said "warm",\nthen far']


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of models by task, written when first asked for."""
    folder = tmp_path_factory.mktemp("models")

    class Folders(dict):
        def __missing__(self, task):
            tiny_bundle(task).save_pretrained(folder / task)
            self[task] = str(folder / task)
            return self[task]

    return Folders()


@pytest.fixture
def predict(models, tmp_path, capsys):
    """Runs the recipe; gives the rows that it wrote to standard output."""

    def call(task, **options):
        run(Options(models[task], **options))
        captured = capsys.readouterr()
        return [json.loads(line) for line in captured.out.splitlines()], captured.err

    return call


def written(path, texts, column="text", **columns):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", column, *columns])
        for i, text in enumerate(texts):
            writer.writerow([f"r{i}", text, *(values[i] for values in columns.values())])
    return str(path)


def standard_input(monkeypatch, content: bytes, is_typed=False):
    stream = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(content)), isatty=lambda: is_typed)
    monkeypatch.setattr(sys, "stdin", stream)


def test_texts_of_the_command_line(predict, models):
    rows, errors = predict("classification", text=tuple(TEXTS))
    expected = Bundle.from_pretrained(models["classification"]).predict_text(TEXTS)
    assert [row.pop("text") for row in rows] == TEXTS
    for row, one in zip(rows, expected, strict=True):
        assert row["label"] == one["label"]
        assert row["probabilities"] == pytest.approx(one["probabilities"], abs=1e-5)
    assert "4 rows in" in errors


def test_csv_to_csv_keeps_the_columns(models, tmp_path):
    source = written(tmp_path / "in.csv", TEXTS, label=["good"] * 4)
    output = str(tmp_path / "new" / "out.csv")
    assert run(Options(models["classification"], input=(source,), output=output)) == 4
    rows = read_rows(output)
    assert rows.columns["text"] == TEXTS
    assert rows.columns["id"] == ["r0", "r1", "r2", "r3"]
    assert rows.columns["label"] == ["good"] * 4
    assert list(rows.columns)[3:] == [
        *("predicted_label", "probability"),
        *("probability_bad", "probability_good", "probability_so so"),
    ]
    shares = [[float(rows.columns[f"probability_{n}"][i]) for n in ("bad", "good", "so so")]
              for i in range(4)]  # fmt: skip
    assert [sum(row) for row in shares] == pytest.approx([1] * 4)
    again = str(tmp_path / "again.csv")  # its own columns are in the way, and stay
    run(Options(models["classification"], input=(output,), output=again))
    found = read_rows(again).columns
    assert found["predicted_label"] == rows.columns["predicted_label"]
    assert found["predicted_predicted_label"] == rows.columns["predicted_label"]


def test_chunks_do_not_change_what_is_said(predict, tmp_path):
    texts = [f"star {i} is {'far ' * (i % 30)}" for i in range(70)]
    source = written(tmp_path / "in.csv", texts)
    small, _ = predict("multilabel", input=(source,), batch_size=2)
    whole, _ = predict("multilabel", input=(source,), batch_size=32)
    assert [row["id"] for row in small] == [f"r{i}" for i in range(70)]
    for one, other in zip(small, whole, strict=True):
        assert one["labels"] == other["labels"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_standard_input_is_a_text_a_line(predict, monkeypatch):
    standard_input(monkeypatch, "the star\r\n\nbread 你好\n".encode())
    rows, _ = predict("regression", input=("-",))
    assert [row["text"] for row in rows] == ["the star", "", "bread 你好"]
    assert all(isinstance(row["value"], float) for row in rows)


def test_what_is_typed_is_answered_line_by_line(models, monkeypatch):
    standard_input(monkeypatch, b"one\ntwo\n", is_typed=True)
    written_at_once = []

    class Output(io.BytesIO):
        def flush(self):
            written_at_once.append(self.getvalue().count(b"\n"))

    monkeypatch.setattr(
        sys, "stdout", SimpleNamespace(buffer=Output(), flush=lambda: None, isatty=lambda: True)
    )
    run(Options(models["regression"], input=("-",)))
    assert written_at_once == [1, 2]


@pytest.mark.parametrize("content", [b"", b"text,id\n"])
def test_no_rows_give_an_empty_file_and_a_line(models, tmp_path, caplog, content):
    source = tmp_path / "empty.csv"
    source.write_bytes(content)
    output = tmp_path / "out.jsonl"
    assert run(Options(models["regression"], input=(str(source),), output=str(output))) == 0
    assert output.read_bytes() == b""
    assert "is empty" in caplog.text
    assert "Nothing is written" in caplog.text


def test_entities_have_offsets_in_both_formats(models, predict, tmp_path):
    texts = [*TEXTS, "Ada smiled . the star is far " * 3]
    source = written(tmp_path / "in.csv", texts)
    rows, _ = predict("tagging", input=(source,))
    output = str(tmp_path / "out.csv")
    run(Options(models["tagging"], input=(source,), output=output))
    columns = read_rows(output).columns
    found = [json.loads(value) for value in columns["entities"]]
    assert [len(one) for one in found] == [len(row["entities"]) for row in rows]
    assert sum(map(len, found)) > 3
    for text, entities in zip(columns["text"], found, strict=True):
        assert all(text[e["start"] : e["end"]] == e["text"] for e in entities)


def test_questions_and_their_answers(predict, tmp_path):
    context = "ada smiled .\nthe star is far"
    rows, _ = predict("questions", text=("who ?", "is far ?"), pair=(context,))
    source = written(tmp_path / "q.csv", ["who ?", "is far ?"], "question", context=[context] * 2)
    of_file, _ = predict("questions", input=(source,))
    for row, one in zip(rows, of_file, strict=True):
        assert row["pair"] == one["context"] == context
        assert context[row["start"] : row["end"]] == row["answer"] == one["answer"] != ""


CONLL = "the\tO\nstar\tB-LOC\n\nAda\tB-PER\nsmiled\tO\n.\tO\n\n"


def test_words_get_a_tag_each(models, predict, tmp_path):
    source = tmp_path / "in.conll"
    source.write_text(CONLL)
    rows, _ = predict("tagging", input=(str(source),))
    assert [row["tokens"] for row in rows] == [["the", "star"], ["Ada", "smiled", "."]]
    assert [row["tags"] for row in rows] == [["O", "B-LOC"], ["B-PER", "O", "O"]]
    assert [len(row["predicted_tags"]) for row in rows] == [2, 3]
    assert [len(row["probabilities"]) for row in rows] == [2, 3]
    output = tmp_path / "out.conll"
    run(Options(models["tagging"], input=(str(source),), output=str(output)))
    found = read_rows(output)
    assert found.columns["tokens"] == [row["tokens"] for row in rows]
    assert found.columns["tags"] == [row["predicted_tags"] for row in rows]


def test_halves_of_surrogate_pairs_come_back(predict):
    rows, _ = predict("tagging", text=("ada \ud83d smiled",))
    assert rows[0]["text"] == "ada \ud83d smiled"


def test_a_text_of_a_hundred_thousand_tokens_is_counted_as_cut(models, capsys, tmp_path):
    bundle = tiny_bundle("classification")
    folder = tmp_path / "model"
    replace(bundle, inputs=InputOptions(16, "truncate")).save_pretrained(folder)
    source = tmp_path / "long.txt"
    source.write_text("star " * 100_000 + "\nstar\n")
    run(Options(str(folder), input=(str(source),)))
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert "2 rows" in captured.err
    assert "1 longer than the model reads, cut" in captured.err


def test_a_bad_row_is_an_error_after_the_rows_before_it(models, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}\n{"text": null}\n{"text": "b"}\n{"id": 1}\n')
    output = tmp_path / "out.jsonl"
    with pytest.raises(ValueError, match=r"in\.jsonl, line 2: 'text' must be a string, .* None"):
        run(Options(models["regression"], input=(str(source),), output=str(output)))
    assert [json.loads(line)["text"] for line in output.read_text().splitlines()] == ["a"]


def test_bad_rows_are_skipped_and_counted(models, tmp_path, caplog):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}\n{"text": null}\nno json\n{"text": "b"}\n{"id": 1}\n')
    output = tmp_path / "out.jsonl"
    options = RowOptions(on_bad="skip")
    run(Options(models["regression"], input=(str(source),), output=str(output), files=options))
    assert [json.loads(line)["text"] for line in output.read_text().splitlines()] == ["a", "b"]
    assert "skipped 2 row(s)" in caplog.text
    assert "skipped 1 row(s)" in caplog.text


def test_a_missing_column_is_told_and_leaves_no_file(models, tmp_path):
    source = written(tmp_path / "in.csv", ["a"], "body")
    output = tmp_path / "out.csv"
    with pytest.raises(ValueError, match=r"Its columns: 'id', 'body'.*with `text_column`"):
        run(Options(models["regression"], input=(source,), output=str(output)))
    assert not output.exists()
    options = Options(models["regression"], input=(source,), output=str(output), text_column="body")
    assert run(options) == 1


def test_a_file_that_is_there_is_kept(models, tmp_path):
    source = written(tmp_path / "in.csv", ["a"])
    output = tmp_path / "out.csv"
    output.write_text("precious")
    given = {"input": (source,), "output": str(output)}
    with pytest.raises(FileExistsError, match="is there already: choose another `output`"):
        run(Options(models["regression"], **given))
    assert output.read_text() == "precious"
    run(Options(models["regression"], **given, overwrite=True))
    assert output.read_text().startswith("id,text,value\nr0,a,")
    with pytest.raises(ValueError, match="is read, so it cannot be written"):
        run(Options(models["regression"], input=(source,), output=source, overwrite=True))
    with pytest.raises(ValueError, match="is read, so it cannot be written"):
        pattern = str(tmp_path / "*.csv")
        run(Options(models["regression"], input=(pattern,), output=str(output), overwrite=True))


def test_a_reader_that_has_enough_ends_it_quietly(models, monkeypatch, capsys, tmp_path):
    class Closed(io.BytesIO):
        def write(self, content):
            raise BrokenPipeError

    end = (tmp_path / "pipe").open("w")
    monkeypatch.setattr(
        sys,
        "stdout",
        SimpleNamespace(
            buffer=Closed(), flush=lambda: None, isatty=lambda: False, fileno=end.fileno
        ),
    )
    assert run(Options(models["regression"], text=("a",))) == 1
    assert os.fstat(end.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


def test_after_ctrl_c_the_lines_are_whole(models, monkeypatch, tmp_path, capsys):
    source = written(tmp_path / "in.csv", ["a"] * 40)
    calls = []

    def interrupted(*arguments, **options):
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return predict_text(*arguments, **options)

    predict_text = row_prediction.predict_text
    monkeypatch.setattr(row_prediction, "predict_text", interrupted)
    output = tmp_path / "out.jsonl"
    with pytest.raises(SystemExit, match="130"):
        run(Options(models["regression"], input=(source,), output=str(output), batch_size=1))
    assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == [
        f"r{i}" for i in range(16)
    ]
    assert "Stopped: 16 rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("regression", {}, "Give texts with `--text`, or files with `--input`"),
        ("regression", {"text": ("a",), "input": ("-",)}, "one of the two"),
        ("regression", {"input": ("-",), "pair": ("b",)}, "a column of them: give `--pair-column`"),
        ("regression", {"text": ("a",), "text_column": "b"}, "leave them out beside `--text`"),
        ("regression", {"text": ("a", "b", "c"), "pair": ("d", "e")}, "3 texts and 2 of `--pair`"),
        ("tagging", {"text": ("a",), "pair": ("b",)}, "reads single texts: leave the pairs out"),
        ("questions", {"text": ("a",)}, "give it with `--pair`"),
        ("regression", {"text": ("a",), "output": "x.xml"}, r"end in \.jsonl, .* received '\.xml'"),
        ("regression", {"text": ("a",), "output": "x.conll"}, "Only tags of words are written"),
        ("regression", {"text": ("a",), "batch_size": 0}, "must be 1 or more; received 0"),
    ],
)
def test_what_cannot_be_is_refused(models, task, options, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        run(Options(models[task], **options))
    assert list(tmp_path.iterdir()) == []


def test_rows_that_differ_have_no_place_in_csv(models, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}\n{"text": "b", "more": 1}\n')
    with pytest.raises(ValueError, match="A row has 'more', which the first one has not"):
        run(Options(models["regression"], input=(str(source),), output=str(tmp_path / "o.csv")))


def test_a_word_with_a_line_end_has_no_place_in_conll(models, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a\\nb"]}\n')
    with pytest.raises(ValueError, match="has a tab or a line end in it"):
        run(Options(models["tagging"], input=(str(source),), output=str(tmp_path / "o.conll")))


def test_words_must_be_lists_of_strings(models, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a"]}\n{"tokens": "b c"}\n')
    with pytest.raises(
        ValueError, match="line 2: 'tokens' must be a list of words, received 'b c'"
    ):
        run(Options(models["tagging"], input=(str(source),)))


def test_dates_are_written_as_they_are(models, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"text": ["a b"], "day": [date(2020, 1, 2)], "price": [Decimal("4.50")], "at": [[1]]}
    table = importlib.import_module("pyarrow").table(columns)
    parquet.write_table(table, tmp_path / "in.parquet")
    output = str(tmp_path / "out.csv")
    run(Options(models["regression"], input=(str(tmp_path / "in.parquet"),), output=output))
    found = read_rows(output).columns
    assert [found[name] for name in ("day", "price", "at")] == [["2020-01-02"], ["4.50"], ["[1]"]]


def test_columns_are_as_in_training(models, predict, tmp_path):
    folder = tmp_path / "run"
    tiny_bundle("regression").save_pretrained(folder)
    trained = {"text": "body", "pair": "other"}
    RunFolder(folder).write_config(recipe="finetune", options=trained)
    source = written(tmp_path / "in.csv", ["a b"], "body", other=["c"])
    run(Options(str(folder), input=(source,), output=str(tmp_path / "o.jsonl")))
    row = json.loads((tmp_path / "o.jsonl").read_text())
    (expected,) = Bundle.from_pretrained(folder).predict_text(["a b"], ["c"])
    assert row["value"] == pytest.approx(expected["value"], abs=1e-5)
    # What is said of one column leaves the other as it was.
    other = str(tmp_path / "p.jsonl")
    run(Options(str(folder), input=(source,), output=other, text_column="body"))
    assert json.loads(Path(other).read_text())["value"] == row["value"]


def test_the_command_line_gives_one_line_for_a_mistake(models, capsys):
    assert main(Options, run, "", ["--model", models["regression"]]) == 1
    assert capsys.readouterr().err.startswith("Error: Give texts with `--text`")


def test_json_has_no_nan(predict, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "score": NaN, "more": [1, {"x": Infinity}]}\n')
    rows, _ = predict("regression", input=(str(source),))
    assert rows[0]["score"] is None
    assert rows[0]["more"] == [1, {"x": None}]
