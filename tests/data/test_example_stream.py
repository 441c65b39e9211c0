from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from keras_bert_kit.data.example_stream import PLANS_KEPT, ExampleStream
from keras_bert_kit.data.full_sentences import FullSentences
from keras_bert_kit.data.sentence_pairs import SentencePairs


class Lengths:
    """Stands in for `Shards`: shards of documents of sentences of three tokens each."""

    def __init__(self, documents_per_shard, sentences_per_document=4):
        self.document_counts = np.array(documents_per_shard)
        self.num_documents = int(self.document_counts.sum())
        self.sentences_per_document = sentences_per_document

    def __len__(self):
        return len(self.document_counts)

    def shard(self, index):
        num_documents = int(self.document_counts[index])
        document_ends = self.sentences_per_document * np.arange(1, num_documents + 1)
        return SimpleNamespace(
            sentence_ends=3 * np.arange(1, document_ends[-1] + 1), document_ends=document_ends
        )


class Counting:
    """A planner that counts what it is asked for."""

    def __init__(self, planner):
        self.planner = planner
        self.cut_shards, self.planned = [], []
        self.check, self.num_examples = planner.check, planner.num_examples

    def cut(self, shard, rng):
        self.cut_shards.append(len(shard.document_ends))
        return self.planner.cut(shard, rng)

    def plan(self, shards, members, cuts, rng):
        self.planned.append(members)
        return self.planner.plan(shards, members, cuts, rng)


SHARDS = Lengths([5, 6, 7, 8, 9])  # 12 tokens a document


def stream(planner=None, seed=0, tokens_per_window=100):
    return ExampleStream(SHARDS, planner or SentencePairs(12), seed, tokens_per_window)


def as_lists(examples):
    return [column.tolist() for column in examples]


@pytest.mark.parametrize("planner", [SentencePairs(12), FullSentences(12)])
def test_an_example_is_the_same_however_it_is_reached(planner):
    end = sum(stream(planner).num_examples(epoch) for epoch in range(3))
    in_order = stream(planner)
    examples = [as_lists(in_order.take(n, n + 1)) for n in range(end)]
    assert as_lists(stream(planner).take(end - 1, end)) == examples[end - 1]
    backwards = stream(planner)
    for n in range(end - 1, -1, -7):
        assert as_lists(backwards.take(n, n + 1)) == examples[n]


def test_what_is_taken_at_once_is_what_is_taken_one_by_one():
    end = stream().num_examples(0) + 10  # over windows, and into the second epoch
    at_once, one_by_one = stream().take(0, end), stream()
    for n in range(end):
        assert as_lists(at_once.rows([n])) == as_lists(one_by_one.take(n, n + 1))


def test_an_epoch_goes_through_all_shards_in_a_new_order():
    examples = stream(FullSentences(12))
    orders, first = [], 0
    for epoch in range(4):
        taken = examples.take(first, first + examples.num_examples(epoch))
        first += examples.num_examples(epoch)
        used = Counter()
        for shard, start, stop in zip(taken.shard, taken.start, taken.stop, strict=True):
            used[int(shard)] += int(stop - start)
        assert used == {0: 60, 1: 72, 2: 84, 3: 96, 4: 108}
        orders.append(tuple(taken.shard.tolist()))
    assert len(set(orders)) == 4


def test_a_window_holds_no_more_shards_than_it_needs_to():
    counting = Counting(SentencePairs(12))
    examples = stream(counting, tokens_per_window=100)
    examples.take(0, examples.num_examples(0))
    sizes = [60, 72, 84, 96, 108]
    assert sorted(index for members in counting.planned for index in members) == [0, 1, 2, 3, 4]
    for members in counting.planned[:-1]:
        assert sum(sizes[index] for index in members) >= 100
        assert sum(sizes[index] for index in members[:-1]) < 100


def test_the_examples_of_a_window_are_shuffled():
    taken = stream(FullSentences(12), tokens_per_window=1000).take(0, 100)
    assert taken.start.tolist() != sorted(taken.start.tolist())
    assert len(set(taken.shard[:10].tolist())) > 2


def test_what_comes_before_is_counted_and_not_planned():
    counting = Counting(SentencePairs(12))
    examples = stream(counting)
    far = 5 * examples.num_examples(0)
    counting.cut_shards.clear()
    examples.take(far, far + 1)
    assert len(counting.planned) == 1
    num_cut = len(counting.cut_shards)
    assert num_cut < 6 * len(SHARDS)
    # The next one is there already.
    examples.take(far + 1, far + 2)
    assert len(counting.cut_shards) == num_cut


def test_the_last_plans_are_kept():
    counting = Counting(SentencePairs(12))
    examples = stream(counting)
    end = sum(examples.num_examples(epoch) for epoch in range(4))
    examples.take(0, end)
    num_windows = len(counting.planned)
    assert num_windows > 3 * PLANS_KEPT
    examples.take(end - 1, end)
    assert len(counting.planned) == num_windows
    examples.take(0, 1)
    assert len(counting.planned) == num_windows + 1


def test_the_number_of_examples_is_asked_no_further_than_needed():
    counting = Counting(SentencePairs(12))
    examples = stream(counting)
    assert examples.has(1)
    assert len(counting.cut_shards) < len(SHARDS)
    total = examples.num_examples(0)
    assert examples.has(total) and not examples.has(total + 1)


def test_the_seed_decides():
    assert as_lists(stream(seed=1).take(0, 20)) == as_lists(stream(seed=1).take(0, 20))
    assert as_lists(stream(seed=1).take(0, 20)) != as_lists(stream(seed=2).take(0, 20))


def test_shards_that_make_no_examples_are_refused():
    with pytest.raises(ValueError, match="needs at least 2 documents"):
        ExampleStream(Lengths([1]), SentencePairs(12))
