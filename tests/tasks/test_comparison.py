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
    found = compare(TASK, TEST, [said(5)], {"chance": said(50), "words": said(30)})
    assert found.best_baseline == "words"
    assert found.verdict.startswith("BERT beats words: accuracy 0.950 against 0.700")
    assert found.differences["accuracy"]["difference"] == pytest.approx(0.25)


def test_one_that_does_not_is_said_not_to():
    found = compare(TASK, TEST, [said(30)], {"chance": said(50), "words": said(10)})
    assert found.verdict.startswith("BERT does NOT beat words: accuracy 0.700 against 0.900")


def test_several_trainings_have_mean_and_deviation():
    found = compare(TASK, TEST, [said(10), said(14), said(12)], {})
    score = found.results["accuracy"]["BERT"]
    assert score.value == pytest.approx(0.88)
    assert score.deviation == pytest.approx(0.02)
    low, high = found.intervals["accuracy"]  # of the first, which is the one that is kept
    assert low < 0.90 < high
    assert found.as_dict()["mean"]["accuracy"] == pytest.approx(0.88)


def test_the_metric_that_counts_comes_first_and_lower_may_be_better():
    found = compare(TASK, TEST, [said(10)], {"words": said(30)}, "cross_entropy")
    assert next(iter(found.results)) == "cross_entropy"
    assert found.verdict.startswith("BERT beats words")


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no metric 'f2' for this task; choose one of accuracy"):
        compare(TASK, TEST, [said(10)], {}, "f2")
