"""Tensors that lie in files as plain numbers, read from where they lie."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

FLOATING = tuple(np.dtype(t) for t in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16))


@dataclass(frozen=True)
class StoredTensor:
    """Where the values of one tensor are.

    Args:
        path: the file.
        dtype: the type of its values there, little endian.
        shape: its shape.
        strides: per axis, how many values lie between one entry and the next.
        offset: at which byte of the file its first value starts.
    """

    path: Path
    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    @property
    def span(self) -> int:
        """The number of values from its first to its last, with those between that it skips."""
        if 0 in self.shape:
            return 0
        steps = zip(self.shape, self.strides, strict=True)
        return 1 + sum((size - 1) * stride for size, stride in steps)

    def read(self, rows: slice | None = None) -> np.ndarray:
        """Reads its values, or those of some rows; see `TensorSource.read`.

        Raises:
            ValueError: if `rows` has a step, or the tensor no axis to take rows of.
            OSError: if the file has become shorter.
        """
        part = self if rows is None else self._rows(rows)
        # Read rather than mapped: the pages of a map count as memory of this process.
        values = np.empty(part.span, part.dtype)
        with part.path.open("rb") as file:
            file.seek(part.offset)
            if file.readinto(values.view(np.uint8)) != values.nbytes:
                raise OSError(
                    f"{part.path} ended while a tensor was read from it: it has changed since it "
                    "was opened. Open it again."
                )
        strides = [stride * part.dtype.itemsize for stride in part.strides]
        values = np.lib.stride_tricks.as_strided(values, part.shape, strides)
        return np.asarray(values, np.float32 if part.dtype in FLOATING else part.dtype, order="C")

    def _rows(self, rows: slice) -> "StoredTensor":
        """The tensor that consists of these rows."""
        if not self.shape or rows.step not in (None, 1):
            raise ValueError(
                f"`rows` must be `slice(start, stop)` of a tensor with an axis, not {rows} of one "
                f"with the shape {self.shape}. Leave `rows` out to read all of it."
            )
        start, stop, _ = rows.indices(self.shape[0])
        shape = (max(0, stop - start), *self.shape[1:])
        offset = self.offset + start * self.strides[0] * self.dtype.itemsize
        return StoredTensor(self.path, self.dtype, shape, self.strides, offset)


class StoredTensors:
    """A `TensorSource` of tensors that lie in one file or several.

    Args:
        origin: the file that was opened, for messages.
        tensors: where each tensor lies, by name.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "numbers"
        >>> path.write_bytes(np.arange(6, dtype="<f2").tobytes())
        12
        >>> tensor = StoredTensor(path, np.dtype("<f2"), (3, 2), strides=(2, 1), offset=0)
        >>> StoredTensors(path, {"table": tensor}).read("table", rows=slice(1, 3)).tolist()
        [[2.0, 3.0], [4.0, 5.0]]
    """

    def __init__(self, origin: Path, tensors: Mapping[str, StoredTensor]):
        self.origin = origin
        self._tensors = dict(tensors)

    def names(self) -> tuple[str, ...]:
        """The names of the tensors, in the order of the file."""
        return tuple(self._tensors)

    def __contains__(self, name: str) -> bool:
        """Whether there is a tensor `name`."""
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the tensor `name`."""
        return self.find(name).shape

    def dtype(self, name: str) -> np.dtype:
        """The type that the tensor `name` has in the file."""
        return self.find(name).dtype

    def read(self, name: str, rows: slice | None = None) -> np.ndarray:
        """Reads the tensor `name`, or some rows of it; see `TensorSource.read`."""
        return self.find(name).read(rows)

    def find(self, name: str) -> StoredTensor:
        """Where the tensor `name` lies.

        Raises:
            ValueError: if there is none of that name.
        """
        if name not in self._tensors:
            similar = difflib.get_close_matches(name, self._tensors, n=3, cutoff=0.5)
            hint = f"Similar names: {', '.join(similar)}" if similar else "No name resembles it"
            raise ValueError(
                f"{self.origin} holds no tensor {name!r} among its {len(self._tensors)}. {hint}."
            )
        return self._tensors[name]


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in values, of a tensor whose values lie one after the other.

    Example:
        >>> contiguous_strides((4, 3, 2))
        (6, 2, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
