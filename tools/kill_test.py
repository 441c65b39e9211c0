"""Kills a pre-training at random moments, and compares it with one that was left alone.

    python tools/kill_test.py
    python tools/kill_test.py --steps 1000 --kills 50 --seed 1
    python tools/kill_test.py --steps 60 --kills 4 --workers 2

A BERT-tiny with dropout learns from the text that ships with the package, with a checkpoint every
third step. It is killed (SIGKILL) while it starts, at random steps, half of the times while a
checkpoint is being written, and behind the last step; each time the same command goes on. Of
several workers a random one is killed, and their launcher ends the others. The exit code is 1 if
anything differs at the end.
"""

import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

ROOT = Path(__file__).parents[1]
TRAINING = (
    *("--size", "tiny", "--dropout", "0.1", "--vocabulary-size", "500", "--heldout", "0.02"),
    *("--sequence-length", "32", "--batch-size", "4", "--processes", "1"),
    # Checkpoints fall into windows of logs, and into periods between evaluations.
    *("--checkpoint-every", "3", "--log-every", "7", "--evaluate-every", "50"),
)


@dataclass(frozen=True)
class Moment:
    """When to kill: some time after a new checkpoint is there, or while the next is written."""

    step: int  # of the checkpoint, or of a later one; 0 for the start of the process
    seconds: float = 0.0
    is_in_save: bool = False


def main(steps: int = 200, kills: int = 10, seed: int = 0, workers: int = 1) -> None:
    """Prints a Markdown table of the kills, and what differs at the end.

    Args:
        steps: of each of the two runs.
        kills: how often one of them is killed, at least twice.
        seed: of the moments.
        workers: of each run.
    """
    rng = random.Random(seed)
    training = (*TRAINING, "--steps", str(steps))
    with tempfile.TemporaryDirectory() as output:
        left_alone, killed = Path(output, "left-alone"), Path(output, "killed")
        start = Run(left_alone, training, workers)
        start.wait_for(Moment(1))
        starting_seconds = start.seconds
        start.end()
        print("| went on from | newest checkpoint | half-written file | last logged | killed |")
        print("| --- | --- | --- | --- | --- |")
        for moment in moments(steps, kills, starting_seconds, seed):
            run = Run(killed, training, workers)
            was_there = run.wait_for(moment)
            if workers == 1:
                run.stop(signal.SIGKILL)
            else:
                run.kill_worker(rng)
            step, half_written, logged = state_of(killed)
            print(
                f"| {run.went_on_from} | {step} | {'yes' if half_written else 'no'} | {logged} | "
                f"{'yes' if was_there else 'no, it had ended'} |",
                flush=True,
            )
        Run(killed, training, workers).end()
        # A mean that goes on was cut into the shares of the workers, and rounded.
        found = differences(killed, left_alone, rtol=0.0 if workers == 1 else 1e-6)
    print("\n".join(["", *(found or ["Weights, optimizer, seeds and records are the same."])]))
    sys.exit(1 if found else 0)


def moments(steps: int, kills: int, starting_seconds: float, seed: int) -> list[Moment]:
    """Random moments: in the start, after growing numbers of steps, behind the last step."""
    rng = random.Random(seed)
    between = sorted(rng.sample(range(1, steps), kills - 2))
    return [
        Moment(0, rng.uniform(0, starting_seconds)),
        *(Moment(step, rng.uniform(0, 0.5), index % 2 == 0) for index, step in enumerate(between)),
        Moment(steps, rng.uniform(0, 2)),
    ]


