"""A pre-training that is killed while it saves, and interrupted, ends as one that was left alone.

`tools/kill_test.py` does this as often as one likes.
"""

import shutil
import signal

import h5py
import numpy as np
import pytest

from recipes.command_line import main
from recipes.pretrain import Options, run
from tools.kill_test import Moment, Run, differences, state_of, weights_in

TRAINING = (
    *("--size", "tiny", "--dropout", "0.1", "--vocabulary-size", "80", "--heldout", "0.2"),
    *("--sequence-length", "32", "--batch-size", "8", "--max-positions", "64", "--processes", "1"),
    *("--steps", "40", "--evaluate-every", "16", "--log-every", "7", "--checkpoint-every", "3"),
)


def run_here(folder, training):
    place = ("--output", str(folder.parent), "--name", folder.name)
    assert main(Options, run, "", [*place, *training]) == 0


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory, corpus_folder):
    """A run that was left alone, one that was not, and what this one said when interrupted."""
    folder, training = tmp_path_factory.mktemp("runs"), (*TRAINING, "--data", str(corpus_folder))
    left_alone, killed = folder / "left-alone", folder / "killed"
    run_here(left_alone, training)
    first = Run(killed, training)
    assert first.wait_for(Moment(10, is_in_save=True))
    first.stop(signal.SIGKILL)
    second = Run(killed, training)
    assert second.wait_for(Moment(20))
    second.stop(signal.SIGINT)
    assert 0 < int(second.went_on_from) < state_of(killed)[0]
    run_here(killed, training)
    return left_alone, killed, (second.process.returncode, second.log.read_text())


def test_nothing_differs_at_the_end(runs):
    left_alone, killed, _ = runs
    assert differences(killed, left_alone) == []
    assert {path.name for path in killed.iterdir()} == {path.name for path in left_alone.iterdir()}


def test_ctrl_c_says_how_to_go_on(runs):
    code, said = runs[2]
    assert code == 130
    assert said.endswith("Stopped. Run the same command again to go on.\n")
    assert "Traceback" not in said


def test_what_differs_is_found(runs, tmp_path):
    left_alone, changed = runs[0], tmp_path / "changed"
    shutil.copytree(left_alone, changed)
    weights = changed / "model.weights.h5"
    name, values = next(iter(weights_in(weights).items()))
    values.flat[0] = np.nextafter(values.flat[0], np.float32(1))
    with h5py.File(weights, "r+") as file:
        file[name][...] = values
    records = (changed / "metrics.jsonl").read_text().splitlines(keepends=True)
    (changed / "metrics.jsonl").write_text("".join([*records, records[-1]]))
    found = differences(changed, left_alone)
    assert found[0] == f"model.weights.h5: {name} differs"
    assert found[1].startswith("metrics.jsonl: {'step': 40, ")
    assert found[1].endswith(", left alone None")
    assert len(found) == 2
