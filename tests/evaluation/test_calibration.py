import math

import numpy as np
import pytest

from keras_bert_kit.evaluation.baselines import wilson_interval
from keras_bert_kit.evaluation.calibration import (
    expected_calibration_error,
    reliability,
)


def test_the_error_by_hand():
    # Bins of 0.2: 0.3 and 0.35 are together, with half of them right; 0.9 is alone and right.
    error = expected_calibration_error([1, 0, 1], [0.3, 0.35, 0.9], bins=5)
    assert error == pytest.approx(2 / 3 * abs(0.5 - 0.325) + 1 / 3 * 0.1)


def test_the_error_is_that_of_the_definition():
    random = np.random.default_rng(0)
    confidence = random.random(2000)
    correct = random.random(2000) < confidence**2
    error = 0.0
    for m in range(15):
        inside = [i for i, c in enumerate(confidence) if m / 15 < c <= (m + 1) / 15]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            mean = sum(confidence[i] for i in inside) / len(inside)
            error += len(inside) / 2000 * abs(accuracy - mean)
    assert expected_calibration_error(correct, confidence) == pytest.approx(error, rel=1e-12)


def test_the_upper_end_belongs_to_a_bin_and_zero_to_the_first():
    rows = [row["rows"] for row in reliability([0, 0, 0, 0], [0.0, 0.5, 0.5000001, 1.0], bins=2)]
    assert rows == [2, 2]


def test_a_model_as_good_as_it_says_has_no_error():
    assert expected_calibration_error([1, 1, 1, 0], [0.75] * 4) == pytest.approx(0.0)
    assert expected_calibration_error([1, 1], [1.0, 1.0]) == 0.0


def test_rows_of_the_diagram():
    table = reliability([1, 0, 1], [0.9, 0.8, 0.7], bins=4)
    assert [row["rows"] for row in table] == [0, 0, 1, 2]
    assert table[0] == {
        "low": 0.0,
        "high": 0.25,
        "rows": 0,
        "accuracy": None,
        "confidence": None,
        "interval": None,
    }
    assert (table[3]["low"], table[3]["high"]) == (0.75, 1.0)
    assert table[3]["accuracy"] == 0.5
    assert table[3]["confidence"] == pytest.approx(0.85)
    assert table[3]["interval"] == wilson_interval(1, 2)


def test_the_diagram_and_the_error_say_the_same():
    random = np.random.default_rng(1)
    confidence = random.random(500)
    correct = random.random(500) < 0.6
    gaps = [
        row["rows"] / 500 * abs(row["accuracy"] - row["confidence"])
        for row in reliability(correct, confidence)
        if row["rows"]
    ]
    assert sum(gaps) == pytest.approx(expected_calibration_error(correct, confidence))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "`correct` is empty"),
        (([1], [0.5, 0.5]), "`correct` has 1 rows, `confidence` 2: expected as many"),
        (([0.5], [0.5]), "`correct` must be 0 or 1 in each row"),
        (([1, 0], [0.5, 1.5]), "`confidence` must be between 0 and 1, received 0.5 to 1.5"),
        (([1], [0.5], 0), "`bins` must be at least 1, received 0"),
        (([1], [math.nan]), "`confidence` must be finite, received nan in row 1"),
    ],
)
def test_what_cannot_be_binned_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(*arguments)
