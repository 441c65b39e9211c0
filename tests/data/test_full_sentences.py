from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from keras_bert_kit.data.full_sentences import FullSentences


def shard_of(documents: list[list[int]]):
    """Stands in for a `Shard`, given the lengths of the sentences of each document."""
    return SimpleNamespace(
        sentence_ends=np.cumsum([length for document in documents for length in document]),
        document_ends=np.cumsum([len(document) for document in documents]),
    )


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def random_documents(num_documents=200):
    rng = generator(7)
    return [rng.geometric(1 / 15, rng.geometric(1 / 5)).tolist() for _ in range(num_documents)]


def rows_of(cut: np.ndarray) -> list[list[tuple[int, int]]]:
    rows = [[] for _ in range(FullSentences().num_examples(cut))]
    for row, start, stop in cut.tolist():
        rows[row].append((start, stop))
    return rows


def test_rows_of_two_documents():
    # Sentences at 0-4-7-9-14 and at 14-17-23; rows of 12 have 10 places beside [CLS] and [SEP].
    shard = shard_of([[4, 3, 2, 5], [3, 6]])
    by_order = {
        # The first document first: its last sentence and the next document's first, with a [SEP]
        # between them, take nine places, and six more tokens have none.
        0: [[(0, 9)], [(9, 14), (14, 17)], [(17, 23)]],
        14: [[(14, 23)], [(0, 9)], [(9, 14)]],
    }
    seen = set()
    for seed in range(10):
        rows = rows_of(FullSentences(12).cut(shard, generator(seed)))
        assert rows == by_order[rows[0][0][0]]
        seen.add(rows[0][0][0])
    assert seen == {0, 14}


def test_every_token_is_used_exactly_once():
    for short_rate in (0, 0.5):
        shard = shard_of(random_documents())
        cut = FullSentences(20, short_rate).cut(shard, generator())
        used = np.zeros(shard.sentence_ends[-1], int)
        for _, start, stop in cut.tolist():
            used[start:stop] += 1
        assert (used == 1).all()


def test_rows_fit_and_the_next_sentence_would_not():
    shard = shard_of(random_documents())
    sequence_length = 64
    rows = rows_of(FullSentences(sequence_length).cut(shard, generator()))
    starts = np.concatenate([[0], shard.sentence_ends[:-1]])
    document_starts = {0, *shard.sentence_ends[shard.document_ends - 1].tolist()}
    for row, following in pairwise(rows):
        length = 1 + sum(stop - start + 1 for start, stop in row)
        assert length <= sequence_length
        sentence = np.searchsorted(starts, following[0][0])
        coming = int(shard.sentence_ends[sentence]) - following[0][0]
        assert length + coming + (following[0][0] in document_starts) > sequence_length


def test_a_segment_stays_in_its_document():
    shard = shard_of(random_documents())
    document_ends = shard.sentence_ends[shard.document_ends - 1]
    cut = FullSentences(64).cut(shard, generator())
    first = np.searchsorted(document_ends, cut[:, 1], "right")
    last = np.searchsorted(document_ends, cut[:, 2] - 1, "right")
    assert (first == last).all()
    assert np.bincount(cut[:, 0]).max() > 1  # and a row may hold several of them


def test_a_sentence_longer_than_a_row_is_cut_into_rows():
    cut = FullSentences(8).cut(shard_of([[2, 14, 3]]), generator())
    assert cut.tolist() == [[0, 0, 2], [1, 2, 8], [2, 8, 14], [3, 14, 19]]


def test_the_documents_come_in_a_new_order_each_time():
    shard = shard_of([[5]] * 50)
    orders = {tuple(FullSentences(7).cut(shard, generator(seed))[:, 1]) for seed in range(5)}
    assert len(orders) == 5


def test_short_rows_are_had_on_request():
    shard = shard_of([[1] * 20_000])
    cut = FullSentences(22, short_rate=0.1).cut(shard, generator())
    lengths = (cut[:, 2] - cut[:, 1])[:-1]
    assert lengths.min() == 2 and lengths.max() == 20
    assert abs(np.mean(lengths < 20) - 0.1 * 18 / 19) < 4 * (0.1 / len(lengths)) ** 0.5


def test_a_plan_joins_the_shards():
    planner = FullSentences(12)
    shards = [shard_of([[4, 3, 2, 5]]), shard_of([[3, 6]])]
    cuts = [planner.cut(shard, generator()) for shard in shards]
    plan = planner.plan(None, [3, 1], cuts, generator())
    assert [column.tolist() for column in plan] == [
        [3, 3, 1],
        [0, 9, 0],
        [9, 14, 9],
        [0, 1, 2, 3],
        [False] * 3,
    ]


def test_no_text_is_refused():
    with pytest.raises(ValueError, match="The shards hold no documents: add text"):
        FullSentences().check(SimpleNamespace(num_documents=0))
    FullSentences().check(SimpleNamespace(num_documents=1))


def test_a_sequence_too_short_is_refused():
    with pytest.raises(ValueError, match=r"`sequence_length` must be at least 4.*received 3"):
        FullSentences(3)
