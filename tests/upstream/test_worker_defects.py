"""Defects of Keras and TensorFlow that show with several workers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from upstream_defects import ROOT, still_broken

GLOBAL_BATCHES = "keras_bert_kit/global_batches.py"
PARTS = "keras_bert_kit/data/parts_by_replica.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What stock Keras does on each of two workers, by case."""
    folder = tmp_path_factory.mktemp("workers")
    for file in ("first", "second"):
        (folder / f"{file}.txt").write_text("".join(f"{file} {line}\n" for line in range(4)))
    launcher = ROOT / "tools" / "launch_workers.py"
    script = Path(__file__).parent / "stock_keras_on_workers.py"
    process = subprocess.Popen(
        [sys.executable, launcher, "--workers", "2", sys.executable, script, folder],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=600)
    finally:
        process.terminate()  # and not killed: it stops its workers first
    assert process.returncode == 0, said[-5000:]
    workers = [json.loads((folder / f"{number}.json").read_text()) for number in range(2)]
    return {case: tuple(worker[case] for worker in workers) for case in workers[0]}


def test_they_fail_before_the_first_step(found):
    with still_broken(
        "Keras's `fit` fails on several workers, as it averages a nested batch (keras#20329)",
        f"{GLOBAL_BATCHES}: _maybe_symbolic_build",
    ):
        for worker in found["fit"]:
            assert "error" in worker, worker
            assert worker["error"] == "ValueError"
            assert "Attempt to convert a value (PerReplica:" in worker["message"]


def test_they_average_logs_along_an_axis_that_is_not_there(found):
    with still_broken(
        "Keras averages the scalars that several workers log along axis 0 (keras#20585)",
        f"{GLOBAL_BATCHES}: keras#20585",
    ):
        for worker in found["fit_with_metrics_made"]:
            assert "error" in worker, worker
            assert worker["error"] == "ValueError"
            assert "Invalid reduction dimension 0 for input with 0 dim" in worker["message"]


def test_a_global_batch_depends_on_their_number(found):
    with still_broken(
        "TensorFlow makes another global batch for two workers than for one, who has one file's",
        f"{PARTS}: distribute_datasets_from_function",
        f"{GLOBAL_BATCHES}: by a rule of TensorFlow that changes the global batches",
    ):
        assert found["first_batch"] == (["first 0", "first 1"], ["second 0", "second 1"])


def test_static_shapes_are_lost(found):
    assert found["shape"] == ([4], [4])
    with still_broken(
        "TensorFlow gives up static shapes where it asks whether all replicas have a batch",
        f"{PARTS}: experimental_enable_get_next_as_optional",
    ):
        assert found["shape_as_optional"] == ([None], [None])
