"""How good a model is by the number of rows that it learned from."""

from collections.abc import Mapping

import numpy as np

from keras_bert_kit.evaluation.figure_style import BLUE, INK, ORANGE, new_figure, tidy
from keras_bert_kit.evaluation.scores import Score

GREY = "#8a8a8a"


def rows_figure(
    scores: Mapping[str, Mapping[int, Score]],
    baselines: Mapping[str, Mapping[int, float]],
    metric: str,
    title: str = "What pre-training is worth",
):
    """Draws a line for each way of training, over the number of rows, and baselines in grey.

    Args:
        scores: by name, by number of training rows, mean and deviation over seeds.
        baselines: by name, by number of rows, one number.
        metric: what was measured.
        title: what stands above it.

    Returns:
        The figure; the band is one deviation to either side.

    Example:
        >>> scores = {"pretrained": {100: Score(0.6), 1000: Score(0.7)}}
        >>> figure = rows_figure(scores, {}, "accuracy")
        >>> len(figure.axes[0].lines)
        1
    """
    figure = new_figure(title)
    axes = figure.subplots()
    for (name, found), colour in zip(scores.items(), (BLUE, ORANGE, INK), strict=False):
        rows = sorted(found)
        values = np.array([found[n].value for n in rows])
        deviations = np.array([found[n].deviation or 0.0 for n in rows])
        axes.plot(rows, values, color=colour, marker="o", markersize=4, label=name)
        axes.fill_between(
            rows, values - deviations, values + deviations, color=colour, alpha=0.2, linewidth=0
        )
    for (name, found), style in zip(baselines.items(), (":", "--", "-."), strict=False):
        rows = sorted(found)
        axes.plot(rows, [found[n] for n in rows], color=GREY, linestyle=style, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda rows, _: f"{rows:,.0f}")
    tidy(axes, "", "training rows", metric)
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    return figure
