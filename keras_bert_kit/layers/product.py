"""A product of matrices that reads one of them by its rows."""

import keras
from keras import ops

ON_TENSORFLOW = keras.config.backend() == "tensorflow"
if ON_TENSORFLOW:
    import tensorflow as tf


def times_transposed(a, b):
    """Multiplies each row of `a` with each row of `b`, of one type.

    TensorFlow reads `b` as it lies, and makes its gradient so. Of a transposed one the gradient
    would be copied, which for a vocabulary is 3 % of a step.

    Args:
        a: `(..., M, D)`.
        b: `(..., N, D)`.

    Returns:
        `(..., M, N)`.

    Example:
        >>> times_transposed(ops.ones((2, 3)), ops.ones((5, 3))).shape.as_list()
        [2, 5]
    """
    if ON_TENSORFLOW:
        return tf.matmul(a, b, transpose_b=True)
    return ops.matmul(a, ops.swapaxes(b, -1, -2))
