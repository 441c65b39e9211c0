"""The learning curves of a fine-tuning run: its loss, and the metric of the task."""

from pathlib import Path

from keras_bert_kit.evaluation.curves import draw_curve, finish_curves, read_curves
from keras_bert_kit.evaluation.figure_style import BLUE, new_figure


def learning_figure(
    metrics_file: str | Path, metric: str, loss: str = "loss", title: str = "Learning curves"
):
    """The loss on the left, the metric on the right; training thin, held-out rows thick.

    Args:
        metrics_file: a run's `metrics.jsonl`, as `curves.read_curves` reads it.
        metric: the name that the metric has in it.
        loss: the name that the loss has in it.
        title: what stands above it.

    Returns:
        The figure.

    Raises:
        ValueError: if the file has neither loss nor metric, or is no such file.
    """
    curves = read_curves(metrics_file)
    names = {name for curve in curves.values() for name in curve}
    shown = [name for name in (loss, metric) if name in names]
    if not shown:
        raise ValueError(
            f"{metrics_file} has neither {loss!r} nor {metric!r}; it has "
            f"{', '.join(sorted(names)) or 'no numbers at all'}."
        )
    last_step = max(steps[-1] for curve in curves.values() for steps, _ in curve.values())
    figure = new_figure(title)
    figure.get_layout_engine().set(wspace=0.04)
    for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        draw_curve(axes, curves, name, BLUE, "held out")
        finish_curves(axes, name.replace("_", " ").capitalize(), last_step)
    return figure
