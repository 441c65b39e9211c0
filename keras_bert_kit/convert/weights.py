"""Weights between a file and a model: first compared by name and shape, then copied bit by bit."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_bert_kit.convert.name_table import Family
from keras_bert_kit.convert.tensor_source import TensorSource
from keras_bert_kit.layers.initializers import first_matrices, truncated_normal
from keras_bert_kit.model_description import ModelDescription

LISTED = 10  # of the names, in a message

logger = logging.getLogger(__name__)


class Layout(NamedTuple):
    """How a format keeps a weight of ours, or one of several that ours is made of.

    Attributes:
        shape: from our path and the shape in ours to that in the file.
        to_ours: from our path and the array of the file to the array in ours.
        to_file: the way back.
    """

    shape: Callable[[str, tuple[int, ...]], tuple[int, ...]]
    to_ours: Callable[[str, np.ndarray], np.ndarray]
    to_file: Callable[[str, np.ndarray], np.ndarray]


def build_unfilled(description: ModelDescription, dtype=None) -> keras.Model:
    """Builds a model for `load_weights` to fill.

    Its matrices are memory that nobody has written to yet: no random number is drawn for them, and
    the system gives them no room before they are filled.

    Args:
        description: of the model.
        dtype: dtype policy of all layers.
    """

    def unwritten(shape, dtype=None):
        return tf.raw_ops.Empty(shape=shape, dtype=dtype or "float32")

    with first_matrices(unwritten):
        return description.build(dtype)


def load_model(
    description: ModelDescription,
    source: TensorSource,
    family: Family,
    file_format: str,
    layout: Layout,
    origin: str,
    *,
    initialize: Iterable[str] = (),
    ignore: Iterable[str] = (),
    dtype=None,
) -> keras.Model:
    """Builds a model and fills it from a file, by the table of names of its family.

    Args:
        description: of the model.
        source: the file.
        family: whose names to go by.
        file_format: the column of the table.
        layout: of the format.
        origin: where the weights come from, for messages.
        initialize: see `load_weights`.
        ignore: see `load_weights`.
        dtype: dtype policy of all layers.

    Raises:
        ValueError: as `load_weights`.
    """
    model = build_unfilled(description, dtype)
    load_weights(
        model,
        source,
        family.names(file_format, description.encoder.num_layers, description.heads),
        layout,
        origin,
        initialize=initialize,
        ignore=ignore,
        others=family.others(file_format, description.parts),
    )
    return model


def load_weights(
    model: keras.Model,
    source: TensorSource,
    names: Mapping[str, tuple[str, ...]],
    layout: Layout,
    origin: str,
    *,
    initialize: Iterable[str] = (),
    ignore: Iterable[str] = (),
    others: Collection[str] = (),
) -> None:
    """Copies the weights of a file into a model, once all of them are found to fit.

    Args:
        model: the model, from `build_unfilled` or with first values.
        source: the file.
        names: for the paths of our weights, the names of what each is made of, side by side.
        layout: of the format.
        origin: where the weights come from, for messages.
        initialize: beginnings of our paths, such as `"classifier"`, that may keep first values.
        ignore: beginnings of names in the file that may be left over.
        others: names in the file that belong to parts which the model has not, such as a head.

    Raises:
        ValueError: if anything else is missing, of another shape or left over.
    """
    initialize = tuple(initialize)
    for beginning in initialize:
        # Who may do with a new pooler may do with none: a DistilBERT and a RoBERTa have no pooler.
        if beginning != "pooler" and not any(w.path.startswith(beginning) for w in model.weights):
            raise ValueError(
                f"`initialize` names {beginning!r}, but no weight of the model begins so; they "
                f"begin with {', '.join(sorted({w.path.split('/')[0] for w in model.weights}))}."
            )
    missing, other_shape, left_over = _compare(model, source, names, layout)
    not_asked_for = [name for name in left_over if name in others]
    ignore = (*ignore, *not_asked_for)
    amiss = {
        "missing": [path for path in missing if not path.startswith(initialize)],
        "of another shape": [
            f"{path} ({shapes})"
            for path, shapes in other_shape.items()
            if not path.startswith(initialize)
        ],
        "left over": [name for name in left_over if not name.startswith(ignore)],
    }
    if any(amiss.values()):
        lists = "; ".join(f"{what}: {_listed(names)}" for what, names in amiss.items() if names)
        raise ValueError(
            f"The weights in {origin} are not those of this model: {lists}. Load them as what they "
            "are (`task`), name what is to keep its first values in `initialize`, for instance "
            "`initialize=['classifier']` for a new head, and what may be left over in `ignore`."
        )
    if not_asked_for:
        logger.info("Not loaded from %s, as not asked for: %s.", origin, _listed(not_asked_for))
    new = {*missing, *other_shape}
    if new:
        logger.warning("Not in %s, so with first values: %s.", origin, _listed(sorted(new)))
    _read_weights(model, source, names, layout, new)


def written_weights(
    model: keras.Model, names: Mapping[str, tuple[str, ...]], layout: Layout
) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of a model as a file keeps them, one at a time.

    Args:
        model: the model.
        names: for our paths, the names in the file; a path without names is left out.
        layout: of the format.

    Yields:
        Names in the file and arrays, float32.
    """
    for weight in model.weights:
        theirs = names.get(weight.path, ())
        if not theirs:
            continue
        parts = np.split(np.asarray(weight.value), len(theirs), axis=-1)
        for name, part in zip(theirs, parts, strict=True):
            yield name, np.ascontiguousarray(layout.to_file(weight.path, part))


