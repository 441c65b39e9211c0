"""Numbers for a model that gives each row several labels, or none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.calibration import expected_calibration_error
from keras_bert_kit.evaluation.class_table import by_class, report
from keras_bert_kit.evaluation.precision_recall import averages
from keras_bert_kit.evaluation.ranking import ranking_metrics
from keras_bert_kit.evaluation.scored_rows import (
    SMALLEST_PROBABILITY,
    as_label_sets,
    check_names,
    log_undefined,
)


def multilabel_metrics(
    labels: ArrayLike,
    probabilities: ArrayLike,
    names: Sequence[str],
    threshold: float | Sequence[float] = 0.5,
) -> dict:
    """Everything about rows that may have several labels, or none.

    Args:
        labels: whether each row has each label, `(R, C)` of 0 and 1.
        probabilities: of each label by itself, `(R, C)`.
        names: what the labels are called, `C` of them.
        threshold: a label is given where its probability is at least this; one, or one a label.

    Returns:
        By name: `accuracy` (rows with all labels right), `hamming_accuracy` (single labels right),
        precision, recall and F1 as `averages` names them, `roc_auc` and `pr_auc` (means over
        labels), `cross_entropy` and `calibration_error` (over single labels), `rows`, `classes`
        (by name: `precision`, `recall`, `f1`, `support`, `confusion_matrix`) and `report`.

    Raises:
        ValueError: if shapes or values are no labels and probabilities; the message names the row.

    Example:
        >>> metrics = multilabel_metrics([[1, 0], [1, 1]], [[0.9, 0.2], [0.8, 0.4]], "ab")
        >>> metrics["accuracy"], metrics["hamming_accuracy"], metrics["f1_micro"]
        (0.5, 0.75, 0.8)
    """
    labels, probabilities = as_label_sets(labels, probabilities)
    names = check_names(names, labels.shape[1])
    given = (probabilities >= np.asarray(threshold)).astype(np.int64)

    hits, found, actual = (labels & given).sum(axis=0), given.sum(axis=0), labels.sum(axis=0)
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    # Calibration is that of the likelier answer, yes or no, whatever the threshold.
    likelier = (probabilities >= 0.5) == labels
    confidence = np.maximum(probabilities, 1 - probabilities)
    metrics = {
        "accuracy": float((labels == given).all(axis=1).mean()),
        "hamming_accuracy": float((labels == given).mean()),
        **averages(hits, found, actual),
        **ranking_metrics(labels, probabilities),
        "cross_entropy": float(-np.log(np.maximum(right, SMALLEST_PROBABILITY)).mean()) + 0.0,
        "calibration_error": expected_calibration_error(likelier.ravel(), confidence.ravel()),
        "rows": len(labels),
    }
    metrics["classes"] = by_class(names, hits, found, actual)
    for name, hit, predicted, support in zip(names, hits, found, actual, strict=True):
        missed, wrong = int(support - hit), int(predicted - hit)
        metrics["classes"][name]["confusion_matrix"] = [
            [len(labels) - missed - wrong - int(hit), wrong],
            [missed, int(hit)],
        ]
    metrics["report"] = report(labels, given, names, found, actual)
    log_undefined(metrics, names, predicted=found, actual=actual)
    return metrics
