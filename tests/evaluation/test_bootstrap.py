import numpy as np
import pytest

from keras_bert_kit.evaluation.bootstrap import bootstrap_intervals, paired_bootstrap


def mean_of(values):
    values = np.asarray(values, float)
    return lambda rows: {"accuracy": values[rows].mean()}


def test_the_interval_is_that_of_the_known_spread():
    # The mean of n draws has the deviation s / sqrt(n).
    values = np.random.default_rng(0).normal(size=2000)
    low, high = bootstrap_intervals(mean_of(values), 2000, resamples=4000)["accuracy"]
    margin = 1.959964 * values.std() / np.sqrt(2000)
    assert low == pytest.approx(values.mean() - margin, abs=0.1 * margin)
    assert high == pytest.approx(values.mean() + margin, abs=0.1 * margin)


def test_more_confidence_is_a_wider_interval():
    score = mean_of(np.arange(50) % 2)
    wide = bootstrap_intervals(score, 50, confidence=0.99)["accuracy"]
    narrow = bootstrap_intervals(score, 50, confidence=0.5)["accuracy"]
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(0)
    held = 0
    for seed in range(150):
        low, high = bootstrap_intervals(
            mean_of(random.random(100) < 0.3), 100, resamples=100, confidence=0.9, seed=seed
        )["accuracy"]
        held += low <= 0.3 <= high
    assert 0.85 < held / 150 < 0.95


def test_the_seed_decides():
    score = mean_of(np.random.default_rng(0).random(100))
    first = bootstrap_intervals(score, 100, seed=1)
    assert bootstrap_intervals(score, 100, seed=1) == first
    assert bootstrap_intervals(score, 100, seed=2) != first


def test_resamples_are_rows_drawn_with_replacement():
    drawn = []
    bootstrap_intervals(lambda rows: drawn.append(rows) or {"x": 0.0}, 7, resamples=50)
    drawn = np.array(drawn)
    assert drawn.shape == (50, 7)
    assert set(drawn.ravel()) == set(range(7))
    assert any(len(set(rows)) < 7 for rows in drawn.tolist())
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / 50, 1.0, atol=0.6)


def test_undefined_resamples_are_left_out_and_counted(caplog):
    def score(rows):
        return {"rare": None if 0 not in rows else 1.0, "never": None, "always": 0.5}

    found = bootstrap_intervals(score, 10, resamples=200)
    assert found == {"rare": None, "never": None, "always": None}
    assert len(caplog.records) == 1
    missing = int(caplog.text.split("rare ")[1].split(",")[0])
    # The chance that a row is not drawn is 0.9^10 = 0.35.
    assert 45 < missing < 95
    assert "never 200" in caplog.text
    assert "always" not in caplog.text


def test_a_metric_that_no_resample_moves_has_the_interval_of_a_share_or_none():
    def score(rows):
        return {"accuracy": 1.0, "exact_match": 0.0, "f1": 1.0, "pearson": 1.0}

    found = bootstrap_intervals(score, 30)
    # Wilson (1927) at n of n right is n / (n + z^2) to 1.
    assert found["accuracy"] == pytest.approx((30 / (30 + 1.959964**2), 1.0))
    assert found["exact_match"] == pytest.approx((0.0, 1 - 30 / (30 + 1.959964**2)))
    assert found["f1"] is found["pearson"] is None


def test_intervals_of_few_rows_hold_the_truth_about_as_often_as_they_say():
    # Of eight rows plain percentiles of 95 % hold it in 87 % of samples.
    random = np.random.default_rng(0)
    held = [
        low <= 0 <= high
        for seed in range(400)
        for low, high in [
            bootstrap_intervals(mean_of(random.normal(size=8)), 8, resamples=400, seed=seed)[
                "accuracy"
            ]
        ]
    ]
    assert 0.925 < np.mean(held) < 0.975


def test_systems_are_compared_on_the_same_rows():
    # B is A with three rows of 1,000 worse: intervals overlap wholly, the difference is clear.
    random = np.random.default_rng(0)
    a = random.random(1000) < 0.8
    b = a.copy()
    b[np.flatnonzero(a)[:12]] = False
    found = paired_bootstrap(mean_of(a), mean_of(b), 1000)["accuracy"]
    assert found["difference"] == pytest.approx(0.012)
    assert 0 < found["low"] < 0.012 < found["high"] < 0.025
    assert found["share_higher"] > 0.99
    alone = [bootstrap_intervals(mean_of(x), 1000)["accuracy"] for x in (a, b)]
    assert alone[1][1] > alone[0][0]


def test_equal_systems_have_no_difference():
    score = mean_of([0, 1, 1])
    assert paired_bootstrap(score, score, 3)["accuracy"] == {
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "share_higher": 0.0,
    }


def test_a_difference_that_is_luck_holds_zero():
    random = np.random.default_rng(0)
    a, b = random.random(200) < 0.7, random.random(200) < 0.7
    found = paired_bootstrap(mean_of(a), mean_of(b), 200)["accuracy"]
    assert found["low"] < 0 < found["high"]
    turned = paired_bootstrap(mean_of(b), mean_of(a), 200)["accuracy"]
    assert turned["low"] == pytest.approx(-found["high"])


def test_a_metric_without_a_value_has_no_difference(caplog):
    def with_none(rows):
        return {"accuracy": 0.5, "roc_auc": None, "other": 1.0}

    found = paired_bootstrap(with_none, lambda rows: {"accuracy": 0.25, "roc_auc": 0.5}, 4)
    assert found["roc_auc"] is None
    assert found["accuracy"]["difference"] == 0.25
    assert "roc_auc 1000" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_rows": 0}, "`num_rows` must be positive, received 0: nothing to draw from"),
        ({"resamples": 0}, "`resamples` must be positive, received 0"),
        ({"confidence": 95}, "`confidence` must be between 0 and 1, received 95"),
    ],
)
def test_impossible_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_intervals(mean_of([1, 0]), **({"num_rows": 2} | arguments))
    with pytest.raises(ValueError, match=message):
        paired_bootstrap(mean_of([1, 0]), mean_of([1, 0]), **({"num_rows": 2} | arguments))


def test_systems_without_a_common_metric_are_refused():
    with pytest.raises(ValueError, match="have no metric in common"):
        paired_bootstrap(lambda rows: {"a": 1.0}, lambda rows: {"b": 1.0}, 2)
