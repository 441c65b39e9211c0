"""Metrics of any choice of rows, quickly: what a bootstrap asks for a thousand times.

What a row adds to each metric is computed once. A resample then only adds up: 1,000 resamples of
25,000 rows take a second.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.bootstrap import Score
from keras_bert_kit.evaluation.classification_metrics import confusion_metrics
from keras_bert_kit.evaluation.precision_recall import averages, number, rates
from keras_bert_kit.evaluation.regression_metrics import errors_and_correlations
from keras_bert_kit.evaluation.scored_rows import (
    as_columns,
    as_label_sets,
    as_probabilities,
    check_labels,
)


def classification_score(labels: ArrayLike, probabilities: ArrayLike) -> Score:
    """A score of rows with one class each, with all of `confusion_metrics`.

    Args:
        labels: the true classes, `(R,)` int.
        probabilities: `(R, C)`.

    Raises:
        ValueError: if shapes or values are no labels and probabilities; the message names the row.

    Example:
        >>> score = classification_score([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        >>> score([0, 0, 1, 2])["accuracy"]
        0.75
    """
    labels = np.asarray(labels)
    probabilities = as_probabilities(probabilities, len(labels))
    classes = probabilities.shape[1]
    cells = check_labels(labels, classes) * classes + probabilities.argmax(axis=1)

    def score(rows: np.ndarray) -> dict[str, float | None]:
        confusion = np.bincount(cells[rows], minlength=classes**2)
        return confusion_metrics(confusion.reshape(classes, classes))

    return score


def multilabel_score(
    labels: ArrayLike, probabilities: ArrayLike, threshold: float | Sequence[float] = 0.5
) -> Score:
    """A score of rows with several labels: accuracies, precision, recall and F1.

    Args:
        labels: whether each row has each label, `(R, C)` of 0 and 1.
        probabilities: `(R, C)`.
        threshold: a label is given where its probability is at least this.

    Example:
        >>> score = multilabel_score([[1, 0], [1, 1]], [[0.9, 0.2], [0.8, 0.4]])
        >>> score([0, 0, 0, 1])["accuracy"]
        0.75
    """
    labels, probabilities = as_label_sets(labels, probabilities)
    given = probabilities >= np.asarray(threshold)
    classes = labels.shape[1]
    right = labels == given
    table = np.column_stack([labels & given, given, labels, right.all(axis=1), right.sum(axis=1)])
    table = _compact(table)

    def score(rows: np.ndarray) -> dict[str, float | None]:
        sums = _sums(table, rows)
        hits, predicted, actual = sums[: 3 * classes].reshape(3, classes)
        return {
            "accuracy": float(sums[-2] / len(rows)),
            "hamming_accuracy": float(sums[-1] / len(rows) / classes),
            **averages(hits, predicted, actual),
        }

    return score


def regression_score(values: ArrayLike, predicted: ArrayLike) -> Score:
    """A score of rows with a value each: mean errors and correlations.

    Args:
        values: the true ones, `(R,)`.
        predicted: `(R,)`.

    Example:
        >>> regression_score([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])([0, 1, 1, 2])["mean_absolute_error"]
        0.5
    """
    values, predicted = as_columns(values, predicted)
    return lambda rows: errors_and_correlations(values[rows], predicted[rows])


def tagging_score(counts: np.ndarray, right_words: ArrayLike, words: ArrayLike) -> Score:
    """A score of tagged sentences, from what `tagging_metrics.entity_counts` counts in each.

    Args:
        counts: entities of each type, right, predicted and actual, `(R, K, 3)`.
        right_words: how many words of each sentence have the right tag, `(R,)`.
        words: how many it has, `(R,)`.

    Example:
        >>> import numpy as np
        >>> score = tagging_score(np.array([[[1, 1, 2]], [[1, 2, 1]]]), [4, 2], [5, 5])
        >>> metrics = score([0, 0, 1])  # 3 right of 4 predicted and 5 actual ones
        >>> metrics["precision"], metrics["recall"], round(metrics["accuracy"], 3)
        (0.75, 0.6, 0.667)
    """
    table = np.column_stack([np.reshape(counts, (len(counts), -1)), right_words, words])
    table = _compact(table)
    types = counts.shape[1]

    def score(rows: np.ndarray) -> dict[str, float | None]:
        sums = _sums(table, rows)
        by_type = sums[:-2].reshape(types, 3).T
        means = averages(*by_type)
        overall = rates(*by_type.sum(axis=1))
        return {
            **{name: number(value) for name, value in overall.items()},
            **{name: value for name, value in means.items() if not name.endswith("micro")},
            "accuracy": float(sums[-2] / sums[-1]) if sums[-1] else None,
        }

    return score


def mean_score(values: Mapping[str, ArrayLike]) -> Score:
    """A score that is the mean of what each row has, as exact match and F1 of an answer.

    Args:
        values: by name, one number a row, `(R,)`; NaN for a row that does not count in this one.

    Example:
        >>> mean_score({"exact_match": [1, 0, 0], "f1": [1, 0.5, 0]})([0, 0, 1, 2])
        {'exact_match': 0.5, 'f1': 0.625}
    """
    columns = np.column_stack([np.asarray(column, np.float64) for column in values.values()])
    counted = ~np.isnan(columns)
    table = np.column_stack([np.where(counted, columns, 0.0), counted])
    width = columns.shape[1]

    def score(rows: np.ndarray) -> dict[str, float | None]:
        sums = _sums(table, rows)
        return {
            name: float(total / count) if count else None
            for name, total, count in zip(values, sums[:width], sums[width:], strict=True)
        }

    return score


def _compact(counts: np.ndarray) -> np.ndarray:
    """Counts as float32 where their sums are still exact: half the memory to go through."""
    exact = len(counts) * counts.max(initial=0) < 2**24
    return counts.astype(np.float32 if exact else np.float64)


def _sums(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The sum of the chosen rows: as a product with how often each was chosen, in one call."""
    return (np.bincount(rows, minlength=len(table)).astype(table.dtype) @ table).astype(np.float64)
