import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from keras_bert_kit.training.strategy import (
    check_workers,
    choose_strategy,
    is_chief,
    off_strategy,
    wait_for_all,
)

ROOT = Path(__file__).parents[2]
WORKERS = {"worker": ["a:1", "b:1"]}


class OfWorker:
    """As much of a strategy as is asked who it is."""

    def __init__(self, kind, index, cluster=None):
        self.cluster_resolver = self
        self.task_type, self.task_id, self.cluster = kind, index, cluster or WORKERS

    def cluster_spec(self):
        return tf.train.ClusterSpec(self.cluster)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for variable in ("TF_CONFIG", "TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        monkeypatch.delenv(variable, raising=False)


def test_one_device_needs_no_strategy():
    for name in ("auto", "one"):
        strategy = choose_strategy(name)
        assert strategy is tf.distribute.get_strategy()
        assert is_chief(strategy)
        wait_for_all(strategy)


def test_tf_config_of_one_worker_is_one_device(monkeypatch):
    alone = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(alone))
    assert choose_strategy() is tf.distribute.get_strategy()


@pytest.mark.parametrize(
    ("name", "num_cpus", "message"),
    [
        ("several", None, "must be one of auto, one, mirrored, multiworker, tpu; received 'sev"),
        ("mirrored", None, "needs several GPUs, or several CPU devices .* Use `one`"),
        ("multiworker", None, "needs the variable TF_CONFIG"),
        ("one", 2, "is for `mirrored` and `multiworker` without GPUs: the strategy `one`"),
        ("mirrored", 0, "`num_cpus` must be at least 1; received 0"),
        ("tpu", None, "There is no TPU that answers"),
    ],
)
def test_what_is_not_here_is_an_error(name, num_cpus, message):
    with pytest.raises(ValueError, match=message):
        choose_strategy(name, num_cpus)


@pytest.mark.parametrize(
    "config",
    [
        "a:1,b:1",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"ps": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
@pytest.mark.parametrize("name", ["auto", "multiworker"])
def test_a_tf_config_that_cannot_be_read_is_shown(monkeypatch, config, name):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=r"TF_CONFIG must look like .*; received") as error:
        choose_strategy(name)
    assert config in str(error.value)


def test_one_of_all_workers_is_the_chief():
    assert [is_chief(OfWorker("worker", index)) for index in (0, 1)] == [True, False]
    with_chief = {"chief": ["c:1"], **WORKERS}
    assert is_chief(OfWorker("chief", 0, with_chief))
    assert not is_chief(OfWorker("worker", 0, with_chief))


def test_batches_must_have_a_row_for_each_replica_and_clocks_differ():
    strategy = OfWorker("worker", 0)
    strategy.num_replicas_in_sync = 4
    check_workers(strategy, 4, None)
    with pytest.raises(ValueError, match="`batch_size` is 3 for 4 replicas"):
        check_workers(strategy, 3, None)
    with pytest.raises(ValueError, match="`checkpoint_minutes` is for one worker"):
        check_workers(strategy, 4, 5.0)
    check_workers(tf.distribute.get_strategy(), 1, 5.0)


def test_without_a_strategy_a_model_is_its_own_copy():
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    assert off_strategy(model) is model


SCRIPT = """
import pathlib, sys, time
from keras_bert_kit.training.strategy import chief_first, choose_strategy, is_chief, wait_for_all
strategy = choose_strategy()
made = pathlib.Path(sys.argv[1])
with chief_first(strategy):
    if is_chief(strategy):
        time.sleep(2)
        made.write_text("made")
    print("found", made.read_text(), flush=True)
wait_for_all(strategy)
"""


@pytest.mark.slow
def test_what_the_chief_makes_the_others_find(tmp_path):
    launcher = str(ROOT / "tools" / "launch_workers.py")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "file")]
    done = subprocess.run(
        [sys.executable, launcher, "--workers", "2", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert "[0] found made" in lines and "[1] found made" in lines
