import json

import numpy as np
import pytest
import sklearn.metrics as sk

from keras_bert_kit.evaluation.multilabel_metrics import multilabel_metrics

NAMES = ["joy", "fear", "anger"]


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    labels = (random.random((300, 3)) < [0.5, 0.2, 0.05]).astype(int)
    probabilities = np.clip(labels * 0.3 + random.random((300, 3)) * 0.7, 0, 1)
    return labels, probabilities


@pytest.mark.parametrize("threshold", [0.5, [0.3, 0.5, 0.6]])
def test_labels_are_scored_as_by_scikit_learn(rows, threshold):
    labels, probabilities = rows
    found = multilabel_metrics(labels, probabilities, NAMES, threshold)
    given = (probabilities >= threshold).astype(int)
    for average in ("macro", "micro", "weighted"):
        expected = sk.precision_recall_fscore_support(labels, given, average=average)[:3]
        names = [f"{name}_{average}" for name in ("precision", "recall", "f1")]
        assert [found[name] for name in names] == pytest.approx(expected)
        assert len(expected) == 3
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, given))
    assert found["hamming_accuracy"] == pytest.approx(1 - sk.hamming_loss(labels, given))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(labels, probabilities))
    assert found["pr_auc"] == pytest.approx(sk.average_precision_score(labels, probabilities))
    assert found["cross_entropy"] == pytest.approx(
        sk.log_loss(labels.ravel(), probabilities.ravel())
    )
    np.testing.assert_array_equal(
        [found["classes"][name]["confusion_matrix"] for name in NAMES],
        sk.multilabel_confusion_matrix(labels, given),
    )
    report = sk.classification_report(labels, given, target_names=NAMES, digits=4, zero_division=0)
    assert found["report"] == report
    json.dumps(found, allow_nan=False)


def test_calibration_is_that_of_each_yes_or_no():
    found = multilabel_metrics([[1, 0]], [[0.9, 0.2]], ["a", "b"], threshold=0.95)
    assert found["calibration_error"] == pytest.approx((0.1 + 0.2) / 2)
    assert found["hamming_accuracy"] == 0.5


def test_a_label_that_never_occurs_has_no_numbers(rows, caplog):
    labels, probabilities = rows
    labels, probabilities = np.c_[labels, labels[:, 0] * 0], np.c_[probabilities, labels[:, 0] * 0]
    found = multilabel_metrics(labels, probabilities, [*NAMES, "awe"])
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(labels[:, :3], probabilities[:, :3]))
    assert found["classes"]["awe"]["f1"] is None
    assert found["classes"]["awe"]["confusion_matrix"] == [[300, 0], [0, 0]]
    assert len(caplog.records) == 1
    assert "not in the data: awe; never predicted: awe" in caplog.text


def test_no_label_at_all(caplog):
    found = multilabel_metrics([[0, 0]], [[0.1, 0.2]], ["a", "b"])
    assert (found["f1_micro"], found["f1_macro"], found["roc_auc"]) == (None, None, None)
    assert found["accuracy"] == 1.0
    assert found["report"] == "No label occurs, in the data or in the predictions."
    assert "not in the data: a, b" in caplog.text


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([1, 0], [[0.5], [0.5]], r"for each row and label, \(R, C\), received \(2,\)\."),
        ([[1, 2]], [[0.5, 0.5]], r"received \(1, 2\) with other values"),
        ([[1, 0]], [[0.5]], r"`labels` are \(1, 2\), `probabilities` \(1, 1\): expected one"),
        ([[1, 0]], [[0.5, -4.0]], "received -4 in row 1. .* sigmoid for several labels"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        multilabel_metrics(labels, probabilities, ["a", "b"])
