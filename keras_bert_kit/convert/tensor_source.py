"""What every reader of weights offers, whatever the format of its file."""

from typing import Protocol

import numpy as np


class TensorSource(Protocol):
    """Named tensors, in the order of the file, of which one is read at a time.

    Nothing is kept: a tensor that is read twice comes twice from the disk. A name that is not there
    is a `ValueError` that lists those that resemble it.

    Example:
        >>> def parameters(source: TensorSource) -> int:
        ...     return sum(int(np.prod(source.shape(name))) for name in source.names())
    """

    def names(self) -> tuple[str, ...]:
        """The names of the tensors."""
        ...

    def __contains__(self, name: str) -> bool:
        """Whether there is a tensor `name`."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the tensor `name`, from the file's table: nothing is read."""
        ...

    def dtype(self, name: str) -> np.dtype:
        """The type that the tensor `name` has in the file."""
        ...

    def read(self, name: str, rows: slice | None = None) -> np.ndarray:
        """Reads the tensor `name`, or some rows of it.

        Args:
            name: of the tensor.
            rows: `slice(start, stop)` of axis 0, so that a large table is read in stretches.

        Returns:
            The values, as float32 if they are of a floating type, else of the type of the file; an
            array, or a tensor that NumPy takes for one.
        """
        ...
