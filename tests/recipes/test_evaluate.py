"""Tests of measuring models on labelled rows from the command line, without training."""

import json
from dataclasses import replace

import pytest
from tiny_bundles import LABELS, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.row_options import RowOptions
from keras_bert_kit.run_folder import RunFolder
from recipes.evaluate import Options, run
from recipes.task_options import task_of_bundle

TEXTS = [f"{subject} is {state}" for subject in ("star", "bread", "ada", "who")
         for state in ("far", "warm", "the", ".")]  # fmt: skip


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write_rows(path, task):
    """Labelled rows for a task, each label with some."""
    labels = LABELS[task]
    rows = {
        "classification": lambda i: {"text": TEXTS[i], "label": labels[i % 3]},
        "multilabel": lambda i: {"text": TEXTS[i], "label": list(labels[: i % 4])},
        "regression": lambda i: {"text": TEXTS[i], "label": i % 5},
        "tagging": lambda i: {
            "tokens": TEXTS[i].split(),
            "tags": ["B-PER", "I-PER", "O"] if i % 2 else ["O", "O", "B-LOC"],
        },
        "questions": lambda i: {
            "question": "who ?",
            "context": TEXTS[i],
            "answers": {"text": [TEXTS[i].split()[0]], "answer_start": [0]},
        },
    }[task]
    return write_lines(path, [rows(i) for i in range(len(TEXTS))])


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("classification", "accuracy"),
        ("multilabel", "f1_micro"),
        ("regression", "spearman"),
        ("tagging", "f1"),
        ("questions", "f1"),
    ],
)
def test_every_task_is_measured_and_reported(task, metric, tmp_path, capsys):
    model = tmp_path / "model"
    bundle = tiny_bundle(task)
    bundle.save_pretrained(model)
    data = write_rows(tmp_path / "test.jsonl", task)
    found = run(Options(str(model), (data,), output=str(tmp_path)))
    folder = tmp_path / "model-on-test"
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["metric"] == found["metric"] == metric
    assert numbers["verdict"].endswith("there is no baseline to set it against.")
    assert numbers["baselines"] == {}
    assert (folder / "figures" / "scores.png").exists()
    report = (folder / "report.html").read_text()
    assert numbers["verdict"] in report
    assert "test.jsonl" in report
    assert f'Bundle.from_pretrained("{model}")' in (folder / "card.md").read_text()
    assert RunFolder(folder).read_config()["recipe"] == "evaluate"
    printed = capsys.readouterr().out
    assert printed.startswith(numbers["verdict"])
    assert "16 rows" in printed
    if task == "classification":
        said = [one["label"] for one in bundle.predict_text(TEXTS)]
        right = [label == LABELS[task][i % 3] for i, label in enumerate(said)]
        assert numbers["mean"]["accuracy"] == pytest.approx(sum(right) / 16)


def test_baselines_are_trained_on_given_rows_only(tmp_path):
    tiny_bundle("classification").save_pretrained(tmp_path / "model")
    test = write_rows(tmp_path / "test.jsonl", "classification")
    rows = [{"text": t, "label": "good" if i else "bad"} for i, t in enumerate(TEXTS)]
    train = write_lines(tmp_path / "train.jsonl", rows)
    options = Options(
        str(tmp_path / "model"), (test,), train=(train,), name="x", output=str(tmp_path)
    )
    found = run(options)
    assert found["baselines"]["majority"]["accuracy"] == 5 / 16  # "good" is every third row
    assert "naive Bayes on TF-IDF" in found["baselines"]
    assert found["best_baseline"]
    assert run(options)["mean"] == found["mean"]  # once more, into the same folder


def trained(folder, task, **options):
    tiny_bundle(task).save_pretrained(folder)
    RunFolder(folder).write_config(recipe="finetune", options=options)
    return str(folder)


def task_for(model, **options):
    options = Options(model, ("test.txt",), **options)
    return task_of_bundle(Bundle.from_pretrained(model), options.model, options.data, options)


def test_rows_are_read_as_in_training(tmp_path):
    files = {"header": False, "on_bad": "skip", "format": "csv"}
    model = trained(tmp_path / "m", "classification", text="0", label="1", pair=None, files=files)
    task, read = task_for(model)
    assert (task.text, task.label, task.labels) == ("0", "1", LABELS["classification"])
    assert read == RowOptions(header=False, format="csv")  # a bad row is an error here
    assert task.inputs == tiny_bundle("classification").inputs
    task, read = task_for(model, text="body", stride=3, files=RowOptions(delimiter=";"))
    assert (task.text, task.label, task.inputs.stride) == ("body", "1", 3)
    assert read == RowOptions(header=False, format="csv", delimiter=";")


