import random
from typing import NamedTuple

import numpy as np
import pytest

from keras_bert_kit.data.sentence_pairs import SentencePairs


class Shard(NamedTuple):
    sentence_ends: np.ndarray
    document_ends: np.ndarray


class Lengths:
    """Stands in for `Shards`: all that a plan needs is how long sentences and documents are."""

    def __init__(self, shards: list[list[list[int]]]):
        self._shards = [
            Shard(
                np.cumsum([length for document in documents for length in document]),
                np.cumsum([len(document) for document in documents]),
            )
            for documents in shards
        ]
        self.document_counts = np.array([len(documents) for documents in shards])
        self.num_documents = int(self.document_counts.sum())
        self.shard = self._shards.__getitem__

    def document_of(self, shard: int, token: int) -> int:
        sentence = np.searchsorted(self.shard(shard).sentence_ends, token, "right")
        within = np.searchsorted(self.shard(shard).document_ends, sentence, "right")
        return int(self.document_counts[:shard].sum() + within)


class Pair(NamedTuple):
    a_shard: int
    a: tuple[int, int]
    b_shard: int
    b: tuple[int, int]
    is_random: bool


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def plan(planner: SentencePairs, shards: Lengths, seed=0, members=None) -> list[Pair]:
    rng = generator(seed)
    members = range(len(shards.document_counts)) if members is None else members
    cuts = [planner.cut(shards.shard(index), rng) for index in members]
    examples = planner.plan(shards, members, cuts, rng)
    assert examples.splits.tolist() == list(range(0, 2 * examples.num_examples + 1, 2))
    assert sum(map(planner.num_examples, cuts)) == examples.num_examples
    spans = list(zip(examples.start.tolist(), examples.stop.tolist(), strict=True))
    owners = examples.shard.tolist()
    return [
        Pair(*parts)
        for parts in zip(
            owners[::2],
            spans[::2],
            owners[1::2],
            spans[1::2],
            examples.is_random_next.tolist(),
            strict=True,
        )
    ]


def some_documents(num_shards=2, num_documents=100, seed=3, mean_tokens=12, mean_sentences=8):
    rng = generator(seed)
    return Lengths(
        [
            [
                rng.geometric(1 / mean_tokens, rng.geometric(1 / mean_sentences)).tolist()
                for _ in range(num_documents)
            ]
            for _ in range(num_shards)
        ]
    )


def chi_square(counts, expected) -> float:
    counts, expected = np.asarray(counts), np.asarray(expected)
    return float(((counts - expected) ** 2 / expected).sum())


def test_a_plan_of_two_small_documents():
    # Sentences at 0-4-7-9-14 of the first document, 14-17-23 of the second; room for 9 tokens.
    shards = Lengths([[[4, 3, 2, 5], [3, 6]]])
    assert plan(SentencePairs(12, short_rate=0), shards) == [
        # Two sentences, and three tokens for the two that are lacking: A loses one at its end.
        Pair(a_shard=0, a=(0, 6), b_shard=0, b=(14, 17), is_random=True),
        # The next sentence, and nine tokens for seven: B loses one at each end.
        Pair(a_shard=0, a=(7, 9), b_shard=0, b=(15, 22), is_random=True),
        # The last one alone, and six tokens for four: B loses one at each end.
        Pair(a_shard=0, a=(9, 14), b_shard=0, b=(18, 22), is_random=True),
        Pair(a_shard=0, a=(14, 17), b_shard=0, b=(17, 23), is_random=False),
    ]


def test_the_same_seed_plans_the_same_and_another_one_does_not():
    planner, shards = SentencePairs(40), some_documents()
    assert plan(planner, shards, seed=1) == plan(planner, shards, seed=1)
    assert plan(planner, shards, seed=1) != plan(planner, shards, seed=2)


def test_half_of_the_pairs_are_random():
    # Sentences of one token: no chunk has only one, but at the end of a document.
    shards = Lengths([[[1] * 30_000, [1] * 30_000]])
    pairs = plan(SentencePairs(8, short_rate=0), shards)
    assert len(pairs) > 10_000
    share = np.mean([pair.is_random for pair in pairs])
    assert abs(share - 0.5) < 4 * 0.5 / len(pairs) ** 0.5