class Run:
    """A process that trains.

    Args:
        folder: of the run.
        training: its options.
        workers: how many processes train together.
    """

    def __init__(self, folder: Path, training: Sequence[str], workers: int = 1):
        self.folder = folder
        self.log = folder.with_name(f"{folder.name}.log")
        self.first_step = state_of(folder)[0]
        self.began = time.monotonic()
        place = ("--output", str(folder.parent), "--name", folder.name)
        command = [sys.executable, "-m", "recipes.pretrain", *place, *training]
        if workers > 1:
            launcher = str(ROOT / "tools" / "launch_workers.py")
            command = [sys.executable, launcher, "--workers", str(workers), *command]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that what it starts is killed with it
            )

    @property
    def seconds(self) -> float:
        """How long it has been there."""
        return time.monotonic() - self.began

    @property
    def went_on_from(self) -> str:
        """The step that it began at."""
        said = self.log.read_text().partition("Going on from step ")[2]
        return said.partition(".")[0] or "0"

    def wait_for(self, moment: Moment) -> bool:
        """Waits for the moment; returns false if the process ended before."""
        step = moment.step and max(moment.step, self.first_step + 1)
        while state_of(self.folder)[0] < step and self._is_there():
            time.sleep(0.001)
        if moment.is_in_save:
            while not half_written_in(self.folder) and self._is_there():
                time.sleep(0.0002)
        else:
            time.sleep(moment.seconds)
        return self._is_there()

    def stop(self, number: int) -> None:
        """Sends a signal to all processes of the run and waits for their end."""
        if self._is_there():
            os.killpg(self.process.pid, number)
        self.process.wait()

    def kill_worker(self, rng: random.Random) -> None:
        """Kills one of several workers and waits for the launcher's end."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if self._is_there() and (workers := children.read_text().split()):
            os.kill(int(rng.choice(workers)), signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Waits until it has done all it had to."""
        self.process.wait()
        self._is_there()

    def _is_there(self) -> bool:
        code = self.process.poll()
        if code:
            raise RuntimeError(f"The run ended with {code}:\n{self.log.read_text()[-2000:]}")
        return code is None


def half_written_in(folder: Path) -> list[Path]:
    """Checkpoints that are being written, or were when the run was killed."""
    return list((folder / "checkpoints").glob("*.unfinished"))


def state_of(folder: Path) -> tuple[int, bool, int]:
    """Step of the newest checkpoint, whether there is half a one, and the last step logged."""
    steps = (int(path.stem[-9:]) for path in (folder / "checkpoints").glob("step-*.npz"))
    entries = metrics_of(folder)
    return (
        max(steps, default=0),
        bool(half_written_in(folder)),
        entries[-1]["step"] if entries else 0,
    )


def metrics_of(folder: Path) -> list[dict]:
    """What the run logged, without what depends on the machine."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines]
    return [{k: v for k, v in one.items() if k != "tokens_per_second"} for one in entries]


def differences(folder: Path, other: Path, rtol: float = 0.0) -> list[str]:
    """What differs between two finished runs, a line each; nothing if they are the same.

    Args:
        folder: of one run.
        other: of the other.
        rtol: how far numbers in the records may be apart, relative to themselves.
    """
    newest = max(path.name for path in (other / "checkpoints").glob("step-*.npz"))
    found = [
        f"{name}: {key} differs"
        for name, read in (("model.weights.h5", weights_in), (f"checkpoints/{newest}", values_in))
        for key in unequal(read(folder / name), read(other / name))
    ]
    for name, read in (("metrics.jsonl", metrics_of), ("TensorBoard", events_of)):
        pairs = itertools.zip_longest(read(folder), read(other))
        found += [
            f"{name}: {here}, left alone {there}"
            for here, there in pairs
            if here != there and not are_close(here, there, rtol)
        ]
    return found


def are_close(here: dict | tuple | None, there: dict | tuple | None, rtol: float) -> bool:
    """Whether two records have the same entries, and numbers that are no further apart."""
    if not (rtol and isinstance(here, dict) and isinstance(there, dict) and {*here} == {*there}):
        return False
    pairs = [(value, there[name]) for name, value in here.items()]
    return all(
        a == b or (type(a) is type(b) is float and math.isclose(a, b, rel_tol=rtol))
        for a, b in pairs
    )


def unequal(here: dict[str, np.ndarray], there: dict[str, np.ndarray]) -> list[str]:
    """Keys of the arrays that are not the same to the last bit."""
    return [
        key
        for key in sorted({*here, *there})
        if key not in here or key not in there or here[key].tobytes() != there[key].tobytes()
    ]


def values_in(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint, if it is there."""
    if not path.exists():
        return {}
    with np.load(path) as saved:
        return dict(saved)


def weights_in(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a weights file."""
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {})
        )
    return found


def events_of(folder: Path) -> list[tuple[str, str, int]]:
    """Curve, tag and step of all events for TensorBoard, in the order of a curve.

    Without the options, which every start of a run writes, and speeds: a first window has none.
    """
    import tensorflow as tf

    found = []
    for path in sorted(folder.glob("logs/*/events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            found += [(path.parent.name, value.tag, event.step) for value in event.summary.value]
    return sorted(one for one in found if one[1] not in ("options", "tokens_per_second"))


if __name__ == "__main__":
    tyro.cli(main)
