"""How every weight matrix of BERT starts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import keras

STANDARD_DEVIATION = 0.02

_substitute: ContextVar[Callable | None] = ContextVar("substitute", default=None)


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class FirstMatrix(keras.initializers.TruncatedNormal):
    """A truncated normal distribution, or within `first_matrices` what stands in for it."""

    def __call__(self, shape, dtype=None):
        """The values, of `shape` and `dtype`."""
        substitute = _substitute.get()
        return super().__call__(shape, dtype) if substitute is None else substitute(shape, dtype)


def truncated_normal() -> keras.initializers.Initializer:
    """A normal distribution of deviation 0.02, cut at two deviations.

    Reference:
        `initializer_range` in https://github.com/google-research/bert/blob/master/modeling.py
    """
    return FirstMatrix(stddev=STANDARD_DEVIATION)


@contextmanager
def first_matrices(substitute: Callable) -> Iterator[None]:
    """Within it, weight matrices are built with other first values.

    A model whose weights come from a file need not draw a hundred million random numbers first.

    Args:
        substitute: from a shape and a dtype to the values.

    Example:
        >>> with first_matrices(keras.ops.ones):
        ...     float(truncated_normal()((1, 1), "float32")[0, 0])
        1.0
    """
    token = _substitute.set(substitute)
    try:
        yield
    finally:
        _substitute.reset(token)
