"""Numbers for a model that gives each row one class.

All are fractions between 0 and 1 but the cross-entropy, which is in nats. What is undefined is
None, and a warning says why: with one class in the data there is no ROC curve, and no made-up
number stands for it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.calibration import expected_calibration_error
from keras_bert_kit.evaluation.class_table import by_class, report
from keras_bert_kit.evaluation.precision_recall import averages, number, rates
from keras_bert_kit.evaluation.ranking import ranking_metrics
from keras_bert_kit.evaluation.scored_rows import (
    SMALLEST_PROBABILITY,
    as_probabilities,
    check_labels,
    check_names,
    log_undefined,
)


def classification_metrics(
    labels: ArrayLike, probabilities: ArrayLike, names: Sequence[str]
) -> dict:
    """Everything about rows of one class each; the class of highest probability is the answer.

    Args:
        labels: the true class of each row, `(R,)` int.
        probabilities: `(R, C)`, rows that sum to 1.
        names: what the classes are called, `C` of them.

    Returns:
        By name: what `confusion_metrics` gives, `roc_auc` and `pr_auc` (of the second of two
        classes; of more the mean of each against the rest), `cross_entropy`, `calibration_error`,
        `rows`, `classes` (by name: `precision`, `recall`, `f1`, `support`), `confusion_matrix`
        (a list for each true class) and `report`, scikit-learn's classification report, of the
        classes that occur.

    Raises:
        ValueError: if shapes or values are no labels and probabilities; the message names the row.

    Example:
        >>> metrics = classification_metrics([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], "ab")
        >>> metrics["confusion_matrix"], metrics["roc_auc"], metrics["classes"]["b"]["recall"]
        ([[1, 0], [1, 1]], 1.0, 0.5)
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"`labels` must be one class a row, (R,), received {labels.shape}.")
    probabilities = as_probabilities(probabilities, len(labels))
    num_classes = probabilities.shape[1]
    labels = check_labels(labels, num_classes)
    names = check_names(names, num_classes)

    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, num_classes)
    is_class = np.eye(num_classes, dtype=np.int64)[labels]
    ranked = slice(1, 2) if num_classes == 2 else slice(None)
    given = probabilities[np.arange(len(labels)), labels]
    metrics = {
        **confusion_metrics(confusion),
        **ranking_metrics(is_class[:, ranked], probabilities[:, ranked]),
        "cross_entropy": float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean()) + 0.0,
        "calibration_error": expected_calibration_error(
            predicted == labels, probabilities.max(axis=1)
        ),
        "rows": len(labels),
    }
    counts = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    metrics["classes"] = by_class(names, *counts)
    metrics["confusion_matrix"] = confusion.tolist()
    metrics["report"] = report(labels, predicted, names, *counts[1:])
    log_undefined(metrics, names, predicted=counts[1], actual=counts[2])
    return metrics


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """How many rows of each true class got each answer, `(C, C)`: a row of it for each class."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def confusion_metrics(confusion: np.ndarray) -> dict[str, float | None]:
    """What a confusion matrix says by itself: the part of the metrics that needs no probability.

    Args:
        confusion: counts by true and predicted class, `(C, C)`.

    Returns:
        `accuracy`, `matthews`, precision, recall and F1 as `averages` names them, and with two
        classes also `precision`, `recall` and `f1` of the second.

        `matthews` is None where the labels are of one class, and 0, as is usual, where only the
        predictions are: `(c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2))`
        with `c` right ones of `s` rows, `p_k` predicted and `t_k` true ones of class `k`.

    Example:
        >>> import numpy as np
        >>> metrics = confusion_metrics(np.array([[2, 1], [0, 1]]))
        >>> metrics["accuracy"], metrics["recall"], round(metrics["matthews"], 3)
        (0.75, 1.0, 0.577)

    Reference:
        Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient"
        (2004), equation 8.
    """
    confusion = confusion.astype(np.float64)
    hits, predicted, actual = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    rows = confusion.sum()
    metrics = {"accuracy": number(hits.sum() / rows) if rows else None}
    metrics |= averages(hits, predicted, actual)
    spread = rows**2 - predicted @ predicted, rows**2 - actual @ actual
    if spread[1] <= 0:
        metrics["matthews"] = None
    elif spread[0] <= 0:
        metrics["matthews"] = 0.0
    else:
        covariance = hits.sum() * rows - predicted @ actual
        metrics["matthews"] = float(covariance / np.sqrt(spread[0]) / np.sqrt(spread[1]))
    if len(confusion) == 2:
        second = rates(hits[1], predicted[1], actual[1])
        metrics |= {name: number(value) for name, value in second.items()}
    return metrics
