"""`recipes.distill`: rows and columns are the teacher's, the student's folder is a model."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_finetune import labelled, write_csv

import recipes.finetune as finetune
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.training.training_options import TrainingOptions
from recipes.command_line import main
from recipes.distill import Options, __doc__, run
from recipes.task_options import splits_of_model

TRAINING = TrainingOptions(epochs=2, batch_size=8, learning_rate=3e-3, log_every=2)


@pytest.fixture(scope="module")
def teacher(tiny_run, tmp_path_factory):
    """A model of two subjects, in columns with names of their own."""
    folder = tmp_path_factory.mktemp("teacher")
    train = write_csv(folder / "train.csv", [["body", "about"], *labelled(60)])
    options = finetune.Options(
        train=(train,),
        text="body",
        label="about",
        model=str(tiny_run[0]),
        output=str(folder),
        name="teacher",
        dev_share=0.2,
        sequence_length=32,
        training=TRAINING,
        baselines=False,
    )
    finetune.run(options)
    return folder / "teacher"


@pytest.fixture(scope="module")
def options(teacher, tmp_path_factory):
    return Options(
        teacher=str(teacher),
        output=str(tmp_path_factory.mktemp("students")),
        distillation=DistillationOptions(layers=(1,)),
        training=TRAINING,
        seeds=2,
    )


@pytest.fixture(scope="module")
def finished(options):
    return Path(options.output) / options.name, run(options)


def test_student_teacher_and_student_alone_are_measured_on_the_teachers_rows(finished, teacher):
    folder, numbers = finished
    of_teacher = json.loads((teacher / "metrics.json").read_text())
    assert numbers["teacher"]["mean"]["accuracy"] == of_teacher["mean"]["accuracy"]
    assert numbers["test"] == of_teacher["test"]
    for who in ("student", "student without teacher"):
        assert len(numbers[who]["seeds"]) == 2
    assert numbers["student"]["parameters"] < numbers["teacher"]["parameters"]
    assert numbers["verdict"].startswith("The student keeps")
    for who in ("teacher", "student", "student without teacher"):
        assert f"| {who} |" in numbers["table"]
        assert f"| {who} |" in (folder / "card.md").read_text()


def test_the_student_is_a_model_with_its_labels(finished):
    folder, _ = finished
    bundle = Bundle.from_pretrained(folder)
    assert bundle.encoder.config["num_layers"] == 1
    assert bundle.labels == ("bread", "stars")
    assert bundle.predict_text(["we see a star"])[0]["label"] in bundle.labels
    report = (folder / "report.html").read_text()
    assert "cost of the student without teacher" in report
    assert "data:image/png" in report


def test_card_and_tensorboard_show_the_same_figures(finished):
    folder, _ = finished
    figures = EventAccumulator(str(folder / "logs" / "test"))
    figures.Reload()
    card = (folder / "card.md").read_text()
    assert {"scores", "confusion", "learning"} <= set(figures.Tags()["tensors"])
    for name in figures.Tags()["tensors"]:
        assert f"(figures/{name}.png)" in card


def test_a_finished_run_is_only_measured_again(finished, options, capsys):
    _, numbers = finished
    capsys.readouterr()
    again = run(options)
    printed = capsys.readouterr().out
    assert printed.count("Going on from step") == 4  # two students, with and without the teacher
    assert "The teacher reads" not in printed
    assert again["student"]["mean"] == numbers["student"]["mean"]


def test_texts_that_are_measured_with_are_no_unlabelled_ones(options, teacher, tmp_path, capsys):
    source = teacher.parent / "train.csv"
    rows = [row[0] for row in csv.reader(source.open(encoding="utf-8"))][1:]
    more = tmp_path / "more.txt"  # without the column of the training, `body`
    more.write_text("\n".join([*rows, "new", "newer"]), encoding="utf-8")
    changed = Options(
        teacher=options.teacher,
        unlabelled=(str(more),),
        output=str(tmp_path),
        distillation=options.distillation,
        training=TRAINING,
        alone=False,
    )
    numbers = run(changed)
    assert "38 texts without labels; 24 left out" in capsys.readouterr().out
    assert numbers["unlabelled"] == "38 rows"
    assert "student without teacher" not in numbers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "f2"], "`--metric f2` is none of this task"),
        (["--seeds", "0"], "`--seeds` must be at least 1"),
        (["--layers", "3"], "1 to 2 of them; received 3"),
        (["--labels", "a"], "The model has 2 classes"),
        (["--dev-share", "0"], "`dev_share` is 0"),
        (["--steps", "9"], "`--data` and `--steps` are for pre-trained teachers, but"),
    ],
)
def test_mistakes(teacher, tmp_path, arguments, message, capsys):
    given = ["--teacher", str(teacher), "--output", str(tmp_path), *arguments]
    assert main(Options, run, __doc__, given) == 1
    assert message in capsys.readouterr().err


def test_rows_that_have_changed_since_training_are_told_of(teacher, tmp_path, caplog):
    moved = shutil.copytree(teacher.parent, tmp_path / "moved")
    config = moved / "teacher" / "config.json"
    train = moved / "train.csv"
    config.write_text(config.read_text().replace(str(teacher.parent / "train.csv"), str(train)))
    model = str(moved / "teacher")
    bundle = Bundle.from_pretrained(model)
    splits_of_model(bundle, model, {}, Options())
    assert "have changed since then" not in caplog.text
    train.write_text(train.read_text() + "one more,stars\n")
    splits_of_model(bundle, model, {}, Options())
    assert f"The rows that {model} was trained on have changed since then" in caplog.text


def test_rows_are_asked_for_where_a_teacher_does_not_say(teacher, tmp_path, capsys):
    Bundle.from_pretrained(teacher).save_pretrained(tmp_path / "bare")
    given = ["--teacher", str(tmp_path / "bare"), "--output", str(tmp_path)]
    assert main(Options, run, __doc__, given) == 1
    assert "It is not known what" in capsys.readouterr().err
