"""Reads the weights in a `pytorch_model.bin` without PyTorch, and without trusting it."""

import logging
from pathlib import Path

from keras_bert_kit.convert.pickled_tensors import PickledTensor
from keras_bert_kit.convert.stored_tensors import StoredTensor, StoredTensors
from keras_bert_kit.convert.torch_containers import read_container
from keras_bert_kit.convert.weight_files import open_weight_files

WEIGHTS, INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
PARALLEL = "module."  # what torch.nn.DataParallel puts before each name

logger = logging.getLogger(__name__)


def open_torch_file(path: str | Path) -> StoredTensors:
    """Opens weights for reading.

    A checkpoint of a training, such as `{"state_dict": {...}, "epoch": 3}`, is taken for the one
    dict of tensors in it. `module.` before every name is removed. Both are logged, and so is the
    number of entries that are not tensors. Checksums are not compared, as PyTorch does not either.

    Args:
        path: a `.bin` or `.pt` file, an `.index.json`, or a folder with `pytorch_model.bin` or, if
            it has none, with `pytorch_model.bin.index.json`.

    Returns:
        The tensors, none of which has been read yet.

    Raises:
        FileNotFoundError: if there is no such file, or a shard is missing.
        ValueError: if a file is damaged, holds no state dict, asks for more than tensors, or the
            index does not fit the shards.

    Example:
        >>> open_torch_file("weights/pytorch_model.bin")
        Traceback (most recent call last):
            ...
        FileNotFoundError: weights/pytorch_model.bin does not exist. Give a folder with \
`pytorch_model.bin` or `pytorch_model.bin.index.json`, or such a file.
    """
    source = open_weight_files(path, WEIGHTS, INDEX, _read_table)
    names = source.names()
    if not all(name.startswith(PARALLEL) for name in names):
        return source
    logger.info("%s: removed `%s` before every name.", source.origin, PARALLEL)
    tensors = {name.removeprefix(PARALLEL): source.find(name) for name in names}
    return StoredTensors(source.origin, tensors)


def _read_table(path: Path) -> dict[str, StoredTensor]:
    """Where each tensor of a file lies."""
    try:
        with path.open("rb") as file:
            content, starts = read_container(file)
        tensors = _state_dict(path, content)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as weights of PyTorch: {error}.") from error
    return {
        name: StoredTensor(
            path,
            tensor.storage.dtype,
            tensor.shape,
            tensor.strides,
            starts[tensor.storage.key] + tensor.offset * tensor.storage.dtype.itemsize,
        )
        for name, tensor in tensors.items()
    }


def _state_dict(path: Path, content: object) -> dict[str, PickledTensor]:
    """The one dict of tensors in what a file holds."""
    if not isinstance(content, dict):
        raise ValueError(
            f"it holds a {type(content).__name__} instead of a dict of tensors. Save the "
            "`state_dict()` of the model"
        )
    tensors = {key: value for key, value in content.items() if isinstance(value, PickledTensor)}
    inner = [key for key, value in content.items() if _holds_tensors(value)]
    if len(inner) + bool(tensors) != 1:
        found = ", ".join(repr(key)[:80] for key in inner) or "none"
        raise ValueError(
            f"one dict of tensors was expected. It has {len(tensors)} tensors at the top, and "
            f"these dicts of tensors: {found}. Save the `state_dict()` of the model alone"
        )
    if inner:
        logger.warning("%s is a checkpoint; its entry %r is read, no other.", path, inner[0])
        return _state_dict(path, content[inner[0]])
    if not all(isinstance(name, str) for name in tensors):
        raise ValueError("its tensors have numbers for names. Save the `state_dict()` of the model")
    if len(tensors) < len(content):
        logger.warning(
            "%s: left out %d entries that are not tensors.", path, len(content) - len(tensors)
        )
    return tensors


def _holds_tensors(value: object) -> bool:
    """Whether it is a dict of tensors, perhaps with other things."""
    return isinstance(value, dict) and any(isinstance(v, PickledTensor) for v in value.values())
