"""What a model must beat: results that need no model, and the interval around a rate.

A loss or an accuracy says little by itself. Beside it belongs what could be had by knowing nothing
but how often each token or label occurs. Here those frequencies are taken from the very tokens or
labels that are scored, which no model could know beforehand: the strictest of such baselines.
"""

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike


def unigram_entropy(counts: ArrayLike) -> float:
    """The loss of the best guess that ignores the context: `H = -sum_i p_i ln p_i`, in nats.

    With `p_i = counts_i / sum(counts)` this is the mean cross-entropy over the counted tokens of
    predicting `p` every time, and no other fixed distribution has a lower one.

    Args:
        counts: how often each token occurs among those that are scored, any shape, for instance
            `(V,)`.

    Returns:
        The entropy in nats, comparable with a masked-token loss on the same tokens.

    Raises:
        ValueError: if a count is negative, or all are zero.

    Example:
        >>> round(unigram_entropy([2, 1, 1, 0]), 4)  # 1/2 ln 2 + 2 * 1/4 ln 4 = 1.5 ln 2
        1.0397

    Reference:
        Shannon, "A Mathematical Theory of Communication" (1948), section 6.
    """
    counts = _as_counts(counts)
    probabilities = counts[counts > 0] / counts.sum()
    # Adding zero turns the -0.0 of a single token into 0.0.
    return float(-np.sum(probabilities * np.log(probabilities))) + 0.0


def unigram_loss(counts, training_counts) -> float:
    """The cross-entropy of tokens under the frequencies of a training text, in nats.

    `-sum_v n_v / n log q_v` with `q_v = (m_v + 1) / (m + V)`: what a model without context pays
    for these tokens when it has learned the frequencies `m` (one added to each, so that none is
    impossible).

    Args:
        counts: how often each token occurs among those scored, at most `(V,)`.
        training_counts: how often it occurs in the training text, `(V,)`.

    Raises:
        ValueError: if there is no token to score, or one that the training counts do not cover.

    Example:
        >>> round(unigram_loss([1, 1], [5, 2, 0]), 4)  # q = 0.6, 0.3, 0.1
        0.8574

    Reference:
        Jurafsky and Martin, Speech and Language Processing, section 3.5 (add-one smoothing).
    """
    counts = np.asarray(counts, np.float64)
    training_counts = np.asarray(training_counts, np.float64)
    if counts.sum() == 0:
        raise ValueError("There is no token to score: all counts are 0.")
    if len(counts) > len(training_counts):
        raise ValueError(
            f"There are {len(counts)} tokens to score, but training counts of only "
            f"{len(training_counts)}: both must be of one vocabulary."
        )
    share = (training_counts + 1) / (training_counts + 1).sum()
    return float(-(counts * np.log(share[: len(counts)])).sum() / counts.sum())


def commonest_rate(counts: ArrayLike) -> float:
    """The accuracy of always guessing the commonest token: `max(counts) / sum(counts)`.

    Args:
        counts: how often each token occurs among those that are scored, any shape.

    Returns:
        The accuracy, between 0 and 1.

    Raises:
        ValueError: if a count is negative, or all are zero.

    Example:
        >>> commonest_rate([2, 1, 1, 0])
        0.5
    """
    counts = _as_counts(counts)
    return float(counts.max() / counts.sum())


def majority_rate(labels: Iterable) -> float:
    """The accuracy of always guessing the commonest label.

    Args:
        labels: the labels that are scored, numbers or strings, `(B,)`.

    Returns:
        The accuracy, between 0 and 1.

    Raises:
        ValueError: if there are no labels.

    Example:
        >>> majority_rate(["noun", "verb", "noun", "noun"])
        0.75
    """
    labels = np.asarray(labels if isinstance(labels, np.ndarray) else list(labels))
    if labels.size == 0:
        raise ValueError("`labels` is empty: a majority needs at least one label.")
    return commonest_rate(np.unique(labels, return_counts=True)[1])


def wilson_interval(
    successes: float, total: float, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of true rates under which a rate seen in a sample is not unlikely.

    With `p = successes / total`, `n = total` and `z` the normal quantile of `(1 + confidence) / 2`:

        (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    Unlike `p -+ z sqrt(p (1 - p) / n)` it stays within 0 and 1, and is no single point at either
    end. It takes the trials as independent.

    Args:
        successes: how many of the trials succeeded.
        total: how many trials there were.
        confidence: the share of samples whose interval holds the true rate.

    Returns:
        The lower and the upper end, each between 0 and 1.

    Raises:
        ValueError: if `total` is not positive, `successes` not between 0 and `total`, or
            `confidence` not between 0 and 1.

    Example:
        >>> low, high = wilson_interval(55, 100)
        >>> print(f"{low:.3f} to {high:.3f}")
        0.452 to 0.644

    Reference:
        Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927);
        Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion" (2001), section 3.
    """
    if not total > 0:
        raise ValueError(f"`total` must be positive, received {total}.")
    if not 0 <= successes <= total:
        raise ValueError(
            f"`successes` must be between 0 and `total`, received {successes} of {total}."
        )
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must be between 0 and 1, received {confidence}.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / total
    centre = rate + z**2 / (2 * total)
    margin = z * np.sqrt(rate * (1 - rate) / total + z**2 / (4 * total**2))
    # Rounding may take the ends a hair past 0 and 1, and past the rate itself.
    low, high = (end / (1 + z**2 / total) for end in (centre - margin, centre + margin))
    return float(min(max(low, 0.0), rate)), float(max(min(high, 1.0), rate))


def _as_counts(counts: ArrayLike) -> np.ndarray:
    counts = np.asarray(counts, np.float64)
    if (counts < 0).any():
        raise ValueError(f"`counts` must not be negative, received {counts.min():g}.")
    if not counts.sum() > 0:
        raise ValueError("`counts` are all zero: a baseline needs at least one scored token.")
    return counts
