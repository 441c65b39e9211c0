"""The plan says what `ShardWriter` does."""

import numpy as np
import pytest

from keras_bert_kit.data.shard_plan import ShardPlan
from keras_bert_kit.data.shard_writer import ShardWriter


def written(counts, tokens_per_shard, folder):
    """The number of documents in each shard, those without tokens counted, and how many follow."""
    records = []
    writer = ShardWriter(folder, tokens_per_shard, records, written=lambda: None)
    for number, count in enumerate(counts):
        lengths = np.array([count] if count else [], np.int64)
        writer.add(np.zeros(count, np.uint16), lengths, 0, (0, number))
    writer.flush()
    return [r["documents"] + r["empty_documents"] for r in records], writer.num_empty


def planned(counts, tokens_per_shard, chunk_size):
    chunks = [np.array(counts[i : i + chunk_size]) for i in range(0, len(counts), chunk_size)]
    numbers = [10 * number + 3 for number in range(len(chunks))]
    order = np.random.default_rng(0).permutation(len(chunks))
    plan = ShardPlan([numbers[i] for i in order], [chunks[i] for i in order], tokens_per_shard)
    shards = [plan.shards(n, len(chunk)) for n, chunk in zip(numbers, chunks, strict=True)]
    sizes = np.bincount(np.concatenate(shards), minlength=plan.num_shards + 1).tolist()
    assert sizes[-1] == plan.num_empty_at_end
    return sizes[: plan.num_shards], plan.num_empty_at_end


@pytest.mark.parametrize(
    "counts",
    [
        [3, 3, 3, 3],
        [10],
        [11, 11],  # each longer than a shard may be
        [0, 0, 11, 0, 0, 4],
        [4, 6, 0, 1],
        [11, 0, 0],
        [4, 0],
    ],
)
def test_by_hand(counts, tmp_path):
    assert planned(counts, 10, 2) == written(counts, 10, tmp_path)


def test_at_random(tmp_path):
    random = np.random.default_rng(0)
    for number in range(30):
        counts = (random.integers(0, 14, 40) * (random.random(40) < 0.7)).tolist()
        expected = written(counts, 10, tmp_path / str(number))
        assert planned(counts, 10, int(random.integers(1, 9))) == expected


def test_nothing_but_empty_documents():
    plan = ShardPlan([0], [np.array([0, 0])], 10)
    assert plan.num_shards == 0
    assert plan.num_empty_at_end == 2
    assert ShardPlan([], [], 10).num_shards == 0
