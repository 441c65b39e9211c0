"""Models of Hugging Face folders, `config.json` and the weights beside it: read and written."""

import re
from collections.abc import Collection
from pathlib import Path

import keras
import numpy as np

from keras_bert_kit.convert.families import FAMILIES
from keras_bert_kit.convert.hugging_face_config import (
    Request,
    family_of_config,
    has_pooler,
    read_description,
    write_config,
)
from keras_bert_kit.convert.name_table import Family
from keras_bert_kit.convert.safetensors_files import open_safetensors
from keras_bert_kit.convert.safetensors_writer import write_safetensors
from keras_bert_kit.convert.tensor_source import TensorSource
from keras_bert_kit.convert.torch_file import open_torch_file
from keras_bert_kit.convert.weights import (
    Layout,
    load_model,
    require_places,
    written_weights,
)
from keras_bert_kit.json_file import read_json, write_json
from keras_bert_kit.model_description import ModelDescription

FORMAT = "hugging_face"
SEGMENTS = "embeddings.token_type_embeddings.weight"
# Copies of other weights and constants that some versions of Transformers wrote.
_COPIES = re.compile(
    r"(embeddings\.position_ids|embeddings\.token_type_ids|cls\.predictions\.decoder\.weight"
    r"|cls\.predictions\.decoder\.bias|lm_head\.decoder\.weight|lm_head\.decoder\.bias"
    r"|vocab_projector\.weight)$"
)


def _torch_shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(reversed(shape)) if path.endswith("/kernel") else tuple(shape)


def _transposed_kernel(path: str, values: np.ndarray) -> np.ndarray:
    return values.T if path.endswith("/kernel") else values


# PyTorch's linear layers keep an output to a row, Keras's an input.
LAYOUT = Layout(_torch_shape, _transposed_kernel, _transposed_kernel)


def read_model(
    folder: Path, request: Request, ignore: Collection[str] = (), dtype=None
) -> tuple[keras.Model, ModelDescription]:
    """Reads the model of a Hugging Face folder.

    Args:
        folder: with `config.json` and `model.safetensors` or `pytorch_model.bin`, perhaps in
            shards.
        request: what the caller wants of it.
        ignore: beginnings of names that may be left over.
        dtype: dtype policy of the model.

    Returns:
        The model and its description.

    Raises:
        FileNotFoundError: if the folder lacks a file.
        ValueError: if a file is broken, the model is none of ours, or its weights are not those of
            the model that is asked for; the message lists them.
    """
    config_file = folder / "config.json"
    config = read_json(config_file)
    family = FAMILIES[family_of_config(config, str(config_file))]
    weights = _Renamed(_open_weights(folder), family)
    description = read_description(
        config,
        str(config_file),
        lambda part: family.has(FORMAT, part, weights),
        request,
        weights.segments_are_used,
    )
    if not description.encoder.num_segments:
        ignore = [*ignore, family.prefixes[FORMAT] + SEGMENTS]  # zeros
    model = load_model(
        description,
        weights,
        family,
        FORMAT,
        LAYOUT,
        str(folder),
        initialize=request.initialize,
        ignore=ignore,
        dtype=dtype,
    )
    return model, description


def check_model(
    model: keras.Model,
    labels: tuple[str, ...] | None = None,
    special_ids: dict[str, int] | None = None,
    leave_out: Collection[str] = (),
) -> tuple[dict, dict[str, str]]:
    """What `write_model` will write: `config.json`, and by path the names of weights.

    Raises:
        ValueError: if Transformers has no such model, or no place for one of its weights.
    """
    description = ModelDescription.of(model, labels)
    config = write_config(description, special_ids or {})
    family, bare = FAMILIES[description.family], description.task == "encoder"
    names = family.names(FORMAT, description.encoder.num_layers, description.heads, bare)
    if not has_pooler(family.name, description.task, description.head):
        names = {path: theirs for path, theirs in names.items() if not path.startswith("pooler/")}
    require_places(model, names, leave_out, "Transformers' " + config["architectures"][0])
    return config, names


def write_model(
    model: keras.Model,
    folder: Path,
    labels: tuple[str, ...] | None = None,
    special_ids: dict[str, int] | None = None,
    leave_out: Collection[str] = (),
    max_shard_bytes: float = 5e9,
    checked: tuple[dict, dict[str, str]] | None = None,
) -> None:
    """Writes a model as a Hugging Face folder: `config.json` and `model.safetensors`.

    Args:
        model: an `Encoder` or the model of a task.
        folder: where to write; it is made if need be.
        labels: names of the classes.
        special_ids: ids of special tokens by Transformers' names, such as `pad_token_id`.
        leave_out: beginnings of paths of weights that may be lost.
        max_shard_bytes: the most bytes of one file of weights.
        checked: what `check_model` returned, if it was called before.

    Raises:
        ValueError: if Transformers has no such model, or no place for one of its weights.
        OSError: if a file cannot be written.
    """
    config, names = checked or check_model(model, labels, special_ids, leave_out)
    description = ModelDescription.of(model)
    family = FAMILIES[description.family]

    def tensors():
        yield from written_weights(model, names, LAYOUT)
        if family.name == "roberta" and not description.encoder.num_segments:
            prefix = "" if description.task == "encoder" else family.prefixes[FORMAT]
            yield prefix + SEGMENTS, np.zeros((1, description.encoder.hidden_dim), np.float32)

    write_safetensors(folder, tensors(), max_shard_bytes)
    write_json(folder / "config.json", config)


def _open_weights(folder: Path) -> TensorSource:
    for name, open_weights in (
        ("model.safetensors", open_safetensors),
        ("pytorch_model.bin", open_torch_file),
    ):
        if (folder / name).exists() or (folder / f"{name}.index.json").exists():
            return open_weights(folder)
    raise FileNotFoundError(
        f"{folder} has neither `model.safetensors` nor `pytorch_model.bin`, whole or in shards."
    )


class _Renamed:
    """The weights of a file under the names of the family's table.

    Files differ: those of a bare encoder lack its prefix, those before 2020 say `gamma` and `beta`
    in layer norms, and some have the bias of the masked-token head under its decoder only.
    """

    def __init__(self, source: TensorSource, family: Family):
        self._source, self._family = source, family
        prefix = family.prefixes[FORMAT]
        encoder = tuple(
            {names[0].split(".")[0] + "." for names in family.names(FORMAT, 1, bare=True).values()}
        )
        self._names = {}
        for name in source.names():
            known = prefix + name if name.startswith(encoder) else name
            known = known.replace("LayerNorm.gamma", "LayerNorm.weight")
            self._names[known.replace("LayerNorm.beta", "LayerNorm.bias")] = name
        for bias, copy in (
            ("cls.predictions.bias", "cls.predictions.decoder.bias"),
            ("lm_head.bias", "lm_head.decoder.bias"),
        ):
            if copy in self._names:
                self._names.setdefault(bias, self._names.pop(copy))

    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self._names if not _COPIES.search(name))

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def shape(self, name: str) -> tuple[int, ...]:
        return self._source.shape(self._names[name])

    def dtype(self, name: str) -> np.dtype:
        return self._source.dtype(self._names[name])

    def read(self, name: str, rows: slice | None = None) -> np.ndarray:
        return self._source.read(self._names[name], rows)

    def segments_are_used(self) -> bool:
        name = self._family.prefixes[FORMAT] + SEGMENTS
        return name in self and bool(self.read(name).any())
