"""How far a metric would move on other rows of the same kind: intervals by resampling the rows.

A test set is a sample. Draw as many rows from it, with replacement, a thousand times: the metric's
values spread as they would over a thousand test sets. Two systems are compared on the same rows,
which is far sharper than to compare their intervals: most rows are as hard for one as for the
other.

Of few rows the plain percentiles make intervals too narrow: they leave out that the spread is an
estimate too, which Student's t counts in. They are taken further out by as much (Hesterberg's
"expanded" percentiles), which is the same from some hundred rows on.
"""

import logging
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from scipy.special import ndtr, stdtrit

from keras_bert_kit.evaluation.baselines import wilson_interval

# Takes row indices, with repeats, and gives the metrics of those rows: see `row_scores`.
Score = Callable[[np.ndarray], Mapping[str, float | None]]
# Metrics that are a share of right rows, or of what rows are made of.
SHARES = ("accuracy", "exact_match", "hamming_accuracy")

logger = logging.getLogger(__name__)


def bootstrap_intervals(
    score: Score,
    num_rows: int,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """Percentile bootstrap intervals of all metrics that `score` gives.

    Args:
        score: from row indices `(R,)` to metrics by name, as `row_scores` makes them.
        num_rows: how many rows there are, `R`.
        resamples: how many times `R` rows are drawn.
        confidence: the share of resamples that an interval holds, its ends equally far out.
        seed: of the draws; the same seed gives the same intervals.

    Returns:
        `(low, high)` by name. Resamples in which a metric is None are left out of its interval,
        with one warning that counts them. Where all resamples are alike they say nothing of other
        rows: a share of rows that are all right, or all wrong, has Wilson's interval then, any
        other metric None, as has one without a value.

    Raises:
        ValueError: if a number makes no sense.

    Example:
        >>> import numpy as np
        >>> correct = np.repeat([1.0, 0.0], [80, 20])
        >>> bootstrap_intervals(lambda rows: {"accuracy": correct[rows].mean()}, 100)
        {'accuracy': (0.72, 0.88)}

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3; Hesterberg,
        "What Teachers Should Know About the Bootstrap" (2015), section 5.2.
    """
    samples: dict[str, list] = {}
    for rows in _resampled(num_rows, resamples, confidence, seed):
        for name, value in score(rows).items():
            samples.setdefault(name, []).append(value)
    arrays = {name: _defined(values) for name, values in samples.items()}
    _log_undefined({name: resamples - len(values) for name, values in arrays.items()}, resamples)
    intervals = {}
    for name, values in arrays.items():
        if not len(values) or values.min() < values.max():
            intervals[name] = _percentiles(values, num_rows, confidence)
        elif name in SHARES and values[0] in (0, 1):
            intervals[name] = wilson_interval(values[0] * num_rows, num_rows, confidence)
        else:
            intervals[name] = None
    return intervals


def paired_bootstrap(
    score_a: Score,
    score_b: Score,
    num_rows: int,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, float] | None]:
    """The difference of two systems on the same rows, and whether other rows would turn it.

    Args:
        score_a: of one system, from row indices to metrics by name.
        score_b: of the other, over the same rows in the same order.
        num_rows: how many rows there are.
        resamples: how many times as many rows are drawn.
        confidence: the share of resamples that an interval holds.
        seed: of the draws.

    Returns:
        By the name of each metric that both have: `difference` (A minus B on all rows), the ends
        of its interval `low` and `high`, and `share_higher`, the share of resamples in which A is
        higher than B. An interval that does not hold 0 is a difference that is more than luck.
        None for a metric that has no difference on all rows, or in no resample.

    Raises:
        ValueError: if a number makes no sense, or the systems have no metric in common.

    Example:
        >>> import numpy as np
        >>> a, b = np.repeat([1.0, 0.0], [80, 20]), np.repeat([1.0, 0.0], [70, 30])
        >>> scores = [lambda rows, x=x: {"accuracy": x[rows].mean()} for x in (a, b)]
        >>> found = paired_bootstrap(*scores, 100)["accuracy"]
        >>> {name: round(float(value), 3) for name, value in found.items()}
        {'difference': 0.1, 'low': 0.04, 'high': 0.16, 'share_higher': 1.0}

    Reference:
        Berg-Kirkpatrick, Burkett and Klein, "An Empirical Investigation of Statistical
        Significance in NLP" (2012).
    """
    draws = _resampled(num_rows, resamples, confidence, seed)
    all_rows = np.arange(num_rows)
    of_all = _differences(score_a(all_rows), score_b(all_rows))
    if not of_all:
        raise ValueError("`score_a` and `score_b` have no metric in common: nothing to compare.")
    samples: dict[str, list] = {name: [] for name in of_all}
    for rows in draws:
        for name, value in _differences(score_a(rows), score_b(rows)).items():
            samples[name].append(value)
    arrays = {name: _defined(values) for name, values in samples.items()}
    _log_undefined({name: resamples - len(values) for name, values in arrays.items()}, resamples)
    result: dict[str, dict[str, float] | None] = {}
    for name, values in arrays.items():
        ends = _percentiles(values, num_rows, confidence)
        if ends is None or of_all[name] is None:
            result[name] = None
            continue
        result[name] = {
            "difference": float(of_all[name]),
            "low": ends[0],
            "high": ends[1],
            "share_higher": float(np.mean(values > 0)),
        }
    return result


def _resampled(num_rows: int, resamples: int, confidence: float, seed: int) -> Iterator[np.ndarray]:
    """Row indices, drawn with replacement; checks at once, draws when iterated."""
    if num_rows < 1:
        raise ValueError(f"`num_rows` must be positive, received {num_rows}: nothing to draw from.")
    if resamples < 1:
        raise ValueError(f"`resamples` must be positive, received {resamples}.")
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must be between 0 and 1, received {confidence}.")
    random = np.random.default_rng(seed)
    return (random.integers(num_rows, size=num_rows) for _ in range(resamples))


def _differences(a: Mapping, b: Mapping) -> dict[str, float | None]:
    return {
        name: None if a[name] is None or b[name] is None else a[name] - b[name]
        for name in a
        if name in b
    }


def _defined(values: list) -> np.ndarray:
    values = np.array([np.nan if value is None else value for value in values], np.float64)
    return values[~np.isnan(values)]


def _percentiles(
    values: np.ndarray, num_rows: int, confidence: float
) -> tuple[float, float] | None:
    if not len(values):
        return None
    tail = (1 - confidence) / 2
    if num_rows > 1:
        quantile = stdtrit(num_rows - 1, tail) * np.sqrt(num_rows / (num_rows - 1))
        tail = ndtr(quantile)
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _log_undefined(undefined: Mapping[str, int], resamples: int) -> None:
    counts = [f"{name} {count}" for name, count in undefined.items() if count]
    if counts:
        logger.warning(
            "Left out of the intervals, of %d resamples each: %s. In those it has no value, as for "
            "a class that is so rare that none of its rows was drawn.",
            resamples,
            ", ".join(counts),
        )
