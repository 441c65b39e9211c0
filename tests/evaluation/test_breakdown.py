import numpy as np
import pytest

from keras_bert_kit.evaluation.baselines import wilson_interval
from keras_bert_kit.evaluation.breakdown import by_class, by_length


def test_bins_have_about_as_many_rows():
    lengths = np.random.default_rng(0).permutation(100) + 1
    table = by_length(lengths > 60, lengths)
    assert [(row["low"], row["high"], row["rows"]) for row in table] == [
        (1, 20, 20),
        (21, 40, 20),
        (41, 60, 20),
        (61, 80, 20),
        (81, 100, 20),
    ]
    assert [row["mean"] for row in table] == [0, 0, 0, 1, 1]
    assert table[0]["interval"] == wilson_interval(0, 20)


def test_rows_of_the_same_length_are_together():
    table = by_length([1, 0, 1, 0, 1, 1], [7, 7, 7, 7, 7, 9], bins=3)
    assert [(row["low"], row["high"], row["rows"]) for row in table] == [(7, 7, 5), (9, 9, 1)]
    assert table[0]["mean"] == 0.6


def test_no_row_is_lost():
    random = np.random.default_rng(0)
    for _ in range(50):
        lengths = random.integers(1, 30, size=random.integers(1, 60))
        table = by_length(np.ones(len(lengths)), lengths, bins=int(random.integers(1, 9)))
        assert sum(row["rows"] for row in table) == len(lengths)
        assert all(row["rows"] > 0 for row in table)
        ends = [end for row in table for end in (row["low"], row["high"])]
        assert ends == sorted(ends)


def test_fractions_have_the_interval_of_a_mean():
    (row,) = by_length([0.0, 0.5, 1.0], [1, 2, 3], bins=1)
    # The deviation is 0.5, that of the mean 0.5 / sqrt(3).
    assert row["interval"] == pytest.approx(
        (0.5 - 1.959964 * 0.5 / np.sqrt(3), 0.5 + 1.959964 * 0.5 / np.sqrt(3))
    )
    (alone,) = by_length([0.5], [1])
    assert alone["interval"] is None


def test_classes():
    table = by_class([1, 0, 1, 1], [0, 0, 2, 2], ["bad", "fair", "good"])
    assert table[1] == {"name": "fair", "rows": 0, "mean": None, "interval": None}
    assert [(row["name"], row["mean"]) for row in table] == [
        ("bad", 0.5),
        ("fair", None),
        ("good", 1.0),
    ]
    assert table[2]["interval"] == wilson_interval(2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "`scores` is empty"),
        (([1, 0], [3]), r"`scores` has 2 rows, `lengths` has the shape \(1,\)"),
        (([1], [3], 0), "`bins` must be at least 1, received 0"),
        (([1], [np.nan]), "`lengths` must be finite, received nan in row 1"),
    ],
)
def test_what_cannot_be_broken_down_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        by_length(*arguments)


def test_labels_for_other_rows_are_refused():
    with pytest.raises(ValueError, match=r"`labels` has the shape \(1,\): expected one for each"):
        by_class([1, 0], [0], ["a"])
    with pytest.raises(ValueError, match="`labels` must be classes from 0 to 0, received 1 in row"):
        by_class([1, 0], [0, 1], ["a"])
