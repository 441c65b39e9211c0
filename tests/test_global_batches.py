"""The same step on any number of replicas and workers, as ten steps of a user's own model show."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
TOGETHER = {"micro_batches": 2, "steps_per_execution": 4, "validate": True}
WITH_NAN = TOGETHER | {"nan_in_step": 3, "validate": False}
HALF = {
    "dtype": "mixed_float16",
    "jit_compile": True,
    "micro_batches": 2,
    "steps_per_execution": 8,
}
BRAIN = HALF | {"dtype": "mixed_bfloat16"}


def start(folder, cases, *options, num_cpus=None, num_workers=None):
    """A process, or several, that train; none of them waits for another of these."""
    command = [sys.executable, str(TESTS / "distributed_training.py"), str(folder)]
    command += [json.dumps(cases), *options]
    command += [] if num_cpus is None else ["--cpus", str(num_cpus)]
    if num_workers:
        launcher = str(ROOT / "tools" / "launch_workers.py")
        command = [sys.executable, launcher, "--workers", str(num_workers), *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    # Of so small a step most is the time to compile it: let XLA optimize nothing.
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def trained(process, *folders, cases):
    """Weights and logs, by case, of each folder."""
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 0, said[-5000:]
    return [read(folder, cases) for folder in folders]


def read(folder, cases):
    found = {}
    for case in cases:
        with np.load(folder / f"{case}.npz") as weights:
            about = json.loads((folder / f"{case}.json").read_text())
            found[case] = [weights[name] for name in weights.files], about
    return found


def others(folder):
    names = ("dropped", "on_batch")
    return {name: json.loads((folder / "0" / f"{name}.json").read_text()) for name in names}


def difference(found, expected):
    """The largest of all weights, relative to the largest weight of the same variable."""
    return max(
        np.abs(weight - same).max() / np.abs(same).max()
        for weight, same in zip(found[0], expected[0], strict=True)
    )


def assert_same_logs(found, expected, rtol=1e-5, left_out=()):
    (_, found), (_, expected) = found, expected
    assert found["steps"] == expected["steps"] and found["scale"] == expected["scale"]
    assert set(found["logs"]) == set(expected["logs"])
    for name in set(found["logs"]) - set(left_out):
        np.testing.assert_allclose(
            found["logs"][name], expected["logs"][name], rtol, 1e-7, err_msg=name
        )


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """On one replica, in the plainest way."""
    folder = tmp_path_factory.mktemp("one") / "out"
    cases = {"plain": {"validate": True}, "nan": {"nan_in_step": 3}, "half": HALF, "brain": BRAIN}
    process = start(folder, cases, "--others")
    return trained(process, folder / "0", cases=cases)[0] | others(folder)


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """On two replicas."""
    folder = tmp_path_factory.mktemp("mirrored") / "out"
    cases = {"together": TOGETHER, "nan": WITH_NAN, "half": HALF, "brain": BRAIN}
    process = start(folder, cases, "--others", num_cpus=2)
    return trained(process, folder / "0", cases=cases)[0] | others(folder)


def test_two_replicas_with_micro_batches_and_several_steps_a_call_take_the_same_steps(
    one, mirrored
):
    assert difference(mirrored["together"], one["plain"]) < 1e-5
    assert_same_logs(mirrored["together"], one["plain"])


def test_nan_on_one_replica_skips_the_step_on_all(one, mirrored):
    assert mirrored["nan"][1]["logs"]["skipped_steps"] == [1.0]
    assert all(np.isfinite(weight).all() for weight in mirrored["nan"][0])
    assert difference(mirrored["nan"], one["nan"]) < 1e-5
    assert difference(one["nan"], one["plain"]) > 1e-3
    # What the other replica had of that step is logged.
    losses = ("loss", "label_loss", "tags_loss")
    assert_same_logs(mirrored["nan"], one["nan"], left_out=losses)


def test_float16_xla_clipping_and_micro_batches_go_together(one, mirrored):
    assert difference(mirrored["half"], one["half"]) < 1e-3
    assert difference(one["half"], one["plain"]) < 1e-2
    assert_same_logs(mirrored["half"], one["half"], rtol=1e-3)
    assert mirrored["half"][1]["scale"] is not None


def test_bfloat16_xla_clipping_and_micro_batches_go_together(one, mirrored):
    # The sums of the halves of a batch are rounded to 8 bits, as those of all of it are.
    assert difference(mirrored["brain"], one["brain"]) < 2e-3
    assert 1e-6 < difference(one["brain"], one["plain"]) < 1e-2
    assert_same_logs(mirrored["brain"], one["brain"], rtol=5e-3)
    assert mirrored["brain"][1]["scale"] is None


def test_train_on_batch_gives_each_replica_the_whole_batch(one, mirrored):
    assert mirrored["on_batch"] == pytest.approx(one["on_batch"], rel=1e-5)


def test_replicas_draw_numbers_of_their_own(one, mirrored):
    ours = mirrored["dropped"]["true"]
    assert ours[0] != ours[1]
    assert ours[0] == one["dropped"]["true"][0] == one["dropped"]["false"][0]
    stock = mirrored["dropped"]["false"]
    assert stock[0] == stock[1], "Keras has mended it: `own_draws` in step_scopes.py can go"


@pytest.mark.slow
def test_two_workers_of_two_replicas_take_the_same_steps(one, tmp_path):
    cases = {"plain": TOGETHER, "nan": WITH_NAN}
    folder = tmp_path / "out"
    process = start(folder, cases, "--signal", num_cpus=2, num_workers=2)
    chief, other = trained(process, folder / "0", folder / "1", cases=cases)
    for case in cases:
        assert difference(chief[case], one[case]) < 1e-5
        assert difference(other[case], chief[case]) == 0
        assert other[case][1] == chief[case][1]
    assert_same_logs(chief["plain"], one["plain"])
    # A signal to the other worker ended both at the same step, and the chief saved it.
    ends = [json.loads((folder / name / "stopped.json").read_text()) for name in ("0", "1")]
    assert ends[0] == ends[1]
    assert ends[0]["error"] == "stopped by SIGTERM"
    assert 3 <= ends[0]["steps"] < 40
    assert ends[0]["saved"] == [f"step-{ends[0]['steps']:09d}"]
