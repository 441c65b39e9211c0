import logging
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from shard_files import write_shards
from tensorflow.data.experimental import service

from keras_bert_kit.data import data_service
from keras_bert_kit.data.data_service import in_order, planned_batches
from keras_bert_kit.data.masking import Masking
from keras_bert_kit.data.pretraining import PretrainingData
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

TOOL = Path(__file__).parents[2] / "tools" / "data_service.py"
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *(f"w{i}" for i in range(1000))])


def documents(num_documents, seed):
    rng = np.random.default_rng(seed)
    return [
        [rng.integers(5, 1005, rng.integers(1, 20)).tolist() for _ in range(rng.integers(1, 12))]
        for _ in range(num_documents)
    ]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    corpus = [documents(12, seed) for seed in range(3)]
    return write_shards(tmp_path_factory.mktemp("corpus") / "train", corpus, VOCABULARY)


@pytest.fixture
def data(shards):
    return data_of(shards)


def data_of(shards, vocabulary=VOCABULARY, **options):
    options = {"batch_size": 8, "sequence_length": 32, "tokens_per_window": 1500} | options
    return PretrainingData(shards, vocabulary, **options)


@pytest.fixture
def few_examples(monkeypatch):
    """So that an epoch is planned in several parts and groups."""
    monkeypatch.setattr(data_service, "PLANNED_EXAMPLES", 8 * 5)
    monkeypatch.setattr(data_service, "BATCHES_A_GROUP", 2)


@pytest.fixture(scope="module")
def processes():
    """The address of a dispatcher, and two workers; none of them shares this one's Python."""
    dispatcher = started_tool("dispatcher", "--port", "0")
    address = said(dispatcher).removeprefix("Dispatcher at ")
    workers = [started_tool("worker", "--dispatcher", address) for _ in range(2)]
    for worker in workers:
        assert said(worker).startswith("Worker at localhost:")
    yield address, workers
    for worker in workers:
        worker.kill()
    dispatcher.terminate()
    assert dispatcher.wait(60) == 0


def started_tool(*arguments):
    command = [sys.executable, TOOL, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process) -> str:
    return process.stdout.readline().strip()


def as_numpy(batch):
    return tf.nest.map_structure(np.asarray, batch)


def assert_same(found, expected):
    found, expected = list(found), list(expected)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, as_numpy(one), as_numpy(other))


@pytest.mark.parametrize(
    "options",
    [{}, {"pairs": "full_sentences"}, {"masking": Masking(unit="span")}],
    ids=["pairs", "full sentences", "spans"],
)
def test_planned_batches_are_those_of_the_pipeline(shards, options, few_examples):
    data = data_of(shards, **options)
    # Over the end of the first window and of the first epoch.
    first, count = 5, data.steps_per_epoch() + 20
    numbers, batches = zip(*planned_batches(data, first, count), strict=True)
    assert [int(number) for number in numbers] == [*range(first, first + count)]
    assert_same(batches, data.dataset(first, count))


def test_planned_batches_of_a_large_vocabulary(tmp_path):
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *(f"w{i}" for i in range(70_000))])
    corpus = [[[[69_000, 7, 8]] * 9, [[70_001, 9, 5]] * 9] * 4]
    shards = write_shards(tmp_path / "train", corpus, vocabulary)
    assert shards.shard(0).tokens.dtype == np.int32
    data = data_of(shards, vocabulary, batch_size=2)
    assert_same((batch for _, batch in planned_batches(data, 0, 6)), data.dataset(0, 6))


def test_two_workers_give_every_batch_once_and_in_order(data, processes, few_examples, caplog):
    address, _ = processes
    count = data.steps_per_epoch()
    assert count > 15  # more than three parts
    served = data.dataset(3, count, service=address)
    assert served.element_spec == data.dataset(3, count).element_spec
    assert int(served.cardinality()) == count
    with caplog.at_level(logging.WARNING):
        assert_same(served, data.dataset(3, count))
    assert not caplog.records  # none was made here


def test_fit_takes_them_without_an_end(data, processes, few_examples):
    tokens = keras.Input((32,), dtype="int32")
    model = keras.Model(tokens, keras.layers.Embedding(1005, 2)(tokens))
    served = data.dataset(0, service=processes[0]).map(lambda x, *_: (x["token_ids"], 0.0))
    model.compile("sgd", "mse")
    history = model.fit(served, steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_a_worker_that_is_killed(data, processes, few_examples, monkeypatch):
    monkeypatch.setattr(data_service, "PATIENCE", 1.0)
    address, workers = processes
    count = 60
    found = []
    for number, batch in enumerate(data.dataset(0, count, service=address)):
        found.append(as_numpy(batch))
        if number == 10:
            workers[1].kill()
    assert_same(found, data.dataset(0, count))


def test_without_workers_batches_are_made_here(data, monkeypatch, caplog):
    monkeypatch.setattr(data_service, "PATIENCE", 0.5)
    dispatcher = service.DispatchServer()
    assert_same(data.dataset(0, 6, service=dispatcher.target), data.dataset(0, 6))
    assert "did not give batch 0, which is made here (1 so far)" in caplog.text


def test_a_service_that_fails_says_so(data, tmp_path, monkeypatch, caplog):
    dispatcher = service.DispatchServer()
    address = dispatcher.target.removeprefix("grpc://")
    worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
    group_of = data_service._group

    def elsewhere(*args):  # where the worker does not see it
        return [str(tmp_path / "gone.npy")], group_of(*args)[1]

    monkeypatch.setattr(data_service, "_group", elsewhere)
    assert_same(data.dataset(0, 3, service=dispatcher.target), data.dataset(0, 3))
    assert "The data service has failed" in caplog.text
    assert "gone.npy" in caplog.text
    del worker


def test_a_service_that_is_not_there(data):
    with pytest.raises(ValueError, match="No data service answers at grpc://localhost:1 "):
        data.dataset(service="grpc://localhost:1")


@pytest.mark.parametrize("address", ["localhost:5050", "http://localhost:5050", "grpc://host", ""])
def test_no_address(data, address):
    with pytest.raises(ValueError, match=r"looks like .grpc://host:5050"):
        data.dataset(service=address)


def test_what_waits_is_bounded(monkeypatch):
    monkeypatch.setattr(data_service, "MOST_EARLY", 4)
    asked = []

    def coming():
        for number in [*range(1, 20), 0]:  # 0 comes when it is no longer waited for
            asked.append(number)
            yield number, number

    found = in_order(coming(), 0, 20, lambda number: -1)
    assert next(found) == -1
    assert asked == [1, 2, 3, 4]
    assert list(found) == [*range(1, 20)]


def test_endless_order_of_nothing():
    found = in_order(iter([(4, "d")]), 3, None, lambda number: f"{number} here")
    assert [next(found) for _ in range(4)] == ["3 here", "d", "5 here", "6 here"]
