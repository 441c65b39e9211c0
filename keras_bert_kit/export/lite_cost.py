"""What a LiteRT file costs to run, measured in a process that does nothing else.

    python -m keras_bert_kit.export.lite_cost model.tflite rows.npz

prints it as JSON. There is no TensorFlow in that process, whose memory would count too.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_bert_kit.export.lite_model import LiteModel

THREADS = (1, 2)
ROOT = Path(__file__).parents[2]  # of the package, which need not be installed


class Latency(NamedTuple):
    """Milliseconds for one input, of the model alone.

    Attributes:
        p50: what half of the inputs take at most.
        p95: what 95 % take at most.
    """

    p50: float
    p95: float


class LiteCost(NamedTuple):
    """What a file costs to run.

    Attributes:
        latency: by number of threads.
        peak_megabytes: the most memory that the process had, Python and LiteRT included, on one
            thread; millions of bytes. None where it was not measured.
        start_megabytes: what of it there was before the file was loaded.
    """

    latency: dict[int, Latency]
    peak_megabytes: float | None = None
    start_megabytes: float | None = None


def cost_of_file(path: Path, rows: Sequence[dict[str, np.ndarray]]) -> LiteCost:
    """Loads and runs a file in a process of its own.

    Args:
        path: the file.
        rows: inputs as `lite_model.padded` makes them, all of one length.

    Raises:
        RuntimeError: if the file cannot be loaded or run there, with what was said.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "rows.npz"
        np.savez(inputs, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(path), str(inputs)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(
            f"LiteRT cannot run {path.name} (exit code {done.returncode}): {done.stderr[-2_000:]}"
        )
    found = json.loads(done.stdout)
    latency = {int(threads): Latency(*both) for threads, both in found.pop("latency").items()}
    return LiteCost(latency, **found)


def peak_megabytes() -> float:
    """The most memory that this process has had, in millions of bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux; there `getrusage` knows also what the parent process had
        line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1_024 / 1e6
    import resource  # there is none on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _main(path: str, inputs: str) -> None:
    arrays = dict(np.load(inputs))
    count = len(next(iter(arrays.values())))
    rows = [{name: arrays[name][at] for name in arrays} for at in range(count)]
    start = peak_megabytes()
    latency, peak = {}, None
    for threads in THREADS:
        taken = LiteModel(path, threads).milliseconds(rows)
        latency[threads] = np.percentile(taken, [50, 95]).tolist()
        peak = peak or peak_megabytes()  # of the first
    print(json.dumps({"latency": latency, "peak_megabytes": peak, "start_megabytes": start}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
