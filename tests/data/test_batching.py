"""Batches: which inputs, in which order, padded how far, with which targets."""

import numpy as np
import pytest

from keras_bert_kit.data.batching import Batches
from keras_bert_kit.data.features import Features

PAD = 99


def features_of(lengths):
    """Input number i has tokens 1000 i, 1000 i + 1, ...: what is seen says where it came from."""
    ids = [[1000 * i + j for j in range(n)] for i, n in enumerate(lengths)]
    return Features.of(ids, [[j % 2 for j in row] for row in ids], range(len(ids)), [0] * len(ids))


def random_lengths(count, seed=0):
    return np.random.default_rng(seed).integers(1, 40, count)


def taken(dataset, count):
    return [
        tuple({name: value.numpy() for name, value in part.items()} for part in batch)
        for batch in dataset.take(count)
    ]


def inputs_in(batches):
    return [(x["token_ids"][:, 0] // 1000).tolist() for x, _, _ in batches]


@pytest.mark.parametrize("bucketed", [True, False])
@pytest.mark.parametrize("count", [1, 8, 1003])
def test_every_input_is_in_each_epoch_once(bucketed, count):
    batches = Batches(
        features_of(random_lengths(count)), PAD, batch_size=8, bucketed=bucketed, pad_to=40
    )
    steps = batches.steps_per_epoch
    assert steps == -(-count // 8)
    seen = inputs_in(taken(batches.dataset(), 2 * steps))
    for epoch in (seen[:steps], seen[steps:]):
        assert sorted(i for batch in epoch for i in batch) == list(range(count))
        assert sorted(map(len, epoch))[1:] == [8] * (steps - 1)
    if count > 8:
        assert seen[:steps] != seen[steps:]


def test_batches_are_padded_to_their_longest_input():
    batches = Batches(features_of([3, 1]), PAD, batch_size=2, length_step=4)
    ((x, y, weight),) = taken(batches.one_pass(), 1)
    assert x["token_ids"].tolist() == [[0, 1, 2, PAD], [1000, PAD, PAD, PAD]]
    assert x["segment_ids"].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert x["padding_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert {value.dtype for value in x.values()} == {np.dtype(np.int32)}
    assert (y, weight) == ({}, {})


def test_no_batch_is_longer_than_the_model_has_positions():
    batches = Batches(features_of([9, 2]), PAD, batch_size=1, length_step=8, pad_to=10)
    assert [x["token_ids"].shape for x, _, _ in taken(batches.one_pass(), 2)] == [(1, 10), (1, 8)]
    assert batches.padding_share() == pytest.approx(1 - 11 / 18)


def test_without_buckets_all_batches_are_as_long():
    batches = Batches(features_of([3, 1, 7]), PAD, batch_size=2, bucketed=False, pad_to=9)
    assert {x["token_ids"].shape[1] for x, _, _ in taken(batches.dataset(), 4)} == {9}
    assert batches.padding_share() == pytest.approx(1 - 11 / 27)


@pytest.mark.parametrize("per_token", [True, False])
def test_without_buckets_tensorflow_knows_the_shapes(per_token):
    count, num_targets = 8, 8 * 3 if per_token else 8
    targets = {"label": np.zeros(num_targets)}
    weights = {"label": np.ones(num_targets, "float32")}
    arguments = {"per_token": per_token, "bucketed": False, "pad_to": 5}
    of_rows = (5,) if per_token else ()
    for batch_size, rows in ((4, 4), (3, None)):  # the last of three batches is a smaller one
        batches = Batches(
            features_of([3] * count), PAD, targets, weights, batch_size=batch_size, **arguments
        )
        for dataset in (batches.dataset(), batches.one_pass()):
            x, y, sample_weight = dataset.element_spec
            assert {tuple(spec.shape) for spec in x.values()} == {(rows, 5)}
            assert tuple(y["label"].shape) == (rows, *of_rows)
            assert tuple(sample_weight["label"].shape) == (rows, *of_rows)
            assert len(taken(dataset, 3)) == (2 if rows and dataset.cardinality() > 0 else 3)


def test_the_padding_share_of_buckets_by_hand():
    # Sorted 1 1 2 3 5 8 in twos: widths 4, 4, 8 of two inputs each are 32 positions for 20 tokens.
    batches = Batches(features_of([8, 1, 3, 1, 5, 2]), PAD, batch_size=2, length_step=4)
    assert batches.padding_share() == pytest.approx(1 - 20 / 32)
    assert batches.tokens_per_step() == pytest.approx(20 / 3)
    widths = [x["token_ids"].shape[1] for x, _, _ in taken(batches.dataset(), 3)]
    assert sorted(widths) == [4, 4, 8]
    assert batches.num_lengths() == 2


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_padding_share_is_what_batches_have(epoch):
    batches = Batches(features_of(random_lengths(500)), PAD, batch_size=16, seed=3)
    steps = batches.steps_per_epoch
    masks = [x["padding_mask"] for x, _, _ in taken(batches.dataset(epoch * steps), steps)]
    share = 1 - sum(m.sum() for m in masks) / sum(m.size for m in masks)
    assert batches.padding_share(epoch) == pytest.approx(share)


def test_buckets_have_less_padding():
    features = features_of(random_lengths(2000))
    bucketed = Batches(features, PAD, batch_size=16, length_step=1)
    plain = Batches(features, PAD, batch_size=16, bucketed=False, pad_to=40)
    assert bucketed.padding_share() < 0.02
    assert plain.padding_share() > 0.45


def test_batches_follow_from_the_seed():
    features = features_of(random_lengths(100))
    first, again, other = (
        inputs_in(taken(Batches(features, PAD, batch_size=8, seed=seed).dataset(), 30))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("start", [1, 12, 13, 20])
def test_a_run_that_goes_on_sees_the_batches_it_would_have_seen(start):
    batches = Batches(
        features_of(random_lengths(100)),
        PAD,
        {"label": np.arange(100)},
        batch_size=8,
    )
    whole, rest = taken(batches.dataset(), 30), taken(batches.dataset(start), 30 - start)
    assert inputs_in(whole[start:]) == inputs_in(rest)
    for (_, y, _), (_, same, _) in zip(whole[start:], rest, strict=True):
        assert y["label"].tolist() == same["label"].tolist()


def test_targets_and_weights_stay_with_their_inputs():
    count = 50
    batches = Batches(
        features_of(random_lengths(count)),
        PAD,
        {"label": np.arange(count), "other": np.eye(count, dtype=np.float32)},
        {"label": np.arange(count, dtype=np.float32) / 2},
        batch_size=8,
    )
    for x, y, weight in [*taken(batches.dataset(), 7), *taken(batches.one_pass(), 7)]:
        number = x["token_ids"][:, 0] // 1000
        assert y["label"].tolist() == number.tolist()
        assert y["other"].argmax(1).tolist() == number.tolist()
        assert weight["label"].tolist() == (number / 2).tolist()


@pytest.mark.parametrize("bucketed", [True, False])
def test_targets_and_weights_stay_with_their_tokens(bucketed):
    features = features_of(random_lengths(50))
    batches = Batches(
        features,
        PAD,
        {"tags": features.token_ids + 7},
        {"tags": features.token_ids.astype(np.float32) + 1},
        per_token=True,
        batch_size=8,
        bucketed=bucketed,
        pad_to=44,
    )
    for x, y, weight in [*taken(batches.dataset(), 7), *taken(batches.one_pass(), 7)]:
        ids, mask = x["token_ids"], x["padding_mask"]
        assert y["tags"].tolist() == np.where(mask, ids + 7, 0).tolist()
        assert weight["tags"].tolist() == np.where(mask, ids + 1.0, 0).tolist()
        assert (ids == PAD).tolist() == (mask == 0).tolist()


def test_one_pass_has_the_longest_first_and_each_once():
    lengths = random_lengths(101)
    batches = Batches(features_of(lengths), PAD, batch_size=8)
    dataset = batches.one_pass()
    assert dataset.cardinality() == 13
    passed = taken(dataset, 99)
    assert [i for batch in inputs_in(passed) for i in batch] == batches.order.tolist()
    assert sorted(batches.order) == list(range(101))
    assert lengths[batches.order].tolist() == sorted(lengths, reverse=True)


def test_sampling_says_how_often_an_input_comes():
    features = features_of([2] * 400)
    sampling = np.array([3.0] * 100 + [1.0] * 200 + [0.0] * 100)
    batches = Batches(features, PAD, batch_size=40, sampling=sampling)
    seen = inputs_in(taken(batches.dataset(), 10 * 50))
    counts = np.bincount([i for batch in seen for i in batch], minlength=400) / 50
    assert counts[:100].mean() == pytest.approx(400 * 3 / 500, rel=0.03)  # often: in an epoch
    assert counts[100:300].mean() == pytest.approx(400 / 500, rel=0.03)
    assert not counts[300:].any()


def test_what_cannot_be_is_refused():
    features = features_of([3, 5])
    for message, arguments in (
        ("`batch_size` must be positive; received 0", {"batch_size": 0}),
        ("Give `pad_to`, the length of all batches", {"bucketed": False}),
        ("`pad_to` is 4, but there is an input of 5 tokens", {"bucketed": False, "pad_to": 4}),
        ("weight of 'label' for each of 2 inputs; received 3", {"targets": {"label": np.zeros(3)}}),
        (
            "weight of 'tags' for each of 8 tokens; received 2",
            {"weights": {"tags": np.zeros(2)}, "per_token": True},
        ),
    ):
        with pytest.raises(ValueError, match=message):
            Batches(features, PAD, **arguments)
    with pytest.raises(ValueError, match="There are no inputs to make batches of"):
        Batches(features_of([]), PAD)
