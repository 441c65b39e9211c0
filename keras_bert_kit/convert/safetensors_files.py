"""Reads weights in the format of safetensors: `model.safetensors`, or shards and their index.

Reference:
    The format, https://huggingface.co/docs/safetensors: the length of the header in eight bytes,
    the header as JSON, and the values of the tensors one after the other.
"""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from keras_bert_kit.convert.stored_tensors import StoredTensor, StoredTensors, contiguous_strides
from keras_bert_kit.convert.weight_files import open_weight_files

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


def open_safetensors(path: str | Path) -> StoredTensors:
    """Opens weights for reading.

    Args:
        path: a `.safetensors` file, an `.index.json`, or a folder with `model.safetensors` or, if
            it has none, with `model.safetensors.index.json`.

    Returns:
        The tensors, none of which has been read yet.

    Raises:
        FileNotFoundError: if there is no such file, or a shard is missing.
        ValueError: if a file is damaged, or the index does not fit the shards.

    Example:
        >>> import tempfile
        >>> from safetensors.numpy import save_file
        >>> folder = tempfile.mkdtemp()
        >>> save_file({"scale": np.ones((2, 3))}, f"{folder}/model.safetensors")
        >>> source = open_safetensors(folder)
        >>> source.names(), source.shape("scale")
        (('scale',), (2, 3))
    """
    return open_weight_files(path, WEIGHTS, INDEX, _read_header)


def _read_header(path: Path) -> dict[str, StoredTensor]:
    """Where each tensor of a file lies."""
    try:
        # The package checks the header: its length, that it is JSON, and that the tensors fill
        # the file without a gap. Its reading is not used: it maps the file, whose pages pile up
        # as memory of this process, and its NumPy side has no bfloat16.
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}). It may be cut short, or be a "
            "pointer of Git LFS: download or save it again."
        ) from error
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    unknown = {entry["dtype"] for entry in header.values()} - set(DTYPES)
    if unknown:
        raise ValueError(
            f"{path} holds tensors of the type {', '.join(sorted(unknown))}, which cannot be read "
            f"here. Save them as one of {', '.join(DTYPES)}."
        )
    return {
        name: StoredTensor(
            path,
            DTYPES[entry["dtype"]],
            shape := tuple(entry["shape"]),
            contiguous_strides(shape),
            8 + length + entry["data_offsets"][0],
        )
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"][0])
    }
