"""`recipes.distill` with a pre-trained teacher: two runs of pre-training and a table."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.training.training_options import TrainingOptions
from recipes.command_line import main
from recipes.distill import Options, run

TRAINING = TrainingOptions(batch_size=8, learning_rate=1e-3, log_every=5)


@pytest.fixture(scope="module")
def options(tiny_run, corpus_folder, tmp_path_factory):
    return Options(
        teacher=str(tiny_run[0]),
        data=(str(corpus_folder),),
        output=str(tmp_path_factory.mktemp("students")),
        steps=20,
        distillation=DistillationOptions(attention=True, attention_weight=2.0),
        sequence_length=32,
        training=TRAINING,
    )


@pytest.fixture(scope="module")
def finished(options):
    return Path(options.output) / options.name, run(options)


def test_student_teacher_and_student_alone_are_in_the_table(finished):
    folder, results = finished
    card = (folder / "card.md").read_text()
    assert "python -m recipes.distill " in card
    for who in ("teacher", "student", "student without teacher"):
        assert f"| {who} |" in card
    row = next(line for line in card.splitlines() if line.startswith("| student |"))
    assert f"| {results['masked_lm_loss']:.3f} |" in row
    assert Bundle.from_pretrained(folder).encoder.config["num_layers"] == 1


def test_the_student_alone_does_not_say_that_it_was_taught(finished, options):
    card = (finished[0] / "alone" / "card.md").read_text()
    assert f"pre-trained further from `{options.teacher}` with" in card
    assert "teacher |" not in card


def test_both_students_are_the_same_but_for_what_they_learn(finished):
    folder, _ = finished
    with_teacher, alone = (
        json.loads((path / "config.json").read_text()) for path in (folder, folder / "alone")
    )
    assert with_teacher["encoder"] == alone["encoder"]
    with_teacher, alone = (one["options"] for one in (with_teacher, alone))
    assert with_teacher["distillation"]["soft_weight"] == 5.0
    assert alone["distillation"]["soft_weight"] == alone["distillation"]["hidden_weight"] == 0.0
    differing = {name for name in with_teacher if with_teacher[name] != alone[name]}
    assert differing == {"distillation"}
    assert not (folder / "alone" / "shards").exists()


def test_a_finished_run_is_only_measured_again(finished, options, capsys):
    assert run(options) == finished[1]
    assert capsys.readouterr().out.count("Going on from step 20") == 2


def test_without_the_student_alone(options, capsys):
    distillation = DistillationOptions(family="same", temperature=1.0, soft_weight=1.0)
    changed = replace(options, name="one", alone=False, steps=1, distillation=distillation)
    run(changed)
    assert not (Path(options.output) / "one" / "alone").exists()
    assert "student without teacher" not in capsys.readouterr().out
    config = json.loads((Path(options.output) / "one" / "config.json").read_text())
    assert config["options"]["distillation"]["temperature"] == 1.0
    assert config["options"]["distillation"]["label_weight"] == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train", "rows.csv"], "`--train` mean nothing for a pre-trained teacher, as"),
        (["--seeds", "3", "--metric", "f1"], "`--metric`, `--seeds` mean nothing"),
        (["--epochs", "2"], "`--epochs` mean nothing"),
        (["--format", "csv"], "`--format` mean nothing"),
        (["--layers", "9"], "1 to 2 of them; received 9"),
    ],
)
def test_options_for_tasks_are_refused_by_name(options, tmp_path, arguments, message, capsys):
    given = ["--teacher", options.teacher, "--output", str(tmp_path), *arguments]
    assert main(Options, run, "", given) == 1
    assert message in capsys.readouterr().err


def test_the_folder_of_another_run_is_refused_before_any_training(options, tmp_path, capsys):
    (tmp_path / "my-student").mkdir()
    config = {"recipe": "distill", "options": {}}
    (tmp_path / "my-student" / "config.json").write_text(json.dumps(config))
    (tmp_path / "my-student" / "metrics.jsonl").touch()
    with pytest.raises(ValueError, match=r"holds another run, of `recipes\.distill`\. Give"):
        run(replace(options, output=str(tmp_path)))
    assert not (tmp_path / "my-student" / "alone").exists()
