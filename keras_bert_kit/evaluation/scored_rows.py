"""Checks of what is scored, so that a metric never counts what it cannot read, and never is NaN."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

SMALLEST_PROBABILITY = np.finfo(np.float64).eps  # below it a cross-entropy is no longer finite
MOST_NAMES = 10  # classes listed in a warning
SUM_TOLERANCE = 0.02  # how far from 1 a row of probabilities in bfloat16 may sum

logger = logging.getLogger(__name__)


def as_column(values: ArrayLike, name: str) -> np.ndarray:
    """One finite number a row, `(R,)` float64.

    Raises:
        ValueError: if there are no rows, the shape is another, or a number is not finite.
    """
    column = np.asarray(values, np.float64)
    if column.ndim != 1:
        raise ValueError(f"`{name}` must have one number a row, (R,), received {column.shape}.")
    _check_rows(column, name)
    return column


def as_columns(values: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values, one of each a row, both `(R,)` float64.

    Raises:
        ValueError: as `as_column`, or if there are more of one.
    """
    values, predicted = as_column(values, "values"), as_column(predicted, "predicted")
    if len(values) != len(predicted):
        raise ValueError(
            f"`values` has {len(values)} rows, `predicted` {len(predicted)}: expected as many."
        )
    return values, predicted


def as_label_sets(labels: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row has each label, int64, and the probabilities of them, both `(R, C)`.

    Raises:
        ValueError: as `as_probabilities`, or if a label is not 0 or 1.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"`labels` must be 0 or 1 for each row and label, (R, C), received {labels.shape}"
            + ("." if labels.ndim != 2 else " with other values.")
        )
    probabilities = as_probabilities(probabilities, len(labels), sums_to_one=False)
    if labels.shape != probabilities.shape:
        raise ValueError(
            f"`labels` are {labels.shape}, `probabilities` {probabilities.shape}: expected one "
            "probability a label."
        )
    return labels.astype(np.int64), probabilities


def as_probabilities(values: ArrayLike, num_rows: int, sums_to_one: bool = True) -> np.ndarray:
    """One probability a row and class, `(R, C)` float64, between 0 and 1.

    Raises:
        ValueError: if the shape is not `(num_rows, C)`, or a row holds no probabilities.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or len(table) != num_rows:
        raise ValueError(
            f"`probabilities` must be one a row and class, ({num_rows}, C) for {num_rows} rows of "
            f"`labels`, received {table.shape}."
        )
    _check_rows(table, "probabilities")
    outside = (table < -SUM_TOLERANCE) | (table > 1 + SUM_TOLERANCE)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise ValueError(
            f"`probabilities` must be between 0 and 1, received {table[row, column]:g} in row "
            f"{row + 1}. Logits become probabilities by softmax, or sigmoid for several labels."
        )
    if sums_to_one:
        sums = table.sum(axis=1)
        off = np.abs(sums - 1) > SUM_TOLERANCE
        if off.any():
            row = int(np.argmax(off))
            raise ValueError(
                f"`probabilities` must sum to 1 in each row, received {sums[row]:g} in row "
                f"{row + 1}."
            )
    return np.clip(table, 0.0, 1.0)


def check_names(names: Sequence[str], num_classes: int) -> list[str]:
    """The names of the classes, each of them once.

    Raises:
        ValueError: if there are more or fewer than classes, or one occurs twice.
    """
    names = [str(name) for name in names]
    if len(names) != num_classes:
        raise ValueError(f"`names` must name {num_classes} classes, received {len(names)}: {names}")
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"`names` must differ, received {twice[0]!r} twice.")
    return names


def check_labels(labels: ArrayLike, num_classes: int) -> np.ndarray:
    """Labels as int64.

    Raises:
        ValueError: if one is no class from 0 to `num_classes - 1`.
    """
    labels = np.asarray(labels)
    known = np.isin(labels, np.arange(num_classes))
    if not known.all():
        row = int(np.argmin(known))
        raise ValueError(
            f"`labels` must be classes from 0 to {num_classes - 1}, received "
            f"{labels[row].item()!r} in row {row + 1}."
        )
    return labels.astype(np.int64)


def log_undefined(
    metrics: Mapping, names: Sequence[str], predicted: np.ndarray, actual: np.ndarray
) -> None:
    """Logs, in one warning, which metrics of classes are None and which classes are the reason.

    Args:
        metrics: by name, with those of each class under `classes`.
        names: what the classes are called, `C` of them.
        predicted: how often each was predicted, `(C,)`.
        actual: how often each occurs in the labels, `(C,)`.
    """
    missing = [name for name, value in metrics.items() if value is None]
    by_class = metrics["classes"].values()
    missing += [
        f"{rate} of {sum(rates[rate] is None for rates in by_class)} classes"
        for rate in ("precision", "recall", "f1")
        if any(rates[rate] is None for rates in by_class)
    ]
    if not missing:
        return
    reasons = {
        "not in the data": _listed(names, actual == 0),
        "in every row": _listed(names, actual == metrics["rows"]) if "roc_auc" in metrics else "",
        "never predicted": _listed(names, predicted == 0),
    }
    logger.warning(
        "No value for %s. Classes %s.",
        ", ".join(missing),
        "; ".join(f"{reason}: {classes}" for reason, classes in reasons.items() if classes),
    )


def _listed(names: Sequence[str], chosen: np.ndarray) -> str:
    found = [name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen]
    more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
    return ", ".join(found[:MOST_NAMES]) + more


def _check_rows(values: np.ndarray, name: str) -> None:
    if values.size == 0:
        raise ValueError(f"`{name}` is empty {values.shape}: a metric needs at least one row.")
    finite = np.isfinite(values)
    if not finite.all():
        row, *column = np.argwhere(~finite)[0]
        raise ValueError(
            f"`{name}` must be finite, received {values[row, *column]} in row {row + 1}. Labels: "
            "correct the row. Predictions: the model diverged, train it with a lower learning rate."
        )
