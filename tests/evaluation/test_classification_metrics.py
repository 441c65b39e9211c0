import json
import logging
import math

import numpy as np
import pytest
import sklearn.metrics as sk

from keras_bert_kit.evaluation.classification_metrics import classification_metrics

NAMES = ["bad", "fair", "good"]


@pytest.fixture
def several():
    """500 rows of three uneven classes and probabilities that know something, with ties."""
    random = np.random.default_rng(0)
    labels = random.choice(3, size=500, p=[0.1, 0.3, 0.6])
    probabilities = random.dirichlet(np.ones(3), 500) + np.eye(3)[labels] * 0.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities[:20] = [0.2, 0.4, 0.4]
    return labels, probabilities


def test_three_classes_are_scored_as_by_scikit_learn(several):
    labels, probabilities = several
    found = classification_metrics(labels, probabilities, NAMES)
    answers = probabilities.argmax(axis=1)
    for average in ("macro", "micro", "weighted"):
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            labels, answers, average=average
        )
        assert found[f"precision_{average}"] == pytest.approx(precision)
        assert found[f"recall_{average}"] == pytest.approx(recall)
        assert found[f"f1_{average}"] == pytest.approx(f1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, answers))
    assert found["matthews"] == pytest.approx(sk.matthews_corrcoef(labels, answers))
    assert found["cross_entropy"] == pytest.approx(sk.log_loss(labels, probabilities))
    assert found["roc_auc"] == pytest.approx(
        sk.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    )
    assert found["pr_auc"] == pytest.approx(
        sk.average_precision_score(np.eye(3)[labels], probabilities, average="macro")
    )
    np.testing.assert_array_equal(found["confusion_matrix"], sk.confusion_matrix(labels, answers))
    by_class = np.array([list(found["classes"][name].values()) for name in NAMES]).T
    np.testing.assert_allclose(by_class, sk.precision_recall_fscore_support(labels, answers))
    assert found["rows"] == 500
    assert found["report"] == sk.classification_report(
        labels, answers, target_names=NAMES, digits=4
    )
    assert "f1" not in found


def test_two_classes_have_the_scores_of_the_second(several):
    labels, probabilities = several
    labels = (labels == 2).astype(int)
    second = probabilities[:, 2]
    found = classification_metrics(labels, np.column_stack([1 - second, second]), ["no", "yes"])
    answers = second > 0.5
    assert found["f1"] == pytest.approx(sk.f1_score(labels, answers))
    assert found["precision"] == pytest.approx(sk.precision_score(labels, answers))
    assert found["recall"] == pytest.approx(sk.recall_score(labels, answers))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(labels, second))
    assert found["pr_auc"] == pytest.approx(sk.average_precision_score(labels, second))


