"""Models of Google's TensorFlow 1 release: `bert_config.json` and `bert_model.ckpt`, both ways."""

import logging
import re
from collections.abc import Collection
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_bert_kit.convert.bert_names import BERT
from keras_bert_kit.convert.hugging_face_config import Request, read_description, write_config
from keras_bert_kit.convert.weights import (
    Layout,
    load_model,
    require_places,
    written_weights,
)
from keras_bert_kit.json_file import read_json, write_json
from keras_bert_kit.model_description import ModelDescription

FORMAT = "google"
logger = logging.getLogger(__name__)
CONFIG, CHECKPOINT = "bert_config.json", "bert_model.ckpt"
# What training leaves in a checkpoint besides weights.
_OF_TRAINING = re.compile(r"/adam_[mv]$|/Adam(_1)?$|^global_step$|^beta[12]_power$")
_CONFIG_KEYS = (
    *("vocab_size", "num_hidden_layers", "num_attention_heads", "hidden_size", "hidden_act"),
    *("intermediate_size", "hidden_dropout_prob", "attention_probs_dropout_prob"),
    *("max_position_embeddings", "type_vocab_size", "initializer_range"),
)


def _is_by_class(path: str) -> bool:
    """Whether Google's code keeps a class, rather than an input, to a row of a kernel."""
    return path in ("next_sentence/linear/kernel", "classifier/linear/kernel", "span/linear/kernel")


def _shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(reversed(shape)) if _is_by_class(path) else tuple(shape)


def _transposed(path: str, values: np.ndarray) -> np.ndarray:
    return np.transpose(values) if _is_by_class(path) else values


LAYOUT = Layout(_shape, _transposed, _transposed)


def read_model(
    folder: Path, request: Request, ignore: Collection[str] = (), dtype=None
) -> tuple[keras.Model, ModelDescription]:
    """Reads a model of Google's release.

    Args:
        folder: with `bert_config.json` and `bert_model.ckpt.*`, or one checkpoint of another name;
            or a checkpoint in such a folder, without the ends of its files' names.
        request: what the caller wants of it.
        ignore: beginnings of names that may be left over.
        dtype: dtype policy of the model.

    Returns:
        The model and its description.

    Raises:
        FileNotFoundError: if the folder lacks a file.
        ValueError: if a file is broken, or the weights are not those of the model that is asked
            for; the message lists them.
    """
    named, folder = (None, folder) if folder.is_dir() else (folder, folder.parent)
    config = {"model_type": "bert", "layer_norm_eps": 1e-12} | read_json(folder / CONFIG)
    checkpoint = named or _find_checkpoint(folder)
    weights = _Checkpoint(checkpoint)
    description = read_description(
        config, str(folder / CONFIG), lambda part: BERT.has(FORMAT, part, weights), request
    )
    model = load_model(
        description,
        weights,
        BERT,
        FORMAT,
        LAYOUT,
        str(checkpoint),
        initialize=request.initialize,
        ignore=ignore,
        dtype=dtype,
    )
    return model, description


def check_model(model: keras.Model, leave_out: Collection[str] = ()) -> tuple[dict, dict[str, str]]:
    """What `write_model` will write: the configuration, and by path the names of weights.

    Raises:
        ValueError: if it is no BERT, or the format has no place for one of its weights.
    """
    description = ModelDescription.of(model)
    if description.family != "bert" or description.encoder.layer_norm_epsilon != 1e-12:
        raise ValueError(
            "Google's release has BERT only, with the epsilon 1e-12 in its layer norms; this is "
            f"{description.family} with {description.encoder.layer_norm_epsilon}."
        )
    names = BERT.names(FORMAT, description.encoder.num_layers, description.heads)
    require_places(model, names, leave_out, "Google's release")
    return write_config(description, {}), names


def write_model(
    model: keras.Model,
    folder: Path,
    leave_out: Collection[str] = (),
    checked: tuple[dict, dict[str, str]] | None = None,
) -> None:
    """Writes a model as Google's code reads it: `bert_config.json` and `bert_model.ckpt.*`.

    Args:
        model: an `Encoder` or the model of a task, of BERT's family.
        folder: where to write; it is made if need be.
        leave_out: beginnings of paths of weights that may be lost.
        checked: what `check_model` returned, if it was called before.

    Raises:
        ValueError: if it is no BERT, or the format has no place for one of its weights.
        OSError: if a file cannot be written.
    """
    config, names = checked or check_model(model, leave_out)
    if ModelDescription.of(model).encoder.activation != "gelu":
        logger.warning(
            "Google's code knows one GELU, which some of its versions compute exactly and others "
            "approximately: this model was trained with the approximate one."
        )
        config["hidden_act"] = "gelu"
    folder.mkdir(parents=True, exist_ok=True)
    tensors = dict(written_weights(model, names, LAYOUT))
    try:
        tf.raw_ops.SaveV2(
            prefix=str(folder / CHECKPOINT),
            tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors),
            tensors=list(tensors.values()),
        )
    except tf.errors.OpError as error:
        raise OSError(f"Could not write {folder / CHECKPOINT}: {error.message}") from error
    write_json(folder / CONFIG, {key: config[key] for key in _CONFIG_KEYS})


def _find_checkpoint(folder: Path) -> Path:
    """The checkpoint in a folder, without the ends of its files' names."""
    found = sorted(path.with_suffix("") for path in folder.glob("*.index"))
    if folder / CHECKPOINT in found:
        return folder / CHECKPOINT
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} must hold {CHECKPOINT}.index or just one checkpoint of another name; found "
            f"{len(found)}: {', '.join(path.name for path in found) or 'none'}."
        )
    return found[0]


class _Checkpoint:
    """The weights of a TensorFlow 1 checkpoint, without what its training left there."""

    def __init__(self, prefix: Path):
        try:
            self._reader = tf.train.load_checkpoint(str(prefix))
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            raise ValueError(f"{prefix} is no checkpoint that can be read: {error}") from error
        shapes = self._reader.get_variable_to_shape_map()
        self._shapes = {
            name: tuple(shapes[name]) for name in sorted(shapes) if not _OF_TRAINING.search(name)
        }
        self._prefix = prefix

    def names(self) -> tuple[str, ...]:
        return tuple(self._shapes)

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def dtype(self, name: str) -> np.dtype:
        return np.dtype(self._reader.get_variable_to_dtype_map()[name].as_numpy_dtype)

    def read(self, name: str, rows: slice | None = None) -> tf.Tensor:
        # A tensor becomes a variable's without a copy. The reader's arrays do not, and TensorFlow
        # keeps their memory afterwards.
        dtype = self._reader.get_variable_to_dtype_map()[name]
        try:
            (values,) = tf.raw_ops.RestoreV2(
                prefix=str(self._prefix), tensor_names=[name], shape_and_slices=[""], dtypes=[dtype]
            )
        except tf.errors.OpError as error:
            raise ValueError(
                f"{self._prefix} is broken at {name}: {error.message} Download it again."
            ) from error
        return values if rows is None else values[rows]
