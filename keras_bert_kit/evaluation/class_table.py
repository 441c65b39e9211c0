"""One line a class: its precision, recall, F1 and how often it occurs, as numbers and as text."""

import numpy as np
from numpy.typing import ArrayLike

from keras_bert_kit.evaluation.precision_recall import number, rates


def by_class(
    names: list[str], hits: ArrayLike, predicted: ArrayLike, actual: ArrayLike
) -> dict[str, dict]:
    """Precision, recall, F1 and support by name of the class, None where undefined.

    Args:
        names: of the classes, `C` of them.
        hits: how many of each were found and right, `(C,)`.
        predicted: how many were found.
        actual: how many there were to find, its support.

    Example:
        >>> by_class(["joy"], [1], [2], [1])["joy"]
        {'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'support': 1}
    """
    found = rates(hits, predicted, actual)
    return {
        name: {rate: number(values[i]) for rate, values in found.items()}
        | {"support": int(actual[i])}
        for i, name in enumerate(names)
    }


def report(
    labels: np.ndarray,
    predicted: np.ndarray,
    names: list[str],
    found: np.ndarray,
    actual: np.ndarray,
) -> str:
    """scikit-learn's classification report of the classes that occur.

    Args:
        labels: the classes `(R,)`, or whether a row has each label `(R, C)`.
        predicted: the answers, in the same shape.
        names: of the classes, `C` of them.
        found: how often each was predicted, `(C,)`.
        actual: how often each occurs in the labels, `(C,)`.
    """
    from sklearn.metrics import classification_report

    # The classes that occur, so that its means are the ones reported beside it.
    occur = np.flatnonzero(found + actual)
    if not len(occur):
        return "No label occurs, in the data or in the predictions."
    return classification_report(
        labels,
        predicted,
        labels=occur,
        target_names=[names[i] for i in occur],
        digits=4,
        zero_division=0,
    )
