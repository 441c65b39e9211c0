"""Fine-tuning on two replicas and by two workers leaves what it leaves on one device."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.compression.students import student_encoder
from recipes.command_line import main
from recipes.finetune import Options, run

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "tests" / "distributed_fine_tuning.py")
USUAL = (
    *("--no-baselines", "--dropout", "0", "--batch-size", "9", "--dev-share", "0.2"),
    *("--sequence-length", "32", "--no-bucketed"),
    *("--learning-rate", "1e-3", "--weight-decay", "0.3", "--log-every", "2"),
)
# What has ways of its own under a strategy: layer-wise rates, another train function in the
# middle, averages, new variables.
CASES = {
    "classification": ("--epochs", "2", "--layer-decay", "0.8", "--unfreeze-every", "1"),
    "questions": ("--epochs", "1", "--average", "0.5", "--lora-rank", "2"),
}


@pytest.fixture(scope="module")
def command_lines(tmp_path_factory):
    """By case, a function of the folder of runs."""
    folder = tmp_path_factory.mktemp("rows")
    numbers = range(50)
    lines = [f"we see the {('star', 'bread')[i % 2]} number {i},{i % 2}" for i in numbers]
    (folder / "classification.csv").write_text("\n".join(["text,label", *lines]))
    asked = [
        {
            "context": f"we see star {i} at night .",
            "qas": [
                {
                    "id": str(i),
                    "question": "which star ?",
                    "answers": [{"text": f"star {i}", "answer_start": 7}],
                }
            ],
        }
        for i in numbers
    ]
    squad = {"data": [{"title": "stars", "paragraphs": asked}]}
    (folder / "questions.json").write_text(json.dumps(squad))
    rows = {"classification": "classification.csv", "questions": "questions.json"}
    whole = Bundle.from_pretrained(ROOT / "saved_models" / "bert-tiny", "encoder")
    one_block = Bundle(whole.tokenizer, student_encoder(whole.encoder, 1))
    one_block.save_pretrained(folder / "model")
    usual = ("--model", str(folder / "model"), *USUAL)

    def of(case, runs):
        given = ("--task", case, "--train", str(folder / rows[case]), *usual, *CASES[case])
        return [*given, "--output", str(runs), "--name", case]

    return of


@pytest.fixture(scope="module")
def one(command_lines, tmp_path_factory):
    """The folder of the runs on one device."""
    runs = tmp_path_factory.mktemp("one")
    for case in CASES:
        assert main(Options, run, "", command_lines(case, runs)) == 0
    return runs


def train(lines, *options, launcher=()):
    """Runs command lines in a process of its own, or in several, and returns what it said."""
    command = [sys.executable, *launcher, sys.executable, SCRIPT][0 if launcher else 1 :]
    done = subprocess.run(
        [*command, json.dumps(lines), *options],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def weights_in(folder):
    found = {}

    def take(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(take)
    return found


def assert_same(folder, expected):
    """The weights, the numbers on the test rows, and what was logged."""
    ours, theirs = weights_in(folder), weights_in(expected)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        # The bias of spans shifts the scores of all tokens: it has no gradient but rounding.
        bar = 1e-5 * np.abs(value).max() + 1e-6
        assert np.abs(ours[name] - value).max() <= bar, name
    ours, theirs = (
        json.loads((f / "metrics.json").read_text())["mean"] for f in (folder, expected)
    )
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)
    ours, theirs = (
        [json.loads(line) for line in (f / "seed-0" / "metrics.jsonl").open()]
        for f in (folder, expected)
    )
    assert len(ours) == len(theirs) > 2
    for our, their in zip(ours, theirs, strict=True):
        assert set(our) == set(their)
        for name in set(our) - {"split", "tokens_per_second"}:
            assert our[name] == pytest.approx(their[name], rel=1e-4, abs=1e-6), name


@pytest.mark.slow
def test_on_two_replicas_all_is_the_same(command_lines, one, tmp_path):
    train([command_lines(case, tmp_path) for case in CASES], "--cpus", "2")
    for case in CASES:
        assert_same(tmp_path / case, one / case)


@pytest.mark.slow
def test_two_workers_leave_one_run_that_is_the_same(command_lines, one, tmp_path):
    launcher = (str(ROOT / "tools" / "launch_workers.py"), "--workers", "2")
    said = train([command_lines("classification", tmp_path)], launcher=launcher)
    assert_same(tmp_path / "classification", one / "classification")
    done = [line for line in said.splitlines() if "Done in" in line]
    assert len(done) == 1 and done[0].startswith("[0]")
    files = {path.name for path in (tmp_path / "classification").rglob("events.out.*")}
    assert len(files) == len(list((one / "classification").rglob("events.out.*")))


REFUSED = {
    "--strategy mirrored": "`mirrored` needs several GPUs, or several CPU devices to try it out",
    "--strategy multiworker": "`multiworker` needs the variable TF_CONFIG",
    "--strategy one --cpus 2": "`num_cpus` is for `mirrored` and `multiworker` without GPUs",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_strategy_that_is_not_here_is_refused_before_anything_is_read(
    arguments, tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    given = ["--train", str(tmp_path / "none.csv"), "--output", str(tmp_path / "runs")]
    assert main(Options, run, "", [*given, *arguments.split()]) == 1
    assert REFUSED[arguments] in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


class Workers:
    """As much of a strategy of several workers as is asked before a training."""

    num_replicas_in_sync = 16
    cluster_resolver = object()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--batch-size 8", "`batch_size` is 8 for 16 replicas"),
        ("--checkpoint-minutes 5", "`checkpoint_minutes` is for one worker"),
    ],
)
def test_what_does_not_go_with_several_workers_is_refused(
    arguments, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(
        "keras_bert_kit.training.strategy.choose_strategy", lambda *options: Workers()
    )
    given = ["--train", str(tmp_path / "none.csv"), "--output", str(tmp_path / "runs")]
    assert main(Options, run, "", [*given, *arguments.split()]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
