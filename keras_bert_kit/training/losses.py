"""Losses as sums over sums: the weighted sum of the terms over the sum of their weights.

A batch of masked-token predictions has another number of real predictions every time. Dividing by
the number of slots, as Keras does by default, weighs a prediction less when its batch has more
padding; dividing by the sum of weights makes every prediction count the same.
"""

import keras
from keras import ops


def cross_entropy() -> keras.losses.Loss:
    """The mean over weights of `-log softmax(logits)[label]`, in nats."""
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )


def weighted_sums(values, weights=None):
    """The numerator and the denominator of a weighted mean.

    Args:
        values: a tensor of any shape.
        weights: a tensor of the same shape, one weight a value; none means all ones.

    Returns:
        Two float32 scalars, `sum(values * weights)` and `sum(weights)`.

    Raises:
        ValueError: if `weights` has not as many axes as `values`.

    Example:
        >>> numerator, denominator = weighted_sums(ops.array([2.0, 4.0]), ops.array([1.0, 0.0]))
        >>> float(numerator), float(denominator)
        (2.0, 1.0)
    """
    values = ops.cast(values, "float32")
    weights = ops.ones_like(values) if weights is None else ops.cast(weights, "float32")
    if len(weights.shape) != len(values.shape):
        raise ValueError(
            "There must be one weight for each term of a loss; received weights of shape "
            f"{tuple(weights.shape)} for terms of shape {tuple(values.shape)}. Repeat a row's "
            "weight for each of its terms."
        )
    return ops.sum(values * weights), ops.sum(weights)
