from dataclasses import replace

import numpy as np
import pytest

from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.tasks.comparison import compare
from keras_bert_kit.tasks.text_task import TextTask

TASK = TextTask(labels=("bad", "good"))
LABELS = ["good", "bad"] * 50
TEST = LabelledTexts(["x"] * 100, None, LABELS, list(range(100)), "test.tsv")
TRUTH = np.array([name == "good" for name in LABELS], int)


def said(num_wrong: int) -> np.ndarray:
    """Sure predictions, the first few of them wrong."""
    classes = TRUTH.copy()
    classes[:num_wrong] = 1 - classes[:num_wrong]
    return np.eye(2)[classes] * 0.8 + 0.1


def test_a_model_that_beats_its_baselines_is_said_to():
    found = compare([(TASK, said(5))], TEST, {"chance": said(50), "words": said(30)})
    assert found.best_baseline == "words"
    assert found.verdict.startswith("BERT beats words: accuracy 0.950 against 0.700")
    assert found.as_dict()["beats_best_baseline"] == "yes"
    assert found.differences["accuracy"]["difference"] == pytest.approx(0.25)


def test_one_that_does_not_is_said_not_to():
    found = compare([(TASK, said(30))], TEST, {"chance": said(50), "words": said(10)})
    assert found.verdict.startswith("BERT does NOT beat words: accuracy 0.700 against 0.900")


def test_several_trainings_have_mean_and_deviation():
    found = compare([(TASK, said(n)) for n in (10, 14, 12)], TEST, {})
    score = found.results["accuracy"]["BERT"]
    assert score.value == pytest.approx(0.88)
    assert score.deviation == pytest.approx(0.02)
    low, high = found.intervals["accuracy"]  # of the mean
    assert low < 0.88 < high
    assert found.as_dict()["mean"]["accuracy"] == pytest.approx(0.88)
    assert found.as_dict()["beats_best_baseline"] is None


def test_the_metric_that_counts_comes_first_and_lower_may_be_better():
    found = compare([(TASK, said(10))], TEST, {"words": said(30)}, "cross_entropy")
    assert next(iter(found.results)) == "cross_entropy"
    assert found.verdict.startswith("BERT beats words")


def test_seeds_that_differ_more_than_they_gain_do_not_beat_a_baseline():
    trainings = [(TASK, said(n)) for n in (0, 40, 40)]  # 0.733 +- 0.231 against 0.7
    found = compare(trainings, TEST, {"words": said(30)})
    assert "does NOT clearly beat words" in found.verdict
    assert found.as_dict()["beats_best_baseline"] == "not clearly"


def test_each_training_is_measured_by_its_own_task():
    other = replace(TASK, labels=("good", "bad"))  # the same classes in another order
    found = compare([(TASK, said(10)), (other, said(10)[:, ::-1])], TEST, {})
    assert [metrics["accuracy"] for metrics in found.by_seed] == [0.9, 0.9]


def test_a_metric_without_a_value_is_no_crash():
    task = TextTask("regression")
    rows = LabelledTexts(["x", "y"], None, [2.0, 2.0], [1, 2], "test.tsv")
    found = compare([(task, np.array([[1.0], [3.0]]))], rows, {"mean": np.array([[2.0], [2.0]])})
    assert found.results["spearman"]["BERT"].value is None
    assert "not defined" in found.verdict


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no metric 'f2' for this task; choose one of accuracy"):
        compare([(TASK, said(10))], TEST, {}, "f2")
