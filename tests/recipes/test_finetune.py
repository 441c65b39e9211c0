import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.training.training_options import TrainingOptions
from recipes.command_line import main
from recipes.finetune import Options, __doc__, run
from recipes.task_options import deciding

STARS = ["we see a far star at night", "the night is dark", "a star shines far away"]
BREAD = ["we eat soft bread", "the baker bakes warm bread", "a baker wakes early"]
TRAINING = TrainingOptions(epochs=3, batch_size=8, learning_rate=3e-3, log_every=2)


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def labelled(count: int):
    for i in range(count):
        yield [f"{(STARS, BREAD)[i % 2][i % 3]} number {i}", ("stars", "bread")[i % 2]]


@pytest.fixture(scope="module")
def options(tiny_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finetune")
    train = write_csv(folder / "train.csv", [["text", "label"], *labelled(80)])
    return Options(
        train=(train,),
        model=str(tiny_run[0]),
        output=str(folder / "runs"),
        name="subjects",
        dev_share=0.2,
        sequence_length=32,
        seeds=2,
        training=TRAINING,
    )


@pytest.fixture(scope="module")
def finished(options):
    return Path(options.output) / options.name, run(options)


def test_numbers_are_those_of_both_seeds_with_baselines_beside(finished):
    folder, numbers = finished
    assert numbers["mean"] == json.loads((folder / "metrics.json").read_text())["mean"]
    assert numbers["mean"]["accuracy"] >= 0.9
    assert len(numbers["seeds"]) == 2
    assert numbers["baselines"]["majority"]["accuracy"] == 0.5
    assert numbers["baselines"]["logistic regression on TF-IDF"]["accuracy"] == 1.0
    assert "does NOT beat" in numbers["verdict"]  # words alone tell the two subjects apart
    assert numbers["intervals"]["accuracy"][1] <= 1.0


def test_the_model_that_is_left_speaks(finished):
    bundle = Bundle.from_pretrained(finished[0])
    assert bundle.labels == ("bread", "stars")
    assert bundle.inputs.sequence_length == 32
    assert bundle.predict_text(["a far star"])[0]["label"] == "stars"


def test_the_report_stands_for_itself(finished):
    folder, numbers = finished
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert numbers["verdict"].split(":")[0] in page
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert page.count("data:image/png;base64,") == len(list((folder / "figures").glob("*.png")))
    card = (folder / "card.md").read_text(encoding="utf-8")
    for name in re.findall(r"\(figures/(\w+\.png)\)", card):
        assert (folder / "figures" / name).stat().st_size > 1_000


def test_tensorboard_gets_curves_and_figures(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = EventAccumulator(str(finished[0] / "seed-0" / "logs" / "heldout"))
    curves.Reload()
    assert {"accuracy", "f1_macro"} <= {tag.split("/")[-1] for tag in curves.Tags()["tensors"]}
    figures = EventAccumulator(str(finished[0] / "logs" / "test"))
    figures.Reload()
    assert "confusion" in figures.Tags()["tensors"]


def test_the_same_command_trains_no_more_and_says_the_same(options, finished, capsys):
    again = run(options)
    assert "Going on from step" in capsys.readouterr().out
    assert again["seeds"] == finished[1]["seeds"]
    assert "minutes" in finished[1]
    assert "minutes since it was taken up again" in again  # the first start's are not in them


def test_other_options_under_the_same_name_are_refused(options, finished):
    other = replace(options, training=replace(TRAINING, learning_rate=1e-3))
    with pytest.raises(ValueError, match=r"\(learning_rate: 0.003 then, 0.001 now\)"):
        run(other)


def test_what_a_training_shows_and_saves_is_left_out_of_what_decides():
    other = replace(TRAINING, log_every=7, checkpoint_every=9, checkpoint_minutes=1.0)
    found = [deciding(Options(training=one), ("name",)) for one in (TRAINING, other)]
    assert found[0] == found[1]
    assert "name" not in found[0]
    assert found[0]["training"]["learning_rate"] == TRAINING.learning_rate


def rows_of_tagged_words(path, count):
    lines = []
    for i in range(count):
        lines += [f"{word}\tO" for word in STARS[i % 3].split()]
        lines += ["baker\tB-PER", f"{i}\tI-PER", ""]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def squad_file(path, count):
    paragraphs = [
        {
            "context": f"we see star {i} at night .",
            "qas": [
                {
                    "id": f"q{i}",
                    "question": "which star ?",
                    "is_impossible": i % 4 == 0,
                    "answers": [] if i % 4 == 0 else [{"text": f"star {i}", "answer_start": 7}],
                }
            ],
        }
        for i in range(count)
    ]
    path.write_text(json.dumps({"data": [{"title": "stars", "paragraphs": paragraphs}]}))
    return str(path)


@pytest.mark.parametrize("task", ["multilabel", "regression", "tagging", "questions"])
def test_every_task_runs_from_a_file_to_a_report(task, options, tmp_path):
    rows = list(labelled(40))
    if task == "multilabel":
        data = [
            ["text", "label"],
            *([t, f"{label}|text" if i % 3 else ""] for i, (t, label) in enumerate(rows)),
        ]
        train = write_csv(tmp_path / "train.csv", data)
    elif task == "regression":
        data = [["text", "label"], *([t, len(t.split())] for t, _ in rows)]
        train = write_csv(tmp_path / "train.csv", data)
    elif task == "tagging":
        train = rows_of_tagged_words(tmp_path / "train.conll", 40)
    else:
        train = squad_file(tmp_path / "train.json", 40)
    numbers = run(
        replace(
            options,
            task=task,
            train=(train,),
            label_separator="|" if task == "multilabel" else ",",
            output=str(tmp_path),
            name="run",
            seeds=1,
            training=replace(TRAINING, epochs=1),
        )
    )
    assert numbers["metric"] in numbers["mean"]
    assert numbers["baselines"]
    assert (tmp_path / "run" / "report.html").exists()
    bundle = Bundle.from_pretrained(tmp_path / "run")
    pairs = ["we see star 7 at night ."] if task == "questions" else None
    assert len(bundle.predict_text(["a baker"], pairs)) == 1
    if task == "multilabel":
        assert bundle.labels == ("bread", "stars", "text")


BAD_FILES = {
    "empty": ("", r"train\.csv"),
    "one class": (
        "text,label\na,x\nb,x\nc,x\n",
        "have the label 'x': there is nothing to tell apart",
    ),
    "no such column": ("review,stars\na,1\nb,2\n", "'review', 'stars'"),
    "no label": ("text,label\na,x\nb,\nc,y\n", "line 3"),
    "nan": ("text,label\na,x\nb,nan\nc,y\n", "line 3"),
    "an id": ("text,label\n" + "".join(f"a{i},id{i}\n" for i in range(99)), "looks like an id"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_one_line_and_exit_code_1(kind, options, tmp_path, capsys):
    content, message = BAD_FILES[kind]
    path = tmp_path / "train.csv"
    path.write_text(content, encoding="utf-8")
    arguments = ["--train", str(path), "--model", options.model, "--output", str(tmp_path)]
    assert main(Options, run, __doc__, arguments) == 1
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == [path]  # the name is free for a corrected command


WRONG_OPTIONS = {
    "--metric loss": "`--metric loss` is none of this task; choose one of accuracy",
    "--task tagging --class-weights": "--class-weights mean nothing for `--task tagging`",
    "--task tagging --text body --pair title": "`--text` and `--pair` mean nothing for a model",
    "--task questions --words tokens --tags ner": "`--tags` mean nothing for a model of questions",
    "--label-separator ;": "`--label-separator` mean nothing for a model of classification",
    "--stride 16": "`--stride` is the distance of windows",
    "--class-weights --resample": "choose one of them",
    "--seeds 0": "`--seeds` must be at least 1",
}


@pytest.mark.parametrize("arguments", WRONG_OPTIONS)
def test_options_that_mean_nothing_are_refused_before_anything_is_written(
    arguments, options, tmp_path, capsys
):
    given = ["--train", *options.train, "--model", options.model, "--output", str(tmp_path / "a")]
    assert main(Options, run, __doc__, [*given, *arguments.split()]) == 1
    assert WRONG_OPTIONS[arguments] in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("arguments", ["--epochs 0", "--average 1", "--lora-rank 0", "--warmup 1"])
def test_values_that_cannot_be_are_told_of_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(Options, run, __doc__, arguments.split())
    assert stopped.value.code == 2
    assert arguments.split()[0].strip("-").replace("-", "_") in capsys.readouterr().err


def test_rows_that_have_changed_since_are_noticed(options, finished, tmp_path):
    other = write_csv(tmp_path / "train.csv", [["text", "label"], *labelled(78)])
    path = Path(options.train[0])
    before = path.read_bytes()
    try:
        path.write_bytes(Path(other).read_bytes())
        with pytest.raises(ValueError, match="the rows to learn from have changed"):
            run(options)
    finally:
        path.write_bytes(before)


def test_an_unknown_label_in_the_test_rows_is_told_with_its_row(options, tmp_path, capsys):
    test = write_csv(tmp_path / "test.csv", [["text", "label"], ["a star", "stars"], ["a", "moon"]])
    arguments = ["--train", *options.train, "--test", test, "--model", options.model]
    assert main(Options, run, __doc__, [*arguments, "--output", str(tmp_path)]) == 1
    assert re.search(r"test\.csv.*'moon'", capsys.readouterr().err)


def test_a_text_of_100000_tokens_and_an_empty_one_are_read_in_windows(options, tmp_path):
    long = " ".join(["star"] * 100_000)
    rows = [["text", "label"], *labelled(30), [long, "stars"], ["", "bread"]]
    train = write_csv(tmp_path / "train.csv", rows)
    test = write_csv(tmp_path / "test.csv", [["text", "label"], [long, "stars"], ["", "bread"]])
    numbers = run(
        replace(
            options,
            train=(train,),
            test=(test,),
            output=str(tmp_path),
            name="long",
            seeds=1,
            long_texts="windows",
            stride=30,
            training=replace(TRAINING, epochs=0.02, batch_size=16),
            baselines=False,
        )
    )
    assert numbers["seeds"][0]["rows"] == 2