def test_labels_stand_apart_as_in_training(tmp_path):
    model = trained(tmp_path / "m", "multilabel", label_separator="|")
    assert task_for(model)[0].label_separator == "|"
    assert task_for(model, label_separator=";")[0].label_separator == ";"


def test_the_format_goes_by_the_name_where_that_says_it(tmp_path):
    model = trained(tmp_path / "m", "regression", files={"format": "csv"})
    bundle = Bundle.from_pretrained(model)
    for name, expected in (("a.jsonl.xz", None), ("a.tsv", None), ("a.txt", "csv")):
        _, read = task_of_bundle(bundle, model, (name,), Options(model, (name,)))
        assert read.format == expected


def test_tags_that_mark_no_entities_are_known_by_their_names(tmp_path):
    for labels, plain in ((("DT", "NN", "VB", "IN", "B"), True), (LABELS["tagging"], False)):
        folder = tmp_path / str(plain)
        replace(tiny_bundle("tagging"), labels=labels).save_pretrained(folder)
        task, _ = task_for(str(folder))
        assert task.plain == plain
        assert ("f1" in task.metric_names) != plain


def test_the_threshold_for_no_answer_is_kept(tmp_path):
    tiny_bundle("questions", no_answer_threshold=1.5).save_pretrained(tmp_path / "m")
    task, _ = task_for(str(tmp_path / "m"))
    assert task.no_answer_threshold == 1.5


def test_a_model_of_hugging_face_whose_classes_have_other_names(tmp_path):
    model = tmp_path / "model"
    tiny_bundle("classification", inputs=None).save_pretrained(model, "hugging_face")
    rows = [{"review": text, "stars": i % 3} for i, text in enumerate(TEXTS)]
    data = write_lines(tmp_path / "test.jsonl", rows)
    options = {"text": "review", "label": "stars", "output": str(tmp_path)}
    with pytest.raises(ValueError, match=r"a label that is not known: '0'.* Known are: 'bad'"):
        run(Options(str(model), (data,), **options))
    found = run(
        Options(str(model), (data,), labels=("0", "1", "2"), task="classification", **options)
    )
    assert set(found["seeds"][0]["classes"]) == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "regression"}, "is for classification, not for regression"),
        ({"labels": ("a", "b")}, r"3 classes \(bad, good, so so\), but there are 2 `--labels`"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(options, message, tmp_path):
    tiny_bundle("classification").save_pretrained(tmp_path / "m")
    with pytest.raises(ValueError, match=message):
        task_for(str(tmp_path / "m"), **options)


def test_values_have_no_names_of_classes(tmp_path):
    tiny_bundle("regression").save_pretrained(tmp_path / "m")
    with pytest.raises(ValueError, match="A model of regression has no classes: leave `--labels`"):
        task_for(str(tmp_path / "m"), labels=("a", "b"))


def test_shorter_inputs_do_not_keep_the_stride_of_longer_ones(tmp_path):
    bundle = tiny_bundle("questions")
    replace(bundle, inputs=InputOptions(64, "windows", 40)).save_pretrained(tmp_path / "m")
    assert task_for(str(tmp_path / "m"))[0].inputs.stride == 40
    shorter, _ = task_for(str(tmp_path / "m"), sequence_length=32)
    assert (shorter.inputs.sequence_length, shorter.inputs.stride) == (32, None)


def test_rows_that_cannot_be_read_leave_no_folder(tmp_path):
    tiny_bundle("regression").save_pretrained(tmp_path / "m")
    data = write_lines(tmp_path / "test.jsonl", [{"text": "a", "label": "high"}])
    with pytest.raises(ValueError, match="the label 'high' is not a number"):
        run(Options(str(tmp_path / "m"), (data,), output=str(tmp_path / "runs")))
    assert not (tmp_path / "runs").exists()


def test_the_folder_of_the_model_is_not_written_into(tmp_path):
    model = trained(tmp_path / "m", "regression")
    data = write_rows(tmp_path / "test.jsonl", "regression")
    with pytest.raises(ValueError, match=r"holds another run, of `recipes\.finetune`"):
        run(Options(model, (data,), name="m", output=str(tmp_path)))