def require_places(
    model: keras.Model,
    names: Mapping[str, tuple[str, ...]],
    leave_out: Iterable[str],
    file_format: str,
) -> None:
    """Makes sure that the format has a place for every weight but those to be left out.

    Raises:
        ValueError: if it has none for another one.
    """
    leave_out = tuple(leave_out)
    lost = [weight.path for weight in model.weights if weight.path not in names]
    unknown = [path for path in lost if not path.startswith(leave_out)]
    if unknown:
        heads = sorted({path.split("/")[0] for path in unknown})
        raise ValueError(
            f"{file_format} has no place for {_listed(unknown)} of this model. To go without them, "
            f"say `leave_out={heads}`, as an option `--leave-out {' '.join(heads)}`."
        )
    if lost:
        logger.warning("Left out, as %s has no place for them: %s.", file_format, _listed(lost))


def _compare(
    model: keras.Model,
    source: TensorSource,
    names: Mapping[str, tuple[str, ...]],
    layout: Layout,
) -> tuple[list[str], dict[str, str], list[str]]:
    """What is missing, of another shape (with the shapes) and left over; reads no weight."""
    missing, other_shape, used = [], {}, set()
    for weight in model.weights:
        theirs = names.get(weight.path, ())
        used.update(theirs)
        if not theirs or any(name not in source for name in theirs):
            missing.append(weight.path)
            continue
        wanted = layout.shape(weight.path, _part_shape(weight.shape, len(theirs)))
        shapes = [tuple(source.shape(name)) for name in theirs]
        if any(shape != wanted for shape in shapes):
            other_shape[weight.path] = f"{shapes[0]} in the file, {wanted} in the model"
    return missing, other_shape, [name for name in source.names() if name not in used]


def _read_weights(
    model: keras.Model,
    source: TensorSource,
    names: Mapping[str, tuple[str, ...]],
    layout: Layout,
    keep: Collection[str],
) -> None:
    """Copies one weight at a time; those of the paths in `keep` get first values."""
    for weight in model.weights:
        if weight.path in keep:
            if len(weight.shape) == 2:  # the matrices, of which nothing has been written
                weight.assign(truncated_normal()(weight.shape, weight.dtype))
            continue
        parts = [layout.to_ours(weight.path, source.read(name)) for name in names[weight.path]]
        weight.assign(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1))


def _part_shape(shape: tuple[int, ...], num_parts: int) -> tuple[int, ...]:
    return (*shape[:-1], shape[-1] // num_parts)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
