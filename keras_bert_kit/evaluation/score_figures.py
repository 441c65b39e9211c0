"""Figures of numbers: the model among its baselines, by length, by confidence, against values."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.figure_style import (
    BLUE,
    DASHES,
    INK,
    ORANGE,
    name_labels,
    new_figure,
    shown_names,
    tidy,
)
from keras_bert_kit.evaluation.scores import Score, as_score, format_number, is_defined

MAXIMUM_DOTS = 5_000  # of a scatter: more are one blot; the rest is left out and said
LONGEST_SYSTEM = 36  # characters of what a model or a baseline is called


def scores_figure(
    scores: Mapping[str, Score | float | None], metric: str, title: str = "Model and baselines"
):
    """A dot for each, with its interval: the model, which comes first, and the baselines.

    Args:
        scores: by name, the model first; what is not defined is said to be so.
        metric: what was measured.
        title: what stands above it.

    Returns:
        The figure. The line is the interval, or the deviation over seeds where there is no
        interval.

    Raises:
        ValueError: if there is no score.

    Example:
        >>> scores_figure({"BERT": Score(0.83, low=0.8, high=0.86), "majority": 0.5}, "f1").axes
        ... # doctest: +ELLIPSIS
        [<Axes: ...
    """
    if not scores:
        raise ValueError("`scores` is empty: expected the model's at least.")
    figure = new_figure(title, height=1.2 + 0.36 * len(scores))
    axes = figure.subplots()
    found = [as_score(score) for score in scores.values()]
    ends = []
    for i, score in enumerate(found):
        colour = BLUE if i == 0 else ORANGE
        if not is_defined(score.value):
            continue
        low, high = _ends(score)
        ends += [low, high]
        axes.plot([low, high], [i, i], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot([score.value], [i], "o", color=colour, markersize=7)
    tidy(axes, x_label=metric)
    axes.grid(visible=False, axis="y")
    name_labels(axes.yaxis, range(len(found)), shown_names(list(scores), LONGEST_SYSTEM))
    axes.set_ylim(len(found) - 0.4, -0.6)
    least, most = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = 0.06 * (most - least) or 0.05
    axes.set_xlim(least - margin, most + margin)
    # The numbers in a column of their own: beside the dots they would lie on the intervals.
    right = axes.secondary_yaxis("right")
    labels = [str(score) if is_defined(score.value) else "not defined" for score in found]
    name_labels(right.yaxis, range(len(found)), labels)
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    return figure


def lengths_figure(
    parts: Sequence[Mapping], score: str = "accuracy", title: str = "By length", unit: str = "words"
):
    """A bar for each range of lengths, with its interval and how many rows it has.

    Args:
        parts: as `breakdown.by_length` returns them: `low`, `high`, `rows`, `mean`, `interval`.
        score: what the mean is of.
        title: what stands above it.
        unit: of the lengths.

    Returns:
        The figure.

    Raises:
        ValueError: if there are no parts.

    Example:
        >>> parts = [{"low": 1, "high": 9, "rows": 20, "mean": 0.8, "interval": (0.6, 0.9)}]
        >>> lengths_figure(parts).axes[0].get_ylabel()
        'accuracy'
    """
    if not parts:
        raise ValueError("`parts` is empty: expected at least one range of lengths.")
    figure = new_figure(title, height=3.4)
    axes = figure.subplots()
    top = 0.0
    for i, part in enumerate(parts):
        mean = part["mean"] if is_defined(part["mean"]) else 0.0
        low, high = part["interval"] or (mean, mean)
        axes.bar(i, mean, color=BLUE, width=0.6, alpha=0.85)
        axes.plot([i, i], [low, high], color=INK, linewidth=1.5)
        text = format_number(mean) if is_defined(part["mean"]) else "not defined"
        # To the right of the line, which would cross it.
        axes.annotate(text, (i, mean), (5, 3), textcoords="offset points", fontsize=8.5, color=INK)
        top = max(top, high, mean)
    tidy(axes, x_label=f"length in {unit}", y_label=score)
    axes.grid(visible=False, axis="x")
    ranges = [
        f"{part['low']:,}"
        if part["low"] == part["high"]
        else f"{part['low']:,} to {part['high']:,}"
        for part in parts
    ]
    crowded = len(parts) > 8
    labels = [
        f"{length}\n{_rows(part['rows'])}" for length, part in zip(ranges, parts, strict=True)
    ]
    axes.set_xticks(
        range(len(parts)), labels=labels, fontsize=6.5 if crowded else 8.5, color=INK,
        rotation=45 if crowded else 0,
    )  # fmt: skip
    axes.set_xlim(-0.6, len(parts) - 0.4)
    axes.set_ylim(0, top * 1.12 or 1.0)
    return figure


def reliability_figure(
    bins: Sequence[Mapping], error: float | None = None, title: str = "Calibration"
):
    """Accuracy by confidence, and below it how many rows have which confidence.

    Args:
        bins: as `calibration.reliability` returns them.
        error: the expected calibration error, to write beside it.
        title: what stands above it.

    Returns:
        The figure: a dot on the diagonal is a model that is right as often as it says.

    Raises:
        ValueError: if no bin has a row.

    Example:
        >>> from keras_bert_kit.evaluation.calibration import reliability
        >>> len(reliability_figure(reliability([1, 0, 1], [0.9, 0.6, 0.8])).axes)
        2
    """
    filled = [part for part in bins if part["rows"]]
    if not filled:
        raise ValueError("`bins` hold no row: expected what `calibration.reliability` returns.")
    figure = new_figure(title, height=4.6)
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=DASHES, label="as sure as right")
    label = "model" if not is_defined(error) else f"model, calibration error {error:.3f}"
    confidence = [part["confidence"] for part in filled]
    accuracy = [part["accuracy"] for part in filled]
    for part in filled:
        above.plot([part["confidence"]] * 2, part["interval"], color=BLUE, linewidth=1.2, alpha=0.5)
    above.plot(
        confidence,
        accuracy,
        "o-",
        color=BLUE,
        linewidth=1.7,
        markersize=4.5,
        label=label,
        clip_on=False,
    )
    tidy(above, y_label="accuracy")
    above.set_ylim(0, 1)
    above.set_xlim(0, 1)
    above.legend(fontsize=8.5, frameon=False, labelcolor=INK, loc="upper left")
    below.bar(
        [part["low"] for part in bins],
        [part["rows"] for part in bins],
        width=[part["high"] - part["low"] for part in bins],
        align="edge",
        color=BLUE,
        alpha=0.85,
        edgecolor="white",
    )
    tidy(below, x_label="confidence", y_label="rows")
    below.yaxis.set_major_formatter(lambda rows, _: f"{rows:,.0f}")
    below.locator_params(axis="y", nbins=3, integer=True)
    return figure


def values_figure(values: ArrayLike, predicted: ArrayLike, title: str = "Expected and predicted"):
    """A dot for each row of a regression; on the dashes the prediction is exact.

    Args:
        values: what the rows say, `(R,)`.
        predicted: what the model says, `(R,)`.
        title: what stands above it.

    Returns:
        The figure. Rows without a number are left out, and so are those after the first 5,000:
        both are counted below it.

    Raises:
        ValueError: if the two differ in length, or no row has both numbers.

    Example:
        >>> values_figure([1.0, 2.0], [1.5, 1.5]).axes[0].get_ylabel()
        'predicted'
    """
    values, predicted = np.asarray(values, np.float64), np.asarray(predicted, np.float64)
    if values.shape != predicted.shape or values.ndim != 1:
        raise ValueError(
            "`values` and `predicted` must be columns of one length; received "
            f"{values.shape} and {predicted.shape}."
        )
    defined = np.flatnonzero(np.isfinite(values) & np.isfinite(predicted))
    if not len(defined):
        raise ValueError("No row has both an expected and a predicted number.")
    drawn = defined[:MAXIMUM_DOTS]
    notes = []
    if len(defined) < len(values):
        notes.append(f"{_rows(len(values) - len(defined))} without a number")
    if len(drawn) < len(defined):
        notes.append(f"{_rows(len(defined) - len(drawn))} more, not drawn")

    figure = new_figure(title, height=4.6)
    axes = figure.subplots()
    alpha = float(np.clip(200 / len(drawn), 0.2, 0.8))
    axes.plot(values[drawn], predicted[drawn], "o", color=BLUE, alpha=alpha, markersize=4,
              markeredgewidth=0)  # fmt: skip
    ends = [values[drawn].min(), values[drawn].max()]
    axes.plot(ends, ends, color=INK, linewidth=1, linestyle=DASHES)
    tidy(axes, x_label="; ".join(("expected", *notes)), y_label="predicted")
    return figure


def _ends(score: Score) -> tuple[float, float]:
    if is_defined(score.low) and is_defined(score.high):
        return score.low, score.high
    deviation = score.deviation if is_defined(score.deviation) else 0.0
    return score.value - deviation, score.value + deviation


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
