"""Precision, recall and F1 from three counts a class, and their means over classes.

Everything that is found or missed is counted alike: rows of a class, labels of a row, entities of
a type. The counts are `hits` (found and right), `predicted` (found) and `actual` (there to find).
"""

import numpy as np
from numpy.typing import ArrayLike


def rates(hits: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> dict[str, np.ndarray]:
    """Precision, recall and their harmonic mean.

    `precision = hits / predicted`, `recall = hits / actual`, `f1 = 2 hits / (predicted + actual)`.

    Args:
        hits: how many were found and right, any shape, for instance `(C,)`.
        predicted: how many were found.
        actual: how many there were to find.

    Returns:
        `precision`, `recall` and `f1` in the shape of the counts, NaN where nothing is divided by
        nothing.

    Example:
        >>> {name: value.tolist() for name, value in rates([1, 0], [2, 0], [1, 0]).items()}
        {'precision': [0.5, nan], 'recall': [1.0, nan], 'f1': [0.6666666666666666, nan]}

    Reference:
        van Rijsbergen, Information Retrieval (1979), chapter 7.
    """
    hits, predicted, actual = (np.asarray(x, np.float64) for x in (hits, predicted, actual))
    with np.errstate(invalid="ignore"):
        return {
            "precision": hits / predicted,
            "recall": hits / actual,
            "f1": 2 * hits / (predicted + actual),
        }


def averages(hits: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> dict[str, float | None]:
    """Precision, recall and F1 over all classes, in three ways.

    - `micro` adds up the counts first: every prediction weighs the same;
    - `macro` is the mean over the classes that occur, in the labels or in the predictions: every
      class weighs the same;
    - `weighted` is the mean weighted by how often each class occurs in the labels.

    In the means a rate that is undefined for a class that occurs counts as 0, as scikit-learn and
    seqeval do it: a class that is never predicted has found nothing.

    Args:
        hits: how many of each class were found and right, `(C,)`.
        predicted: how many were found.
        actual: how many there were to find.

    Returns:
        `precision_macro`, `recall_macro`, `f1_macro` and so on for `micro` and `weighted`; None
        where there is nothing to divide by.

    Example:
        >>> averages([2, 0], [3, 0], [2, 1])["f1_macro"]  # (4/5 + 0) / 2
        0.4
    """
    counts = [np.asarray(x, np.float64) for x in (hits, predicted, actual)]
    support = counts[2]
    occurs = counts[1] + support > 0
    by_class = rates(*counts)
    overall = rates(*(count.sum() for count in counts))
    result = {}
    for name, values in by_class.items():
        values = np.nan_to_num(values)
        result[f"{name}_micro"] = number(overall[name])
        result[f"{name}_macro"] = number(values[occurs].mean()) if occurs.any() else None
        result[f"{name}_weighted"] = (
            number(values @ support / support.sum()) if support.any() else None
        )
    return result


def number(value: float) -> float | None:
    """A Python number, and None instead of NaN, which JSON does not know."""
    return None if np.isnan(value) else float(value)
