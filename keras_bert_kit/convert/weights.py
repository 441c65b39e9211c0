"""Weights between a file and a model: first compared by name and shape, then copied bit by bit."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from keras_bert_kit.convert.tensor_source import TensorSource

ROWS_AT_A_TIME = 1 << 22  # values; larger tables are read in stretches, so that no copy is large
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


@dataclass(frozen=True)
class Comparison:
    """How the weights of a model and those of a file go together.

    Attributes:
        missing: our paths that the file has nothing for.
        other_shape: our paths with the two shapes, where they differ.
        left_over: names in the file that no weight of ours has.
    """

    missing: tuple[str, ...]
    other_shape: Mapping[str, str]
    left_over: tuple[str, ...]

    def require(self, initialize: Iterable[str], ignore: Iterable[str], origin: str) -> set[str]:
        """Makes sure that nothing is amiss but what the caller knows of.

        Args:
            initialize: beginnings of our paths, such as `"classifier"`, that may keep first values.
            ignore: beginnings of names in the file that may be left over.
            origin: where the weights come from, for the message.

        Returns:
            Our paths that keep their first values.

        Raises:
            ValueError: if anything else is missing, of another shape or left over.
        """
        initialize, ignore = tuple(initialize), tuple(ignore)
        amiss = {
            "missing": [path for path in self.missing if not path.startswith(initialize)],
            "of another shape": [
                f"{path} ({shapes})"
                for path, shapes in self.other_shape.items()
                if not path.startswith(initialize)
            ],
            "left over": [name for name in self.left_over if not name.startswith(ignore)],
        }
        if any(amiss.values()):
            lists = "; ".join(f"{what}: {_listed(names)}" for what, names in amiss.items() if names)
            raise ValueError(
                f"The weights in {origin} are not those of this model: {lists}. Load them as what "
                "they are (`task`), name what is to keep its first values in `initialize`, for "
                "instance `initialize=['classifier']` for a new head, and what may be left over "
                "in `ignore`."
            )
        return {path for path in (*self.missing, *self.other_shape)}


def compare(
    model: keras.Model,
    source: TensorSource,
    names: Mapping[str, tuple[str, ...]],
    layout: Layout,
) -> Comparison:
    """Compares a model with a file by names and shapes; reads no weight.

    Args:
        model: the model.
        source: the file.
        names: for our paths, the names in the file.
        layout: of the format.
    """
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
    left_over = tuple(name for name in source.names() if name not in used)
    return Comparison(tuple(missing), other_shape, left_over)


def read_weights(
    model: keras.Model,
    source: TensorSource,
    names: Mapping[str, tuple[str, ...]],
    layout: Layout,
    keep: Iterable[str] = (),
) -> None:
    """Copies the weights of a file into a model, one at a time.

    Args:
        model: the model.
        source: the file.
        names: for our paths, the names in the file.
        layout: of the format.
        keep: our paths that keep their values.
    """
    keep = set(keep)
    for weight in model.weights:
        if weight.path in keep:
            continue
        theirs = names[weight.path]
        rows_at_a_time = max(1, ROWS_AT_A_TIME // int(np.prod(weight.shape[1:])))
        if weight.shape[0] > rows_at_a_time and _is_table(
            weight.path, weight.shape, theirs, layout
        ):
            for start in range(0, weight.shape[0], rows_at_a_time):
                rows = slice(start, min(start + rows_at_a_time, weight.shape[0]))
                weight.value[rows].assign(source.read(theirs[0], rows))
        else:
            parts = [layout.to_ours(weight.path, source.read(name)) for name in theirs]
            weight.assign(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1))


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
            f"say `leave_out={heads}`."
        )
    if lost:
        logger.warning("Left out, as %s has no place for them: %s.", file_format, _listed(lost))


def _is_table(path, shape, theirs, layout) -> bool:
    """Whether the file has the weight row by row as ours, so that rows can be read alone."""
    return len(theirs) == 1 and not path.endswith("/kernel") and layout.shape(path, shape) == shape


def _part_shape(shape: tuple[int, ...], num_parts: int) -> tuple[int, ...]:
    return (*shape[:-1], shape[-1] // num_parts)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