def test_a_chunk_of_one_sentence_has_a_random_second_segment():
    shards = Lengths([[[20, 20, 20], [20, 20]]])
    assert all(pair.is_random for pair in plan(SentencePairs(16), shards))


def test_a_random_segment_never_comes_from_the_same_document():
    shards = Lengths([[[3, 4], [5, 2, 2]], [[6], [1, 1, 9, 2]], [[2, 2]]])
    num_random = 0
    for seed in range(100):
        for pair in plan(SentencePairs(16), shards, seed):
            same = shards.document_of(pair.a_shard, pair.a[0]) == shards.document_of(
                pair.b_shard, pair.b[0]
            )
            assert same == (not pair.is_random)
            num_random += pair.is_random
    assert num_random > 300


def test_a_random_segment_is_uniform_over_the_other_documents_and_their_sentences():
    # Pairs of the first shard's document of one sentence, which all are random; the second
    # document has two sentences and the third, in the next shard, three.
    shards = Lengths([[[4], [4, 4]], [[4, 4, 4]]])
    firsts = [pair for pair in plan(SentencePairs(11), shards, members=[0] * 2000) if pair.a[0] < 4]
    starts = {(0, 4): 0, (0, 8): 0, (1, 0): 0, (1, 4): 0, (1, 8): 0}
    for pair in firsts:
        starts[pair.b_shard, pair.b[0]] += 1
    expected = [2000 / 2 / 2] * 2 + [2000 / 2 / 3] * 3
    assert chi_square(list(starts.values()), expected) < 23.5  # 4 degrees of freedom: p = 1e-4


def test_one_example_in_ten_aims_at_a_uniform_shorter_length():
    shard = Lengths([[[1] * 100_000]]).shard(0)
    targets = SentencePairs(23).cut(shard, generator())[:, 3]
    assert targets.min() == 2 and targets.max() == 20
    short = targets[targets < 20]
    # A short target may be drawn as long as the usual one: 18 of 19 values tell.
    expected_share = 0.1 * 18 / 19
    share = len(short) / len(targets)
    assert abs(share - expected_share) < 4 * (expected_share / len(targets)) ** 0.5
    counts = np.bincount(short, minlength=20)[2:]
    assert chi_square(counts, len(short) / 18) < 46  # 17 degrees of freedom: p = 2e-4


def test_a_takes_any_number_of_the_sentences_but_all():
    shard = Lengths([[[1] * 100_000]]).shard(0)
    cuts = SentencePairs(8, short_rate=0).cut(shard, generator())
    cuts = cuts[cuts[:, 2] - cuts[:, 0] == 5]
    counts = np.bincount(cuts[:, 1] - cuts[:, 0])
    assert counts[0] == 0 and len(counts) == 5
    assert chi_square(counts[1:], len(cuts) / 4) < 21.1  # 3 degrees of freedom: p = 1e-4


def test_every_token_is_used_once_where_nothing_is_too_long():
    shards = some_documents(mean_tokens=2)
    used = [np.zeros(shards.shard(i).sentence_ends[-1], int) for i in range(2)]
    for pair in plan(SentencePairs(200, short_rate=0), shards):
        assert pair.a[1] - pair.a[0] + pair.b[1] - pair.b[0] < 197  # nothing was cut off
        used[pair.a_shard][slice(*pair.a)] += 1
        if not pair.is_random:
            assert pair.b[0] == pair.a[1]
            used[pair.b_shard][slice(*pair.b)] += 1
    assert all((counts == 1).all() for counts in used)


def test_segments_are_never_empty_and_fit():
    for sequence_length in (5, 6, 20, 64):
        for pair in plan(SentencePairs(sequence_length), some_documents()):
            a, b = pair.a[1] - pair.a[0], pair.b[1] - pair.b[0]
            assert a >= 1 and b >= 1 and a + b <= sequence_length - 3


def test_truncation_leaves_what_the_loop_of_the_original_leaves():
    # Documents of one sentence: A is one of them whole, and B another one.
    lengths = list(range(1, 25))
    shards = Lengths([[[length] for length in lengths]])
    ends = np.cumsum(lengths)
    seen = set()
    for max_tokens in (9, 10):
        for seed in range(60):
            for pair in plan(SentencePairs(max_tokens + 3, short_rate=0), shards, seed):
                a, b = (
                    lengths[np.searchsorted(ends, span[0], "right")] for span in (pair.a, pair.b)
                )
                seen.add((a, b))
                kept = pair.a[1] - pair.a[0], pair.b[1] - pair.b[0]
                while a + b > max_tokens:
                    a, b = (a - 1, b) if a > b else (a, b - 1)
                assert kept == (a, b)
    assert len(seen) > 500


