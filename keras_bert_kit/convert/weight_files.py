"""The files that weights lie in: one, or several shards and the `*.index.json` that lists them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from keras_bert_kit.convert.stored_tensors import StoredTensor, StoredTensors


def open_weight_files(
    path: str | Path, weights: str, index: str, read: Callable[[Path], Mapping[str, StoredTensor]]
) -> StoredTensors:
    """Opens the weights at a path, in whichever way they are split.

    Args:
        path: a file of weights, an `.index.json`, or a folder.
        weights: the name that the file of weights has in a folder.
        index: the name of the index that is looked for where there is no such file.
        read: says where the tensors of one file lie.

    Raises:
        FileNotFoundError: if there is no such file, or a shard is missing.
        ValueError: if the index is none, or does not fit the shards.
    """
    path = Path(path)
    if path.is_dir():
        path = path / (weights if (path / weights).exists() else index)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give a folder with `{weights}` or `{index}`, or such a file."
        )
    if path.suffix != ".json":
        return StoredTensors(path, read(path))
    shard_of = read_shard_index(path)
    tensors = {shard: read(shard) for shard in dict.fromkeys(shard_of.values())}
    for name, shard in shard_of.items():
        if name not in tensors[shard]:
            raise ValueError(
                f"{shard} does not hold the tensor {name!r}, although {path.name} says so. The "
                "files are not of the same save: download or save the weights again."
            )
    return StoredTensors(path, {name: tensors[shard][name] for name, shard in shard_of.items()})


def read_shard_index(path: Path) -> dict[str, Path]:
    """Reads which file holds which tensor.

    Args:
        path: the `*.index.json`.

    Returns:
        The file of each tensor, by its name: files of the same folder, all of which exist.

    Raises:
        ValueError: if it is not such an index, or names a file outside its folder.
        FileNotFoundError: if it names a file that is not there.
    """
    try:
        weight_map = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        entries = list(weight_map.items())
        if not all(isinstance(file_name, str) for _, file_name in entries):
            raise TypeError("a file name is not a string")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not an index of weights: JSON with a `weight_map` from the name of each "
            f"tensor to that of a file was expected ({type(error).__name__}: {error}). Download "
            "or save the weights again."
        ) from error
    files = {file_name: _shard(path, file_name) for file_name in dict.fromkeys(weight_map.values())}
    return {name: files[file_name] for name, file_name in entries}


def _shard(index: Path, file_name: str) -> Path:
    """The file that an index names, if it is one of its folder."""
    folder = index.parent
    if file_name in ("", ".", "..") or any(mark in file_name for mark in "/\\:\0"):
        raise ValueError(
            f"{index} names the file {file_name!r}, which is not a plain file name of its own "
            "folder. Such an index may have been made to read other files: do not use it."
        )
    shard = folder / file_name
    if not shard.is_file():
        raise FileNotFoundError(
            f"{shard} is missing, although {index.name} names it. Put it there, or download the "
            "weights again."
        )
    if not shard.resolve().is_relative_to(_root(folder)):
        raise ValueError(
            f"{shard} is a link to {shard.resolve()}, outside its folder. If that is what you "
            "want, copy the file to the place of the link."
        )
    return shard


def _root(folder: Path) -> Path:
    """The folder in which a shard must really lie, whatever links there are."""
    # In the cache of the Hugging Face Hub, `models--a--b/snapshots/<commit>/` holds links into
    # `models--a--b/blobs/`, and those may be links into a `blobs/` that all models share.
    folder = folder.resolve()
    if folder.parent.name == "snapshots" and folder.parents[1].name.startswith("models--"):
        return folder.parents[2]
    return folder
