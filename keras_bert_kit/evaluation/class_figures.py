"""Figures of classes: which are taken for which, and how well each is found."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.figure_style import (
    BLUE,
    FAINT,
    INK,
    name_labels,
    new_figure,
    shown_names,
    tidy,
)
from keras_bert_kit.evaluation.scores import is_defined

MAXIMUM_COUNTED = 12  # classes; in a larger matrix the counts would not be readable
MAXIMUM_NAMED = 60  # classes; beyond, only every second, third ... has its name written


def confusion_figure(matrix: ArrayLike, names: Sequence[str], title: str = "Confusion"):
    """Expected classes in rows, predicted ones in columns; the colour is the share of the row.

    Args:
        matrix: how many rows of each class were predicted as each, `(C, C)`.
        names: the classes; see `figure_style.name_legend` for names that cannot be drawn.
        title: what stands above it.

    Returns:
        The figure. A class without rows is grey. Counts are written for up to 12 classes.

    Raises:
        ValueError: if the matrix is not square, or has another size than `names`.

    Example:
        >>> confusion_figure([[8, 2], [1, 9]], ["bad", "good"]).axes[0].get_ylabel()
        'expected'
    """
    matrix = np.asarray(matrix, np.float64)
    classes = len(names)
    if matrix.shape != (classes, classes) or not classes:
        raise ValueError(
            f"`matrix` must have a row and a column for each of the {classes} names, and there "
            f"must be one at least; received the shape {matrix.shape}."
        )
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    from matplotlib.colors import LinearSegmentedColormap

    figure = new_figure(title, height=min(8.3, 2.2 + 0.42 * classes))
    axes = figure.subplots()
    colours = LinearSegmentedColormap.from_list("house", ["#ffffff", BLUE], bad=FAINT)
    image = axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect=_aspect(classes))
    tidy(axes, x_label="predicted", y_label="expected")
    axes.grid(visible=False)

    every = -(-classes // MAXIMUM_NAMED)
    positions, shown = np.arange(classes)[::every], shown_names(names)
    size = 8.5 if classes <= 20 else max(4.5, 8.5 - 0.08 * (classes - 20))
    slant = {}
    if sum(len(name) + 2 for name in shown) > 70:
        slant = {"rotation": 90, "ha": "center"}
        if classes <= MAXIMUM_COUNTED:
            slant = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    # All names at once decide whether they are numbered, also where not all are written.
    labels = [shown[i] for i in positions]
    name_labels(axes.yaxis, positions, labels, fontsize=size)
    name_labels(axes.xaxis, positions, labels, fontsize=size, **slant)
    if classes <= MAXIMUM_COUNTED:
        for (row, column), share in np.ndenumerate(shares):
            axes.text(
                column,
                row,
                f"{matrix[row, column]:,.0f}",
                ha="center",
                va="center",
                fontsize=9 if classes <= 8 else 7.5,
                color="white" if share > 0.55 else INK,
            )
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02)
    bar.ax.tick_params(labelsize=8, colors=INK, length=0)
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    bar.outline.set_visible(False)
    bar.set_label("share of the expected class", fontsize=8.5, color=INK)
    return figure


def class_scores_figure(
    classes: Mapping[str, Mapping[str, float | None]], metric: str = "f1", title: str = "Classes"
):
    """A bar for each class, best first, with how many rows it has.

    Args:
        classes: metrics by class, each with `metric` and perhaps `support`, as the metrics have
            them under `classes`.
        metric: what to draw.
        title: what stands above it.

    Returns:
        The figure; where the metric of a class is not defined it says so.

    Raises:
        ValueError: if there are no classes, or one lacks the metric.

    Example:
        >>> figure = class_scores_figure({"good": {"f1": 0.9, "support": 10}, "bad": {"f1": 0.5}})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['0.900  (10)', '0.500']
    """
    if not classes:
        raise ValueError("`classes` is empty: expected at least one class.")
    for name, found in classes.items():
        if metric not in found:
            raise ValueError(f"The class {name!r} has no {metric!r}; it has {', '.join(found)}.")
    shown = dict(zip(classes, shown_names(list(classes)), strict=True))
    values = {name: found[metric] for name, found in classes.items()}
    known = {name: value if is_defined(value) else -1.0 for name, value in values.items()}
    order = sorted(classes, key=lambda name: -known[name])
    size = 8.5 if len(order) <= 30 else 6.5

    figure = new_figure(title, height=1.0 + len(order) * (0.24 if len(order) <= 30 else 0.15))
    axes = figure.subplots()
    for i, name in enumerate(order):
        axes.barh(i, max(known[name], 0.0), color=BLUE, height=0.7)
        text = f"{values[name]:.3f}" if is_defined(values[name]) else "not defined"
        if is_defined(classes[name].get("support")):
            text += f"  ({classes[name]['support']:,})"
        axes.text(max(known[name], 0.0) + 0.01, i, text, va="center", fontsize=size, color=INK)
    has_rows = any("support" in found for found in classes.values())
    tidy(axes, x_label=f"{metric}  (rows)" if has_rows else metric)
    axes.grid(visible=False, axis="y")
    name_labels(axes.yaxis, range(len(order)), [shown[name] for name in order], fontsize=size)
    axes.set_xlim(0, 1.15)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_ylim(len(order) - 0.4, -0.6)
    return figure


def _aspect(classes: int) -> str:
    """Few classes would make squares as high as the page."""
    return "auto" if classes <= MAXIMUM_COUNTED else "equal"
