"""The training curve of a run as a picture, with the baselines that it has to pass."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_bert_kit.evaluation.figure_style import BLUE, DASHES, INK, ORANGE, new_figure, tidy

BASELINE_LABELS = {
    "unigram_loss": "unigram model",
    "commonest_rate": "commonest token",
    "majority_rate": "commoner answer",
}
MAXIMUM_TRAINING_POINTS = 200  # more are averaged: a line of thousands is a smear
MAXIMUM_DOTS = 40  # beyond, the dots of evaluations would touch


def training_curve(
    metrics_file: str | Path,
    path_png: str | Path,
    *,
    title: str,
    baselines: Mapping[str, float] | None = None,
) -> Path:
    """Draws masked-token loss on the left, masked-token and next-sentence accuracy on the right.

    Training is a thin line, held-out text a thick one with dots, a baseline dashed. What a run did
    not log (next sentences, say) is left out. It is drawn for a width of 830 pixels, at twice that.

    Args:
        metrics_file: what `training.monitor.Monitor` wrote, one JSON object a line.
        path_png: where to write the picture.
        title: what stands above it.
        baselines: any of `unigram_loss`, `commonest_rate` and `majority_rate`, as the functions
            of `evaluation.baselines` return them for the held-out text.

    Returns:
        `path_png` as a path.

    Raises:
        ValueError: if the file holds no masked-token results, or a baseline is not known.
    """
    baselines = dict(baselines or {})
    if unknown := baselines.keys() - BASELINE_LABELS.keys():
        raise ValueError(
            f"`baselines` may hold {', '.join(BASELINE_LABELS)}; received {', '.join(unknown)}."
        )
    curves = read_curves(metrics_file)
    if not any("masked_lm_loss" in curve for curve in curves.values()):
        raise ValueError(
            f"{metrics_file} holds no `masked_lm_loss`: expected the `metrics.jsonl` of a "
            "pre-training run that has taken at least one window of steps."
        )

    figure = new_figure(title)
    figure.get_layout_engine().set(wspace=0.04)
    left, right = figure.subplots(1, 2)

    last_step = max(steps[-1] for curve in curves.values() for steps, _ in curve.values())
    draw_curve(left, curves, "masked_lm_loss", BLUE, "held out")
    _draw_baseline(left, baselines, "unigram_loss", BLUE)
    finish_curves(left, "Masked-token loss (nats)", last_step)

    draw_curve(right, curves, "masked_lm_accuracy", BLUE, "masked tokens")
    _draw_baseline(right, baselines, "commonest_rate", BLUE)
    draw_curve(right, curves, "next_sentence_accuracy", ORANGE, "next sentence")
    _draw_baseline(right, baselines, "majority_rate", ORANGE)
    finish_curves(right, "Accuracy", last_step)
    right.set_ylim(bottom=0.0)

    path_png = Path(path_png)
    path_png.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path_png, format="png")
    return path_png


def read_curves(metrics_file: str | Path) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Reads a `metrics.jsonl` by split and name.

    Args:
        metrics_file: one JSON object a line, with `step`, `split` and numbers; `null` is NaN.

    Returns:
        `{"train": {"loss": (steps, values), ...}, "heldout": {...}}`, in the order of the file.

    Raises:
        ValueError: if a line is no such object; the message names file and line.
    """
    points = {"train": {}, "heldout": {}}
    with Path(metrics_file).open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                step, curves = record.pop("step"), points[record.pop("split")]
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ValueError(
                    f"{metrics_file}, line {number}: expected a JSON object with a `step` and the "
                    f"`split` train or heldout, received {line[:60].rstrip()!r}."
                ) from error
            for name, value in record.items():
                curves.setdefault(name, []).append((step, math.nan if value is None else value))
    return {
        split: {name: tuple(np.array(found).T) for name, found in curves.items()}
        for split, curves in points.items()
    }


def draw_curve(axes, curves: Mapping, name: str, colour: str, label: str) -> None:
    """Training as a thin line, held-out text as a thick one with its last value in the legend."""
    if name in curves["train"]:
        steps, values = _average(*curves["train"][name], MAXIMUM_TRAINING_POINTS)
        axes.plot(steps, values, color=colour, alpha=0.45, linewidth=0.9)
    if name in curves["heldout"]:
        steps, values = curves["heldout"][name]
        dots = len(steps) <= MAXIMUM_DOTS
        axes.plot(
            steps,
            values,
            color=colour,
            linewidth=1.7,
            marker="o" if dots else None,
            markersize=3.5,
            label=f"{label}: {values[-1]:.3f}",
            clip_on=False,
        )


def finish_curves(axes, title: str, last_step: float) -> None:
    """Heading, steps and legend of axes with curves."""
    tidy(axes, title, "optimizer step (thin: training, thick: held-out text)")
    axes.set_xlim(0, last_step)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    # Below the axes: inside, six lines leave no place that is free in every run.
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16)}
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False, labelcolor=INK, ncols=2, columnspacing=1.2, **below)


def _draw_baseline(axes, baselines: Mapping, name: str, colour: str) -> None:
    if name in baselines:
        label = f"{BASELINE_LABELS[name]}: {baselines[name]:.3f}"
        axes.axhline(baselines[name], color=colour, linewidth=1.1, linestyle=DASHES, label=label)


def _average(steps: np.ndarray, values: np.ndarray, maximum: int) -> tuple[np.ndarray, np.ndarray]:
    """Means over equal runs of neighbouring points, so that at most `maximum` are left."""
    per_point = math.ceil(len(steps) / maximum)
    starts = np.arange(0, len(steps), per_point)
    sizes = np.diff(np.append(starts, len(steps)))
    return tuple(np.add.reduceat(numbers, starts) / sizes for numbers in (steps, values))
