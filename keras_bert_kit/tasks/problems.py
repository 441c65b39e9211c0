"""What a classifier's output may mean, and all that differs by it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.labels import label_ids
from keras_bert_kit.evaluation.classification_metrics import classification_metrics
from keras_bert_kit.evaluation.multilabel_metrics import multilabel_metrics
from keras_bert_kit.evaluation.regression_metrics import regression_metrics
from keras_bert_kit.evaluation.row_scores import (
    classification_score,
    multilabel_score,
    regression_score,
)
from keras_bert_kit.evaluation.text_baselines import (
    classification_baselines,
    multilabel_baselines,
    regression_baselines,
)


class Problem(NamedTuple):
    """One kind of classification. `values` below are `(R, C)`, as `prediction.classify` gives them.

    Attributes:
        metric: what the best weights are chosen by, where nothing else is asked for.
        metric_names: what else may be asked for.
        targets: from the names of classes and examples to labels, `(R,)` or `(R, C)`.
        metrics: from targets, values and names to everything that is measured.
        score: from targets and values to a score of rows, for the bootstrap.
        baselines: from training examples, their targets, other examples, the number of classes and
            a seed to values by name.
    """

    metric: str
    metric_names: tuple[str, ...]
    targets: Callable[[Sequence[str], LabelledTexts], np.ndarray]
    metrics: Callable[[np.ndarray, np.ndarray, Sequence[str]], dict]
    score: Callable[[np.ndarray, np.ndarray], Callable]
    baselines: Callable[..., dict[str, np.ndarray]]


def _class_targets(names: Sequence[str], examples: LabelledTexts) -> np.ndarray:
    return label_ids(names, examples.labels, examples.source, examples.numbers)[0]


def _class_baselines(train, targets, test, num_classes: int, seed: int):
    return classification_baselines(
        train.texts, train.pairs, targets, test.texts, test.pairs, num_classes, seed
    )


def _multilabel_baselines(train, targets, test, num_classes: int, seed: int):
    del num_classes  # the targets have a column for each
    return multilabel_baselines(train.texts, train.pairs, targets, test.texts, test.pairs, seed)


def _regression_baselines(train, targets, test, num_classes: int, seed: int):
    del num_classes
    found = regression_baselines(train.texts, train.pairs, targets, test.texts, test.pairs, seed)
    return {name: values[:, None] for name, values in found.items()}


_RATES = tuple(
    f"{name}_{mean}"
    for name in ("precision", "recall", "f1")
    for mean in ("macro", "micro", "weighted")
)
PROBLEMS = {
    "single_label": Problem(
        "accuracy",
        (
            *("accuracy", "precision", "recall", "f1", *_RATES),
            *("roc_auc", "pr_auc", "matthews", "cross_entropy", "calibration_error"),
        ),
        _class_targets,
        classification_metrics,
        classification_score,
        _class_baselines,
    ),
    "multi_label": Problem(
        "f1_micro",
        ("accuracy", "hamming_accuracy", *_RATES, "roc_auc", "pr_auc", "cross_entropy"),
        _class_targets,
        multilabel_metrics,
        multilabel_score,
        _multilabel_baselines,
    ),
    "regression": Problem(
        "spearman",
        ("spearman", "pearson", "mean_squared_error", "mean_absolute_error"),
        lambda names, examples: np.asarray(examples.labels, np.float32),
        lambda targets, values, names: regression_metrics(targets, values[:, 0]),
        lambda targets, values: regression_score(targets, values[:, 0]),
        _regression_baselines,
    ),
}
