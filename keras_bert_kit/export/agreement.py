"""How what an exported file says compares with what its model says in Keras."""

from dataclasses import dataclass

import numpy as np

from keras_bert_kit.export.held_out_rows import HeldOutRows

MOST_DIFFERENCE = 1e-4  # of an output in float32; more is no rounding but a fault


@dataclass(frozen=True)
class Agreement:
    """How a file compares with its model on rows that it was not made from.

    Attributes:
        rows: how many rows.
        difference: the largest difference of an output, see `difference_of`.
        alike: the share of answers that are the same, see `HeldOutRows.alike`.
        metric: the name of the task's metric, None where it was not measured.
        of_model: the metric of the model in Keras.
        of_file: the metric of the file.
    """

    rows: int
    difference: float
    alike: float | None
    metric: str | None
    of_model: float | None
    of_file: float | None


def agreement_of(rows: HeldOutRows, difference: float, of_model, of_file) -> Agreement:
    """What there is to say of the predictions of a model and of its file."""
    metrics = [rows.metric(one) for one in (of_model, of_file)]
    name = None if metrics[0] is None else rows.task.metric
    return Agreement(len(rows.examples), difference, rows.alike(of_model, of_file), name, *metrics)


def difference_of(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of an output, of all rows together.

    Where values are larger than 1 (prices, say), it is a share of the largest: float32 rounds them
    by that.

    Args:
        found: what the file says, of any shape.
        expected: what the model says, of the same shape.

    Returns:
        The difference, NaN if a value is; 0 of nothing.

    Example:
        >>> difference_of(np.array([0.25, 1.0]), np.array([0.5, 1.0]))
        0.25
        >>> difference_of(np.array([2000.5, 1.0]), np.array([2000.0, 1.0]))
        0.00025
    """
    if not expected.size:
        return 0.0
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def check_numbers(values: np.ndarray, output: str, name: str) -> None:
    """Makes sure that an output has no NaN and nothing infinite.

    Raises:
        RuntimeError: if it has.
    """
    if not np.isfinite(values).all():
        raise RuntimeError(f"{name} gives `{output}` that are no numbers. It is not kept.")


def check_difference(difference: float, name: str) -> None:
    """Makes sure that a file in float32 differs from its model by rounding only.

    Raises:
        RuntimeError: if it does not, or the difference is no number.
    """
    if not difference <= MOST_DIFFERENCE:
        raise RuntimeError(
            f"{name} differs from the model in Keras by {difference:.1e}, but in float32 it may by "
            f"at most {MOST_DIFFERENCE:.0e}. It is not kept."
        )
