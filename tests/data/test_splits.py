"""Splits have the sizes, the classes and the groups that were asked for."""

import json
import logging
import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.data.splits import split_rows

SHARED = Path(__file__).parents[3] / "shared" / "data"
THREE = {"train": 0.8, "dev": 0.1, "test": 0.1}


def check_partition(parts, total):
    """Every row is in one split, and rows keep their order."""
    assert sorted(i for indices in parts.values() for i in indices) == list(range(total))
    assert all(indices == sorted(indices) for indices in parts.values())


def test_rows_are_split_by_chance_and_keep_their_order():
    parts = split_rows(1000, THREE)
    check_partition(parts, 1000)
    assert {name: len(indices) for name, indices in parts.items()} == {
        "train": 800,
        "dev": 100,
        "test": 100,
    }
    assert abs(np.mean(parts["dev"]) - 499.5) < 4 * 1000 / np.sqrt(12 * 100)


def test_the_seed_decides():
    assert split_rows(100, THREE) == split_rows(range(100), THREE, seed=0)
    assert split_rows(100, THREE) != split_rows(100, THREE, seed=1)


@pytest.mark.parametrize(
    ("total", "expected"),
    [(10, [7, 2, 1]), (11, [8, 2, 1]), (12, [8, 3, 1]), (17, [12, 3, 2]), (3, [2, 1, 0])],
)
def test_sizes_are_rounded_by_largest_remainder(total, expected):
    # 11 x (0.7, 0.2, 0.1) = 7.7, 2.2, 1.1;  12: 8.4, 2.4, 1.2;  17: 11.9, 3.4, 1.7
    fractions = {"a": 0.7, "b": 0.2, "c": 0.1}
    if 0 in expected:
        with pytest.raises(ValueError, match="The split 'c' would be empty: 3 rows cannot give it"):
            split_rows(total, fractions)
        return
    parts = split_rows(total, fractions)
    assert sum(expected) == total
    if total == 12:  # 8.4 and 2.4 have the same remainder
        assert sorted(map(len, parts.values())) in ([1, 3, 8], [1, 2, 9])
    else:
        assert [len(indices) for indices in parts.values()] == expected


@pytest.mark.parametrize("seed", range(30))
def test_every_class_keeps_its_share_within_one_row(seed):
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet([3] * generator.integers(2, 5))
    fractions = {f"split {i}": share for i, share in enumerate(shares)}
    classes = generator.choice(12, size=600, p=generator.dirichlet([0.5] * 12)).tolist()
    parts = split_rows(600, fractions, stratify=classes, seed=seed)
    check_partition(parts, 600)
    sizes = Counter(classes)
    for name, indices in parts.items():
        counts = Counter(classes[i] for i in indices)
        for label, size in sizes.items():
            assert abs(counts[label] - size * fractions[name]) < 1 + 1e-6
        # Rounding one class up is made up for by rounding another down.
        assert abs(len(indices) - 600 * fractions[name]) <= 3


def test_many_small_classes_do_not_all_round_the_same_way():
    parts = split_rows(800, {"train": 0.9, "dev": 0.1}, stratify=list(range(200)) * 4)
    assert len(parts["dev"]) == 80


def test_a_class_of_one_row_is_trained_on_and_said(caplog):
    classes = ["a"] * 50 + ["b"] * 50 + ["alone"]
    with caplog.at_level(logging.WARNING):
        for seed in range(10):
            parts = split_rows(101, {"dev": 0.2, "train": 0.8}, stratify=classes, seed=seed)
            assert 100 in parts["train"]
    assert (
        "The split 'dev' has no row of 1 of 3 classes, which are too small: 'alone' (of 1 rows)."
        in caplog.text
    )


def test_classes_may_be_tuples():
    parts = split_rows(8, {"a": 0.5, "b": 0.5}, stratify=[("x",), ("x", "y"), (), ()] * 2)
    assert [len(indices) for indices in parts.values()] == [4, 4]


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_in_two_splits(seed):
    generator = np.random.default_rng(seed)
    groups = [f"film {i}" for i in generator.choice(150, 1000, p=generator.dirichlet([1] * 150))]
    parts = split_rows(1000, THREE, group=groups, seed=seed)
    check_partition(parts, 1000)
    found = [{groups[i] for i in indices} for indices in parts.values()]
    assert sum(map(len, found)) == len(set(groups))
    for name, indices in parts.items():
        # At most a small group too many, of 10 rows; then it is missing from another split.
        assert -20 <= len(indices) - 1000 * THREE[name] <= 10


