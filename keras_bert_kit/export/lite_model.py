"""A LiteRT file as others use it: with ai-edge-litert and NumPy, without TensorFlow and Keras."""

import json
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

LABELS, VOCABULARY, ABOUT = "labels.txt", "vocab.txt", "about.json"  # files packed into it
ANSWERS = ("start_logits", "end_logits")  # outputs `(1, T)`; those of tags are `(1, T, C)`


class LiteModel:
    """A `.tflite` file that was exported here, ready to run.

    Args:
        path: the file.
        threads: how many it computes with.

    Attributes:
        inputs: names of its inputs.
        outputs: names of its outputs.
        sequence_length: T of its inputs; None if it takes any.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no LiteRT file.

    Example:
        >>> model = LiteModel("saved_models/my-task.tflite")  # doctest: +SKIP
        >>> model.run([2, 17, 33, 3])["probabilities"]  # doctest: +SKIP
        array([0.08, 0.92], dtype=float32)
    """

    def __init__(self, path: str | Path, threads: int = 1):
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"There is no file {path}.")
        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._run = self._interpreter.get_signature_runner()
        details = self._run.get_input_details()
        self.inputs = tuple(sorted(details))
        self.outputs = tuple(sorted(self._run.get_output_details()))
        length = max(int(one["shape_signature"][-1]) for one in details.values())
        self.sequence_length = length if length > 0 else None

    def run(
        self, token_ids: Sequence[int], segment_ids: Sequence[int] | None = None
    ) -> dict[str, np.ndarray]:
        """What the model says of one input.

        Args:
            token_ids: T tokens, `[CLS]` and `[SEP]` among them, without padding.
            segment_ids: T segments; by default all 0.

        Returns:
            By output its values, without the axis of the batch; of outputs a token `(T, ...)`,
            those of padding left out.

        Raises:
            ValueError: if there are more tokens than the file takes.
        """
        count = len(token_ids)
        most = self.sequence_length or self.about.get("max_sequence_length")
        if most is not None and count > most:
            raise ValueError(f"{self.path.name} takes up to {most} tokens; received {count}.")
        length = self.sequence_length or count
        outputs = self._run(**padded(token_ids, segment_ids, length))
        return {
            name: values[0, :count] if values.ndim == 3 or name in ANSWERS else values[0]
            for name, values in outputs.items()
        }

    def milliseconds(self, rows: Sequence[dict[str, np.ndarray]]) -> list[float]:
        """How long each of some inputs takes, as `padded` makes them, after a first run."""
        return timed(self._run, rows)

    @cached_property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the classes, if the file holds them."""
        return packed_lines(self.path, LABELS)

    @cached_property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The tokens in the order of their ids, if the file holds them."""
        return packed_lines(self.path, VOCABULARY)

    @cached_property
    def about(self) -> dict:
        """What the file says of itself: task, number format, how its texts were tokenised."""
        return json.loads(packed_files(self.path).get(ABOUT, b"{}"))


def padded(
    token_ids: Sequence[int], segment_ids: Sequence[int] | None, length: int
) -> dict[str, np.ndarray]:
    """One input by name, each `(1, length)` int32; what stands in padding makes no difference.

    Example:
        >>> {name: values.tolist() for name, values in padded([2, 9, 3], None, 4).items()}
        {'token_ids': [[2, 9, 3, 0]], 'segment_ids': [[0, 0, 0, 0]], 'padding_mask': [[1, 1, 1, 0]]}
    """
    row = {
        name: np.zeros((1, length), np.int32)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    count = len(token_ids)
    row["token_ids"][0, :count] = token_ids
    row["padding_mask"][0, :count] = 1
    if segment_ids is not None:
        row["segment_ids"][0, :count] = segment_ids
    return row


def timed(run: Callable[..., dict], rows: Sequence[dict[str, np.ndarray]]) -> list[float]:
    """Milliseconds that `run` takes for each row, after it has run once."""
    run(**rows[0])
    found = []
    for row in rows:
        started = time.perf_counter()
        run(**row)
        found.append(1_000 * (time.perf_counter() - started))
    return found


def packed_files(path: Path) -> dict[str, bytes]:
    """The files that stand behind the model in its file, by name."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed_lines(path: Path, name: str) -> tuple[str, ...] | None:
    """The lines of one of them; None if there is no such file."""
    content = packed_files(path).get(name)
    return None if content is None else tuple(content.decode().removesuffix("\n").split("\n"))
