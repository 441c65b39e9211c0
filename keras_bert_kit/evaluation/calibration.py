"""Whether a model that says 80 % is right in 80 of 100 cases, and how to make it so."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.baselines import wilson_interval
from keras_bert_kit.evaluation.scored_rows import as_column

COLDEST, HOTTEST = 0.01, 100.0  # temperatures past these make every answer certain, or a guess

logger = logging.getLogger(__name__)


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


def fit_temperature(logits: ArrayLike, labels: Sequence[int]) -> float:
    """The `T` for which `softmax(logits / T)` has the lowest cross-entropy.

    It changes how sure a model is and never what it answers. Fit it on rows that neither trained
    nor test the model.

    Args:
        logits: `(R, C)`.
        labels: the class of each row, `(R,)`.

    Returns:
        The temperature: above 1 for a model that is too sure of itself.

    Raises:
        ValueError: if the shapes are others, or a label is no class.

    Example:
        >>> T = fit_temperature([[4.0, 0.0]] * 4, [0, 0, 0, 1])  # right 3 times of 4: odds of 3
        >>> round(T, 3)  # 4 / ln 3
        3.641

    Reference:
        Guo et al. (2017), section 4.2.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(
            "Expected `logits` (R, C) and `labels` (R,) with at least one row, received "
            f"{logits.shape} and {labels.shape}."
        )
    if not np.isin(labels, np.arange(logits.shape[1])).all() or not np.isfinite(logits).all():
        raise ValueError(
            f"`labels` must be classes from 0 to {logits.shape[1] - 1} and `logits` finite."
        )
    chosen = logits[np.arange(len(labels)), labels.astype(int)]

    def cross_entropy(log_temperature: float) -> float:
        cold = np.exp(-log_temperature)
        return float(np.mean(logsumexp(logits * cold, axis=1) - chosen * cold))

    # Convex in 1 / T, so it has one valley in log T as well.
    bounds = np.log(COLDEST), np.log(HOTTEST)
    found = minimize_scalar(cross_entropy, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    temperature = float(np.exp(found.x))
    if found.fun < 1e-6 or temperature > HOTTEST / 1.01:
        logger.warning(
            "There is no best temperature in these %d rows: the logits are right in all of them, "
            "or say nothing about the labels. Fit it on more rows.",
            len(labels),
        )
    return temperature


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