@pytest.mark.parametrize("seed", range(20))
def test_groups_and_classes_together(seed):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 150, 1000)
    leaning = generator.random(150)  # some films please everybody
    classes = (generator.random(1000) < leaning[groups]).tolist()
    groups = groups.tolist()
    parts = split_rows(1000, THREE, stratify=classes, group=groups, seed=seed)
    check_partition(parts, 1000)
    assert sum(len({groups[i] for i in indices}) for indices in parts.values()) == len(set(groups))
    share = np.mean(classes)
    for name, indices in parts.items():
        assert abs(len(indices) - 1000 * THREE[name]) <= 20
        assert abs(np.mean([classes[i] for i in indices]) - share) < 0.06


def test_small_splits_do_not_get_the_small_groups_alone():
    groups = [f"{size} {i} " for size in range(1, 6) for i in range(60) for _ in range(size)]
    own_size = [int(group[0]) for group in groups]
    means = []
    for seed in range(20):
        parts = split_rows(900, {"train": 0.9, "dev": 0.1}, group=groups, seed=seed)
        means.append(np.mean([own_size[i] for i in parts["dev"]]))
    assert abs(np.mean(means) - np.mean(own_size)) < 0.15


def test_a_large_group_does_not_swamp_a_small_split():
    groups = ["large"] * 60 + list(range(40))
    for seed in range(10):
        parts = split_rows(100, THREE, group=groups, seed=seed)
        assert [len(indices) for indices in parts.values()] == [80, 10, 10]
        assert 0 in parts["train"]


def test_as_many_groups_as_splits():
    parts = split_rows(30, THREE, group=[0, 1, 2] * 10)
    assert [len(indices) for indices in parts.values()] == [10, 10, 10]
    with pytest.raises(
        ValueError,
        match=r"'test' would be empty: 20 rows in 2 groups cannot give it a share of 0\.1",
    ):
        split_rows(20, THREE, group=[0, 1] * 10)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"a": 0.8, "b": 0.1}, r"must add up to 1; received a 0\.8, b 0\.1, which is 0\.9"),
        ({"a": 80, "b": 20}, "must add up to 1; received a 80, b 20, which is 100"),
        ({"a": 1.0, "b": 0.0}, "must be positive; received a 1, b 0"),
        ({"a": 1.5, "b": -0.5}, r"must be positive; received a 1\.5, b -0\.5"),
        ({"a": float("nan")}, "must be positive; received a nan"),
        ({}, "must add up to 1"),
    ],
)
def test_fractions_that_do_not_add_up(fractions, message):
    with pytest.raises(ValueError, match=message):
        split_rows(100, fractions)


@pytest.mark.parametrize("option", ["stratify", "group"])
def test_every_row_needs_a_class_or_group(option):
    with pytest.raises(
        ValueError, match=f"`{option}` must have a value for each of 3 rows; rec.*2"
    ):
        split_rows(3, {"a": 1.0}, **{option: ["x", "y"]})
    with pytest.raises(ValueError, match=f"`{option}` is None for the row at index 1"):
        split_rows(3, {"a": 1.0}, **{option: ["x", None, "y"]})


@pytest.mark.parametrize("options", [{}, {"stratify": []}, {"group": []}])
def test_no_rows(options):
    with pytest.raises(ValueError, match="The split 'train' would be empty: 0 rows"):
        split_rows(0, THREE, **options)


@pytest.mark.corpora
def test_reviews_of_a_film_stay_together():
    path = SHARED / "imdb" / "train.jsonl.xz"
    if not path.exists():
        pytest.skip(f"there is no {path}")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    labels, films = ([record[name] for record in records] for name in ("label", "movie"))
    parts = split_rows(25_000, {"train": 0.9, "dev": 0.1}, stratify=labels, group=films)
    assert not {films[i] for i in parts["train"]} & {films[i] for i in parts["dev"]}
    assert abs(len(parts["dev"]) - 2_500) <= 30  # the most reviews that a film has
    assert abs(sum(labels[i] == "pos" for i in parts["dev"]) - 1_250) <= 30
    # Films of all sizes, not the rare ones alone
    sizes = Counter(films)
    mean = {name: np.mean([sizes[films[i]] for i in rows]) for name, rows in parts.items()}
    assert abs(mean["train"] - mean["dev"]) < 2