def test_truncation_takes_tokens_off_both_ends_at_random():
    shards = Lengths([[[18]] * 20_000])  # 10 tokens are left, 5 for each: 13 are lost
    pairs = plan(SentencePairs(13, short_rate=0), shards)
    binomial = [1, 13, 78, 286, 715, 1287, 1716, 1716, 1287, 715, 286, 78, 13, 1]
    expected = np.array(binomial) / 2**13 * len(pairs)
    expected = [*expected[2:-2]]
    for spans in ([pair.a for pair in pairs], [pair.b for pair in pairs]):
        assert all(stop - start == 5 for start, stop in spans)
        lost_in_front = np.bincount([start % 18 for start, _ in spans], minlength=14)
        assert chi_square(lost_in_front[2:-2], expected) < 33.7  # 9 degrees: p = 1e-4


def test_long_documents_and_long_sentences_are_no_trouble():
    shards = Lengths([[[1_000_000], [1] * 50_000]])
    pairs = plan(SentencePairs(128), shards)
    assert pairs[0].a[1] - pairs[0].a[0] + pairs[0].b[1] - pairs[0].b[0] == 125


def test_the_statistics_are_those_of_the_original_algorithm():
    shards = some_documents(num_shards=1, num_documents=2000)
    ends = shards.shard(0).sentence_ends
    lengths = np.split(np.diff(ends, prepend=0), shards.shard(0).document_ends[:-1])
    rng = random.Random(5)
    theirs = [
        example
        for index in range(len(lengths))
        for example in original_instances(lengths, index, 61, 0.1, rng)
    ]
    ours = [
        (pair.a[1] - pair.a[0], pair.b[1] - pair.b[0], pair.is_random)
        for pair in plan(SentencePairs(64), shards)
    ]
    assert len(ours) == pytest.approx(len(theirs), rel=0.02)
    spread = np.std(theirs, axis=0) / len(theirs) ** 0.5
    difference = np.mean(ours, axis=0) - np.mean(theirs, axis=0)
    assert (abs(difference) < 4 * 2**0.5 * spread).all()
    assert np.std(ours, axis=0) == pytest.approx(np.std(theirs, axis=0), rel=0.04)


def original_instances(documents, document_index, max_tokens, short_rate, rng):
    """The loop of `create_pretraining_data.py`, on lengths, with a target for each example."""
    document = documents[document_index]
    chunk, i, target = [], 0, None
    while i < len(document):
        if target is None:
            target = rng.randint(2, max_tokens) if rng.random() < short_rate else max_tokens
        chunk.append(document[i])
        if i == len(document) - 1 or sum(chunk) >= target:
            a_end = rng.randint(1, len(chunk) - 1) if len(chunk) >= 2 else 1
            a, b = sum(chunk[:a_end]), 0
            is_random = len(chunk) == 1 or rng.random() < 0.5
            if is_random:
                other = document_index
                while other == document_index:
                    other = rng.randint(0, len(documents) - 1)
                for length in documents[other][rng.randint(0, len(documents[other]) - 1) :]:
                    b += length
                    if b >= target - a:
                        break
                i -= len(chunk) - a_end
            else:
                b = sum(chunk[a_end:])
            while a + b > max_tokens:
                a, b = (a - 1, b) if a > b else (a, b - 1)
            yield a, b, is_random
            chunk, target = [], None
        i += 1


def test_one_document_alone_is_refused():
    with pytest.raises(ValueError, match=r"needs at least 2 documents.*received 1\. Put a blank"):
        SentencePairs().check(Lengths([[[3, 4]]]))
    SentencePairs().check(Lengths([[[3, 4]], [[2]]]))


def test_a_sequence_too_short_for_two_segments_is_refused():
    with pytest.raises(ValueError, match=r"`sequence_length` must be at least 5.*received 4"):
        SentencePairs(4)
