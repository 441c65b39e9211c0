"""Whether a model that says 80 % is right in 80 of 100 cases."""

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.baselines import wilson_interval
from keras_bert_kit.evaluation.scored_rows import as_column


def expected_calibration_error(correct: ArrayLike, confidence: ArrayLike, bins: int = 15) -> float:
    """How far confidence is from accuracy: `ECE = sum_m |B_m| / n |acc(B_m) - conf(B_m)|`.

    `B_m` holds the rows whose confidence is in `((m - 1) / M, m / M]`, `M` bins of equal width.

    Args:
        correct: whether each row is right, 0 or 1, `(R,)`.
        confidence: the probability given to the answer, `(R,)`.
        bins: how many bins, `M`.

    Returns:
        The error, between 0 and 1.

    Raises:
        ValueError: if there are no rows, the two differ in length, or hold other values.

    Example:
        >>> expected_calibration_error([1, 1, 0, 0], [0.75, 0.75, 0.75, 0.75], bins=10)
        0.25

    Reference:
        Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017),
        equation 3.
    """
    correct, confidence, index = _binned(correct, confidence, bins)
    right = np.bincount(index, weights=correct, minlength=bins)
    sure = np.bincount(index, weights=confidence, minlength=bins)
    return float(np.abs(right - sure).sum() / len(correct))


def reliability(correct: ArrayLike, confidence: ArrayLike, bins: int = 15) -> list[dict]:
    """The rows of a reliability diagram: accuracy by confidence, in bins of equal width.

    Args:
        correct: whether each row is right, 0 or 1, `(R,)`.
        confidence: the probability given to the answer, `(R,)`.
        bins: how many bins.

    Returns:
        One dict a bin: `low` (left out) and `high` (taken in), `rows`, and `accuracy`, its 95 %
        `interval` (Wilson) and mean `confidence`, which are None in an empty bin.

    Raises:
        ValueError: if there are no rows, the two differ in length, or hold other values.

    Example:
        >>> reliability([1, 0], [0.9, 0.8], bins=2)[1]["accuracy"]
        0.5

    Reference:
        Guo et al. (2017), section 2.
    """
    correct, confidence, index = _binned(correct, confidence, bins)
    edges = np.linspace(0, 1, bins + 1).tolist()
    table = []
    for m in range(bins):
        inside = index == m
        rows = int(inside.sum())
        table.append(
            {
                "low": edges[m],
                "high": edges[m + 1],
                "rows": rows,
                "accuracy": float(correct[inside].mean()) if rows else None,
                "confidence": float(confidence[inside].mean()) if rows else None,
                "interval": wilson_interval(correct[inside].sum(), rows) if rows else None,
            }
        )
    return table


def _binned(
    correct: ArrayLike, confidence: ArrayLike, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both columns, checked, and the bin of each row."""
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1, received {bins}.")
    correct, confidence = as_column(correct, "correct"), as_column(confidence, "confidence")
    if len(correct) != len(confidence):
        raise ValueError(
            f"`correct` has {len(correct)} rows, `confidence` {len(confidence)}: expected as many."
        )
    if not np.isin(correct, (0, 1)).all():
        raise ValueError("`correct` must be 0 or 1 in each row.")
    if confidence.min() < 0 or confidence.max() > 1:
        raise ValueError(
            f"`confidence` must be between 0 and 1, received {confidence.min():g} to "
            f"{confidence.max():g}."
        )
    return correct, confidence, np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
