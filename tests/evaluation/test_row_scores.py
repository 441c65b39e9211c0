import time

import numpy as np
import pytest

from keras_bert_kit.evaluation.bootstrap import bootstrap_intervals
from keras_bert_kit.evaluation.classification_metrics import classification_metrics
from keras_bert_kit.evaluation.multilabel_metrics import multilabel_metrics
from keras_bert_kit.evaluation.regression_metrics import regression_metrics
from keras_bert_kit.evaluation.row_scores import (
    classification_score,
    mean_score,
    multilabel_score,
    regression_score,
    tagging_score,
)

ROWS = np.random.default_rng(9).integers(80, size=80)


@pytest.mark.parametrize("classes", [2, 5])
def test_a_resample_of_classes_has_the_metrics_of_its_rows(classes):
    random = np.random.default_rng(0)
    labels = random.integers(classes, size=80)
    probabilities = random.dirichlet(np.ones(classes), 80)
    found = classification_score(labels, probabilities)(ROWS)
    names = [str(i) for i in range(classes)]
    expected = classification_metrics(labels[ROWS], probabilities[ROWS], names)
    assert found == pytest.approx({name: expected[name] for name in found})
    assert {"accuracy", "f1_macro", "matthews"} <= set(found)
    assert ("f1" in found) == (classes == 2)


@pytest.mark.parametrize("threshold", [0.5, [0.2, 0.5, 0.7]])
def test_a_resample_of_labels_has_the_metrics_of_its_rows(threshold):
    random = np.random.default_rng(0)
    labels, probabilities = random.integers(2, size=(80, 3)), random.random((80, 3))
    found = multilabel_score(labels, probabilities, threshold)(ROWS)
    expected = multilabel_metrics(labels[ROWS], probabilities[ROWS], "abc", threshold)
    assert found == pytest.approx({name: expected[name] for name in found})
    assert {"accuracy", "hamming_accuracy", "f1_micro", "f1_macro"} <= set(found)


def test_a_resample_of_values_has_the_metrics_of_its_rows():
    random = np.random.default_rng(0)
    values = random.integers(5, size=80)
    predicted = values + random.normal(size=80)
    found = regression_score(values, predicted)(ROWS)
    expected = regression_metrics(values[ROWS], predicted[ROWS])
    assert found == pytest.approx({name: expected[name] for name in found})
    assert set(found) == {"mean_squared_error", "mean_absolute_error", "pearson", "spearman"}


def test_means_leave_out_rows_that_do_not_count():
    nan = np.nan
    score = mean_score({"f1": [1.0, 0.5, 0.0], "no_answer": [nan, nan, 1.0]})
    assert score([0, 1, 1, 2]) == {"f1": 0.5, "no_answer": 1.0}
    assert score([0, 1]) == {"f1": 0.75, "no_answer": None}


def test_large_counts_are_added_exactly():
    counts = np.array([[[1, 2**24, 1]], [[0, 1, 0]]])  # 2^24 + 1 is no float32
    score = tagging_score(counts, [1, 1], [1, 1])
    assert score(np.array([0, 1]))["precision"] == 1 / (2**24 + 1)


def test_rows_of_one_class_in_a_resample_are_no_error():
    score = classification_score([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    assert score(np.array([0, 0]))["matthews"] is None
    low, high = bootstrap_intervals(score, 2, resamples=50)["accuracy"]
    assert (low, high) == pytest.approx((2 / (2 + 1.959964**2), 1.0))  # Wilson (1927)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda: classification_score([0, 3], [[0.5, 0.5]] * 2), "0 to 1, received 3 in row 2"),
        (lambda: classification_score([0], [[0.5, 0.5]] * 2), r"received \(2, 2\)"),
        (lambda: regression_score([1.0, 2.0], [1.0]), "`values` has 2 rows, `predicted` 1"),
        (lambda: multilabel_score([[1, 0]], [[0.5]]), r"`labels` are \(1, 2\), `proba"),
    ],
)
def test_what_cannot_be_scored_is_refused(score, message):
    with pytest.raises(ValueError, match=message):
        score()


def test_resamples_of_25_000_rows_are_fast():
    # scikit-learn's report alone would take 200 times 50 ms.
    random = np.random.default_rng(0)
    score = classification_score(random.integers(2, size=25_000), np.full((25_000, 2), 0.5))
    started = time.process_time()
    low, high = bootstrap_intervals(score, 25_000, resamples=200)["accuracy"]
    assert time.process_time() - started < 5
    assert 0.48 < low < high < 0.52
