"""The mistakes that a model is surest of: wrong labels in the data, or what it has yet to learn."""

import numpy as np
from numpy.typing import ArrayLike


def most_confident_mistakes(
    labels: ArrayLike, probabilities: ArrayLike, top: int = 20
) -> list[int]:
    """The rows with a wrong answer, highest probability of it first.

    Args:
        labels: the true classes, `(R,)` int; or whether each row has each label, `(R, C)` of 0 and
            1, where a row counts by its worst label.
        probabilities: `(R, C)`.
        top: how many rows at most.

    Returns:
        Indices of rows, equally sure ones in their order in the data.

    Example:
        >>> most_confident_mistakes([0, 0, 1], [[0.4, 0.6], [0.9, 0.1], [0.8, 0.2]])
        [2, 0]
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    if labels.ndim == 1:
        wrong = probabilities.argmax(axis=1) != labels
        return surest(wrong, probabilities.max(axis=1), top)
    error = np.abs(labels - probabilities).max(axis=1)
    return surest(error > 0.5, error, top)


def largest_errors(values: ArrayLike, predicted: ArrayLike, top: int = 20) -> list[int]:
    """The rows whose value is furthest from the true one, furthest first.

    Args:
        values: the true ones, `(R,)`.
        predicted: `(R,)`.
        top: how many rows at most.

    Example:
        >>> largest_errors([1.0, 2.0, 3.0], [1.0, 0.0, 4.0], top=2)
        [1, 2]
    """
    error = np.abs(np.asarray(predicted, np.float64) - np.asarray(values, np.float64))
    return surest(error > 0, error, top)


def surest(wrong: ArrayLike, confidence: ArrayLike, top: int = 20) -> list[int]:
    """The rows that are wrong, highest confidence first: for whatever a task calls these two.

    Args:
        wrong: whether each row is wrong, `(R,)`.
        confidence: how sure the model was, `(R,)`.
        top: how many rows at most.

    Example:
        >>> surest([True, False, True], [0.6, 0.9, 0.7])
        [2, 0]
    """
    rows = np.flatnonzero(wrong)
    order = np.argsort(-np.asarray(confidence, np.float64)[rows], kind="stable")
    return rows[order][:top].tolist()
