import json
import math

import numpy as np
import pytest

from keras_bert_kit.evaluation.class_figures import class_scores_figure, confusion_figure
from keras_bert_kit.evaluation.figure_style import png
from keras_bert_kit.evaluation.learning_figure import learning_figure
from keras_bert_kit.evaluation.score_figures import (
    lengths_figure,
    reliability_figure,
    scores_figure,
    values_figure,
)
from keras_bert_kit.evaluation.scores import Score

pytestmark = pytest.mark.filterwarnings("error")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_confusion_shows_counts_coloured_by_row():
    figure = confusion_figure([[8, 2], [0, 0]], ["bad", "good"])
    axes = figure.axes[0]
    assert texts(axes) == ["8", "2", "0", "0"]
    np.testing.assert_array_equal(axes.images[0].get_array()[0], [0.8, 0.2])
    assert axes.images[0].get_array()[1].mask.all()  # no rows: no share, grey
    assert ticks(axes.yaxis) == ticks(axes.xaxis) == ["bad", "good"]
    png(figure)


@pytest.mark.parametrize(("classes", "named"), [(1, 1), (12, 12), (13, 13), (50, 50), (130, 44)])
def test_confusion_of_any_size(classes, named):
    figure = confusion_figure(np.eye(classes), [f"intent number {i}" for i in range(classes)])
    axes = figure.axes[0]
    assert len(ticks(axes.yaxis)) == named
    assert len(texts(axes)) == (classes**2 if classes <= 12 else 0)
    assert png(figure)


@pytest.mark.parametrize(("matrix", "names"), [([[1, 2]], ["a"]), ([[1]], ["a", "b"]), ([], [])])
def test_confusion_of_another_shape(matrix, names):
    with pytest.raises(ValueError, match="must have a row and a column for each of the"):
        confusion_figure(matrix, names)


def test_classes_are_sorted_and_say_what_is_not_defined():
    classes = {"a": {"f1": None, "support": 0}, "b": {"f1": 0.25}, "c": {"f1": 0.75, "support": 9}}
    axes = class_scores_figure(classes).axes[0]
    assert texts(axes) == ["0.750  (9)", "0.250", "not defined  (0)"]
    assert ticks(axes.yaxis) == ["c", "b", "a"]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [0.75, 0.25, 0])


def test_classes_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="`classes` is empty"):
        class_scores_figure({})
    with pytest.raises(ValueError, match="class 'a' has no 'f1'; it has recall"):
        class_scores_figure({"a": {"recall": 1.0}})


def test_a_dot_for_model_and_baselines():
    scores = {"BERT": Score(0.8, low=0.75, high=0.9), "NB": Score(0.7, 0.1), "no": math.nan}
    figure = scores_figure(scores, "f1")
    axes = figure.axes[0]
    lines = [line.get_xdata() for line in axes.lines]
    assert [list(np.round(line, 6)) for line in lines] == [[0.75, 0.9], [0.8], [0.6, 0.8], [0.7]]
    assert ticks(axes.yaxis) == ["BERT", "NB", "no"]
    figure.canvas.draw()
    labels = ticks(axes.child_axes[0].yaxis)
    assert labels == ["0.800 [0.750, 0.900]", "0.700 ± 0.100", "not defined"]


@pytest.mark.parametrize("value", [None, 0.5, 0.0])
def test_a_model_alone(value):
    assert png(scores_figure({"BERT": value}, "f1"))


def test_no_scores():
    with pytest.raises(ValueError, match="`scores` is empty: expected the model's"):
        scores_figure({}, "f1")


def test_a_bar_for_each_length():
    parts = [
        {"low": 1, "high": 9, "rows": 1, "mean": 0.5, "interval": (0.25, 0.75)},
        {"low": 10, "high": 10, "rows": 2000, "mean": None, "interval": None},
    ]
    axes = lengths_figure(parts).axes[0]
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [0.5, 0])
    assert list(axes.lines[0].get_ydata()) == [0.25, 0.75]
    assert ticks(axes.xaxis) == ["1 to 9\n1 row", "10\n2,000 rows"]
    assert texts(axes) == ["0.500", "not defined"]
    with pytest.raises(ValueError, match="`parts` is empty"):
        lengths_figure([])


def test_reliability():
    empty = {"low": 0.0, "high": 0.5, "rows": 0, "accuracy": None, "confidence": None,
             "interval": None}  # fmt: skip
    full = {"low": 0.5, "high": 1.0, "rows": 4, "accuracy": 0.5, "confidence": 0.75,
            "interval": (0.15, 0.85)}  # fmt: skip
    figure = reliability_figure([empty, full], 0.25)
    above, below = figure.axes
    dots = above.lines[-1]
    assert (list(dots.get_xdata()), list(dots.get_ydata())) == ([0.75], [0.5])
    assert dots.get_label() == "model, calibration error 0.250"
    assert [bar.get_height() for bar in below.patches] == [0, 4]
    png(figure)
    with pytest.raises(ValueError, match="`bins` hold no row"):
        reliability_figure([empty])


def test_values_say_what_is_not_drawn():
    axes = values_figure([1.0, 2.0, math.nan], [1.5, 2.5, 3.0]).axes[0]
    assert axes.get_xlabel() == "expected; 1 row without a number"
    assert axes.lines[0].get_xydata().tolist() == [[1.0, 1.5], [2.0, 2.5]]
    many = values_figure(np.arange(6000.0), np.arange(6000.0)).axes[0]
    assert many.get_xlabel() == "expected; 1,000 rows more, not drawn"


def test_values_that_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"columns of one length; received \(1,\) and \(2,\)"):
        values_figure([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="No row has both"):
        values_figure([math.nan], [1.0])


def write_metrics(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_loss_on_the_left_metric_on_the_right(tmp_path):
    path = write_metrics(
        tmp_path / "metrics.jsonl",
        {"step": 50, "split": "train", "loss": 0.7},
        {"step": 100, "split": "train", "loss": 0.5},
        {"step": 100, "split": "heldout", "loss": 0.6, "entity_f1": None},
        {"step": 200, "split": "heldout", "loss": 0.55, "entity_f1": 0.8},
    )
    figure = learning_figure(path, "entity_f1", title="A run")
    left, right = figure.axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["Loss", "Entity f1"]
    assert [line.get_ydata().tolist() for line in left.lines] == [[0.7, 0.5], [0.6, 0.55]]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [math.nan, 0.8])
    assert left.get_xlim() == right.get_xlim() == (0, 200)
    png(figure)


def test_a_run_without_the_metric_shows_its_loss(tmp_path):
    path = write_metrics(tmp_path / "m.jsonl", {"step": 5, "split": "train", "loss": 1.0})
    assert len(learning_figure(path, "f1").axes) == 1


@pytest.mark.parametrize(
    ("records", "has"), [([{"step": 5, "split": "train", "x": 1}], "x"), ([], "no numbers at all")]
)
def test_a_run_with_neither(tmp_path, records, has):
    path = write_metrics(tmp_path / "m.jsonl", *records)
    with pytest.raises(ValueError, match=f"has neither 'loss' nor 'f1'; it has {has}"):
        learning_figure(path, "f1")
