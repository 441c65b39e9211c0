"""Writes weights in the format of safetensors: `model.safetensors`, or shards and their index."""

import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.convert.safetensors_files import DTYPES, INDEX, WEIGHTS

SHARDS = f"model-{'[0-9]' * 5}-of-{'[0-9]' * 5}.safetensors"  # those written below
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_safetensors(
    folder: str | Path,
    tensors: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]],
    max_shard_bytes: float = 5e9,
) -> list[Path]:
    """Writes weights, and removes those of an earlier save in this format from the folder.

    They are written as `model.safetensors`, or as shards with their index if they are larger than
    `max_shard_bytes`. One tensor at a time is in memory: the values wait in a temporary file in
    `folder` until all shapes are known, for the header that lists them comes first. If the work
    is cut off, the folder holds the old weights, the new ones, or an index too few; never a
    mixture that can be read.

    Args:
        folder: where to write; it is made if need be.
        tensors: name and values of each, perhaps made only when asked for.
        max_shard_bytes: the most bytes of values in one file; a larger tensor has its own file.

    Returns:
        The files written.

    Raises:
        ValueError: if there is no tensor, a name occurs twice, or a type has no name in the format.
        OSError: if the files cannot be written.

    Example:
        >>> folder = tempfile.mkdtemp()
        >>> tensors = ((name, np.zeros((2, 3), np.float32)) for name in "abc")
        >>> [path.name for path in write_safetensors(folder, tensors, max_shard_bytes=48)][:2]
        ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = tensors.items() if isinstance(tensors, Mapping) else tensors
    with tempfile.TemporaryFile(dir=folder) as values:
        shards = _spool(values, pairs, max_shard_bytes)
        if len(shards) == 1:
            files = {WEIGHTS: shards[0]}
        else:
            files = {
                f"model-{number:05}-of-{len(shards):05}.safetensors": shard
                for number, shard in enumerate(shards, start=1)
            }
            # Without it, shards of the earlier save and new ones cannot be taken for one model.
            (folder / INDEX).unlink(missing_ok=True)
        for name, shard in files.items():
            write_atomically(
                folder / name, lambda file, shard=shard: _write_shard(file, shard, values)
            )
    if len(shards) > 1:
        index = {
            "metadata": {"total_size": sum(t.size for shard in shards for t in shard)},
            "weight_map": {t.name: name for name, shard in files.items() for t in shard},
        }
        content = json.dumps(index, indent=2, ensure_ascii=False).encode() + b"\n"
        write_atomically(folder / INDEX, lambda file: file.write(content))
        files[INDEX] = shards
    for earlier in (folder / INDEX, folder / WEIGHTS, *sorted(folder.glob(SHARDS))):
        if earlier.name not in files:
            earlier.unlink(missing_ok=True)
    return [folder / name for name in files]


@dataclass(frozen=True)
class _Spooled:
    """A tensor whose values wait in the temporary file."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def _spool(
    values: BinaryIO, pairs: Iterable[tuple[str, np.ndarray]], max_shard_bytes: float
) -> list[list[_Spooled]]:
    """Writes the values to the temporary file, and says which tensors make up each shard."""
    shards, names, room = [], set(), 0
    for name, array in pairs:
        array = np.asarray(array)
        dtype = array.dtype.newbyteorder("<")
        if name in names or name == "__metadata__":
            raise ValueError(
                f"The tensor name {name!r} occurs twice, or is reserved by safetensors. Give each "
                "tensor a name of its own."
            )
        if dtype not in NAMES:
            raise ValueError(
                f"The tensor {name!r} has the type {array.dtype}, which has no place in a "
                f"safetensors file here. Cast it to one of "
                f"{', '.join(known.name for known in NAMES)}."
            )
        names.add(name)
        tensor = _Spooled(name, dtype, array.shape, values.tell())
        _append(values, np.asarray(array, dtype, order="C").reshape(-1).view(np.uint8))
        if not shards or tensor.size > room:
            shards.append([])
            room = max_shard_bytes
        shards[-1].append(tensor)
        room -= tensor.size
    if not shards:
        raise ValueError("There is no tensor to write. Give at least one.")
    return shards


def _append(values: BinaryIO, content: np.ndarray) -> None:
    """Writes to the temporary file."""
    try:
        values.write(content)
        values.flush()
    except OSError as error:
        raise OSError(
            f"Could not write the weights: {error.strerror or error}. Their folder must have room "
            "for them twice while they are written; what it held before is still there."
        ) from error


def _write_shard(file: BinaryIO, shard: list[_Spooled], values: BinaryIO) -> None:
    """Writes header and values of one file."""
    # Transformers refuses a file that does not say that its tensors are laid out as PyTorch's.
    header, position = {"__metadata__": {"format": "pt"}}, 0
    # Wide types first, so that each starts at a multiple of its width.
    shard = sorted(shard, key=lambda tensor: -tensor.dtype.itemsize)
    for tensor in shard:
        end = position + tensor.size
        header[tensor.name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": tensor.shape,
            "data_offsets": (position, end),
        }
        position = end
    encoded = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    for tensor in shard:
        values.seek(tensor.offset)
        left = tensor.size
        while left:
            stretch = values.read(min(left, 1 << 20))
            file.write(stretch)
            left -= len(stretch)
