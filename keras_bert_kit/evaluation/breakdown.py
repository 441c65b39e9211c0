"""Where a model is good and where it is not: a score by length of the text, or by class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.baselines import wilson_interval
from keras_bert_kit.evaluation.scored_rows import as_column, check_labels

NORMAL_95 = 1.959964  # the normal quantile of 0.975


def by_length(scores: ArrayLike, lengths: ArrayLike, bins: int = 5) -> list[dict]:
    """The mean score of rows of about the same length, in bins of about as many rows.

    Rows of the same length are always in one bin, so there may be fewer bins than asked for.

    Args:
        scores: what each row has: right or not (0 or 1), or any number, `(R,)`.
        lengths: how long it is, in words or tokens, `(R,)`.
        bins: how many bins at most.

    Returns:
        One dict a bin, shortest first: `low` and `high`, the lengths of its shortest and longest
        row, `rows`, the `mean` score and its 95 % `interval`: Wilson's where all scores are 0 or
        1, else that of a normal mean, None for a single row.

    Raises:
        ValueError: if there are no rows, a number is not finite, or the two differ in length.

    Example:
        >>> for part in by_length([1, 1, 0, 1], [5, 6, 40, 80], bins=2):
        ...     print(part["low"], part["high"], part["rows"], part["mean"])
        5 6 2 1.0
        40 80 2 0.5
    """
    scores, lengths = _paired(scores, lengths, "lengths")
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1, received {bins}.")
    lengths = as_column(lengths, "lengths")
    # "inverted_cdf" cuts at lengths that occur; the last cut is the longest row.
    cuts = np.unique(np.quantile(lengths, np.arange(1, bins + 1) / bins, method="inverted_cdf"))
    index = np.searchsorted(cuts, lengths)
    table = []
    for part in range(len(cuts)):
        inside = index == part
        low, high = (_plain(end(lengths[inside])) for end in (np.min, np.max))
        table.append({"low": low, "high": high, **_summary(scores[inside], scores)})
    return table


def by_class(scores: ArrayLike, labels: ArrayLike, names: Sequence[str]) -> list[dict]:
    """The mean score of the rows of each class.

    Args:
        scores: what each row has, `(R,)`.
        labels: the class of each row, `(R,)` int.
        names: what the classes are called, `C` of them.

    Returns:
        One dict a class: `name`, and `rows`, `mean` and `interval` as in `by_length`; the last two
        are None for a class without rows.

    Raises:
        ValueError: as `by_length`, or if a label is no class.

    Example:
        >>> [part["mean"] for part in by_class([1, 0, 1], [0, 0, 1], ["bad", "good"])]
        [0.5, 1.0]
    """
    scores, labels = _paired(scores, labels, "labels")
    labels = check_labels(labels, len(names))
    return [
        {"name": name, **_summary(scores[labels == index], scores)}
        for index, name in enumerate(names)
    ]


def _paired(scores: ArrayLike, others: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    scores, others = as_column(scores, "scores"), np.asarray(others)
    if others.shape != scores.shape:
        raise ValueError(
            f"`scores` has {len(scores)} rows, `{name}` has the shape {others.shape}: expected one "
            "for each score."
        )
    return scores, others


def _summary(scores: np.ndarray, all_scores: np.ndarray) -> dict:
    rows = len(scores)
    if rows == 0:
        return {"rows": 0, "mean": None, "interval": None}
    mean = float(scores.mean())
    # Decided over all rows: a bin of fractions may hold none but zeros and ones by chance.
    if np.isin(all_scores, (0, 1)).all():
        interval = wilson_interval(scores.sum(), rows)
    elif rows > 1:
        margin = NORMAL_95 * float(scores.std(ddof=1)) / np.sqrt(rows)
        interval = float(mean - margin), float(mean + margin)
    else:
        interval = None
    return {"rows": rows, "mean": mean, "interval": interval}


def _plain(length: float) -> int | float:
    return int(length) if float(length).is_integer() else float(length)
