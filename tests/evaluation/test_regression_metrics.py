import math

import numpy as np
import pytest
from scipy import stats

from keras_bert_kit.evaluation.regression_metrics import regression_metrics


def test_by_hand():
    found = regression_metrics([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 6.0])
    assert found["mean_squared_error"] == (0 + 1 + 1 + 4) / 4
    assert found["mean_absolute_error"] == (0 + 1 + 1 + 2) / 4
    # Deviations -1.5 -0.5 0.5 1.5 and -2 0 -1 3: 7 / sqrt(5 * 14).
    assert found["pearson"] == pytest.approx(7 / math.sqrt(70))
    # Ranks 1 2 3 4 and 1 3 2 4: 1 - 6 * 2 / (4 * 15).
    assert found["spearman"] == pytest.approx(0.8)
    assert found["rows"] == 4


def test_correlations_are_those_of_scipy_with_equal_values():
    random = np.random.default_rng(0)
    values = random.integers(6, size=400).astype(float)
    predicted = np.round(values + random.normal(size=400) * 3)
    found = regression_metrics(values, predicted)
    assert found["pearson"] == pytest.approx(stats.pearsonr(values, predicted)[0], rel=1e-12)
    assert found["spearman"] == pytest.approx(stats.spearmanr(values, predicted)[0], rel=1e-12)


def test_a_perfect_correlation_is_not_above_one():
    random = np.random.default_rng(0)
    for _ in range(100):
        values = random.normal(size=7)
        found = regression_metrics(values, values * 3)["pearson"]
        assert found == pytest.approx(1.0, abs=1e-12)
        assert found <= 1.0


@pytest.mark.parametrize(
    ("values", "predicted", "said"),
    [
        ([2.0, 2.0], [1.0, 3.0], "all values are the same in 2 rows"),
        ([1.0, 3.0], [2.0, 2.0], "all predictions are the same in 2 rows"),
        ([1.0], [2.0], "all values are the same in 1 rows"),
    ],
)
def test_without_spread_there_is_no_correlation(values, predicted, said, caplog):
    found = regression_metrics(values, predicted)
    assert found["pearson"] is None
    assert found["spearman"] is None
    assert found["mean_squared_error"] == 1.0
    assert len(caplog.records) == 1
    assert said in caplog.text


@pytest.mark.parametrize(
    ("values", "predicted", "message"),
    [
        ([], [], r"`values` is empty \(0,\): a metric needs at least one row"),
        ([1.0, 2.0], [1.0], "`values` has 2 rows, `predicted` 1: expected as many"),
        ([1.0, 2.0], [[1.0], [2.0]], r"`predicted` must have one number a row, \(R,\), received"),
        (
            [1.0, math.nan],
            [1.0, 2.0],
            "`values` must be finite, received nan in row 2. Labels: corr",
        ),
        ([1.0], [math.inf], "`predicted` must be finite, received inf in row 1.*lower learning"),
    ],
)
def test_what_cannot_be_scored_is_refused(values, predicted, message):
    with pytest.raises(ValueError, match=message):
        regression_metrics(values, predicted)