def test_by_hand():
    probabilities = [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]]
    found = classification_metrics([0, 0, 1, 1], probabilities, ["a", "b"])
    assert found["confusion_matrix"] == [[1, 1], [0, 2]]
    assert found["accuracy"] == 0.75
    assert (found["precision"], found["recall"]) == (pytest.approx(2 / 3), 1.0)
    assert found["f1"] == pytest.approx(0.8)
    assert found["f1_macro"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert found["matthews"] == pytest.approx((1 * 2 - 1 * 0) / math.sqrt(3 * 2 * 2 * 1))
    assert found["roc_auc"] == 1.0
    assert found["cross_entropy"] == pytest.approx(-math.log(0.9 * 0.4 * 0.8 * 0.7) / 4)
    # Each confidence is in a bin of its own: |1 - 0.9|, |0 - 0.6|, |1 - 0.8|, |1 - 0.7|.
    assert found["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.2 + 0.3) / 4)


def test_all_is_json(several):
    found = classification_metrics(*several, NAMES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_rows_of_one_class_have_no_ranking(caplog):
    found = classification_metrics([1, 1], [[0.8, 0.2], [0.3, 0.7]], ["a", "b"])
    assert [found[name] for name in ("roc_auc", "pr_auc", "matthews")] == [None] * 3
    assert found["accuracy"] == 0.5
    assert found["classes"]["a"] == {"precision": 0.0, "recall": None, "f1": 0.0, "support": 0}
    assert len(caplog.records) == 1
    for expected in ("matthews", "roc_auc", "pr_auc", "recall of 1 classes"):
        assert expected in caplog.text
    assert "Classes not in the data: a; in every row: b." in caplog.text
    json.dumps(found, allow_nan=False)


def test_a_model_that_always_says_the_same_has_a_matthews_of_zero(caplog):
    found = classification_metrics([0, 1], [[0.8, 0.2], [0.7, 0.3]], ["a", "b"])
    assert found["matthews"] == 0.0
    assert (found["precision"], found["recall"], found["f1"]) == (None, 0.0, 0.0)
    # Class b has found nothing, which is 0 in the mean as with scikit-learn.
    assert found["precision_macro"] == 0.25
    assert "never predicted: b" in caplog.text


def test_a_class_without_rows_or_predictions_is_left_out_of_the_means(several, caplog):
    labels, probabilities = several
    wider = np.column_stack([probabilities[:, :1] * 0, probabilities])
    three = classification_metrics(labels, probabilities, NAMES)
    caplog.clear()
    four = classification_metrics(labels + 1, wider, ["absent", *NAMES])
    for name in ("accuracy", "f1_macro", "f1_weighted", "roc_auc", "pr_auc", "matthews", "report"):
        assert four[name] == (three[name] if name == "report" else pytest.approx(three[name]))
    assert four["classes"]["absent"]["f1"] is None
    assert "not in the data: absent; never predicted: absent" in caplog.text


def test_nothing_is_logged_when_all_is_well(several, caplog):
    with caplog.at_level(logging.INFO):
        classification_metrics(*several, NAMES)
    assert not caplog.records


def test_a_warning_lists_few_of_many_classes(caplog):
    names = [f"class {i}" for i in range(100)]
    classification_metrics([0, 1], np.eye(100)[[0, 1]], names)
    assert "class 11 and 88 more" in caplog.text


def test_a_certain_mistake_has_a_finite_cross_entropy():
    found = classification_metrics([0, 1], [[0.0, 1.0], [0.0, 1.0]], ["a", "b"])
    assert found["cross_entropy"] == pytest.approx(-math.log(2**-52) / 2)


def test_half_precision_is_read():
    probabilities = np.array([[0.3, 0.7], [0.55, 0.45]], np.float16)
    assert classification_metrics([1, 0], probabilities, ["a", "b"])["accuracy"] == 1.0


GOOD = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("labels", "probabilities", "names", "message"),
    [
        ([], np.zeros((0, 2)), "ab", r"`probabilities` is empty \(0, 2\): a metric needs at least"),
        ([[0], [1]], GOOD, "ab", r"`labels` must be one class a row, \(R,\), received \(2, 1\)"),
        ([0], GOOD, "ab", r"one a row and class, \(1, C\) for 1 rows .*, received \(2, 2\)"),
        ([0, 1], [0.5, 0.5], "ab", r"\(2, C\) for 2 rows of `labels`, received \(2,\)"),
        ([0, 2], GOOD, "ab", "classes from 0 to 1, received 2 in row 2"),
        ([0, -1], GOOD, "ab", "classes from 0 to 1, received -1 in row 2"),
        ([0, 0.5], GOOD, "ab", "received 0.5 in row 2"),
        ([math.nan, 0], GOOD, "ab", "received nan in row 1"),
        (["a", "b"], GOOD, "ab", "received 'a' in row 1"),
        ([0, 1], [[0.5, 0.5], [math.nan, 1]], "ab", "must be finite, received nan in row 2.*diver"),
        (
            [0, 1],
            [[0.5, 0.5], [-2.5, 3.5]],
            "ab",
            "between 0 and 1, received -2.5 in row 2. Logits",
        ),
        ([0, 1], [[0.5, 0.5], [0.9, 0.9]], "ab", "sum to 1 in each row, received 1.8 in row 2"),
        ([0, 1], GOOD, "abc", "`names` must name 2 classes, received 3"),
        ([0, 1], GOOD, "aa", "`names` must differ, received 'a' twice"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, probabilities, names, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(labels, probabilities, names)
