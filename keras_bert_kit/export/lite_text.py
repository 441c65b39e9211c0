"""LiteRT files with the tokenizer inside: run with tensorflow-text, and set beside Keras."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text import tflite_registrar

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.export.agreement import (
    Agreement,
    agreement_of,
    check_numbers,
    difference_of,
)
from keras_bert_kit.export.held_out_rows import HeldOutRows
from keras_bert_kit.export.lite_check import TIMED, LiteCheck
from keras_bert_kit.export.lite_cost import THREADS, Latency, LiteCost
from keras_bert_kit.export.lite_model import LABELS, packed_lines, timed
from keras_bert_kit.text.characters import well_formed

logger = logging.getLogger(__name__)


class LiteTextModel:
    """A `.tflite` file that takes a text, or a pair of texts.

    Its tokenizer runs on tensorflow-text's operations, which bring TensorFlow with them.

    Args:
        path: the file.
        threads: how many it computes with.

    Example:
        >>> model = LiteTextModel("saved_models/my-task.tflite")  # doctest: +SKIP
        >>> model.run("A text.")["probabilities"]  # doctest: +SKIP
        array([0.08, 0.92], dtype=float32)
    """

    def __init__(self, path: str | Path, threads: int = 1):
        self.path = Path(path)
        self._interpreter = InterpreterWithCustomOps(
            model_path=str(path),
            num_threads=threads,
            custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS,
        )
        self._run = self._interpreter.get_signature_runner()

    def run(self, text: str, pair: str | None = None) -> dict[str, np.ndarray]:
        """What the model says of a text: by output its values, without the axis of the batch."""
        return {name: values[0] for name, values in self._run(**as_inputs(text, pair)).items()}

    def milliseconds(self, rows: Sequence[dict[str, np.ndarray]]) -> list[float]:
        """How long each of some texts takes, as `as_inputs` makes them, after a first run."""
        return timed(self._run, rows)

    @cached_property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the classes, if the file holds them."""
        return packed_lines(self.path, LABELS)


class LiteTextCheck:
    """As `LiteCheck`, for files with the tokenizer inside.

    Args:
        bundle: the model, in float32.
        rows: what to ask, of a task on whole texts.
        sequence_length: most tokens that the files read of a text; Keras reads no more here.
    """

    def __init__(self, bundle: Bundle, rows: HeldOutRows, sequence_length: int):
        inputs = rows.task.inputs
        if inputs.long_texts != "truncate":
            logger.warning(
                "Of a text longer than %d tokens the file reads the beginning, where the model was "
                "made to read such texts otherwise (%s).",
                sequence_length,
                inputs.long_texts,
            )
        inputs = replace(inputs, sequence_length=sequence_length, long_texts="truncate")
        rows = replace(rows, task=replace(rows.task, inputs=replace(inputs, stride=None)))
        self.rows, self.sequence_length = rows, sequence_length
        self._expected = LiteCheck(bundle, rows, sequence_length).predictions  # (R, C)

    @property
    def has_pairs(self) -> bool:
        """Whether the rows, and so the files, have two texts."""
        return getattr(self.rows.examples, "pairs", None) is not None

    def agreement(self, path: Path) -> Agreement:
        """Runs a file on all rows and compares.

        Raises:
            RuntimeError: if an output is not a number.
        """
        model = LiteTextModel(path, threads=2)
        found = [next(iter(model.run(*texts).values())).reshape(-1) for texts in self._texts()]
        found = np.stack(found).astype(np.float64)
        check_numbers(found, "outputs", path.name)
        difference = difference_of(found, self._expected)
        return agreement_of(self.rows, difference, self._expected, found)

    def cost(self, path: Path) -> LiteCost:
        """Times a file on some of the rows; the memory would be TensorFlow's, and is not said."""
        inputs = [as_inputs(*texts) for texts in self._texts()[:TIMED]]
        taken = {n: LiteTextModel(path, n).milliseconds(inputs) for n in THREADS}
        return LiteCost({n: Latency(*np.percentile(ms, [50, 95])) for n, ms in taken.items()})

    def _texts(self) -> list[tuple]:
        examples = self.rows.examples
        return list(zip(examples.texts, examples.pairs or [None] * len(examples), strict=True))


def as_inputs(text: str, pair: str | None = None) -> dict[str, np.ndarray]:
    """A text, or a pair, by the names of inputs, each `(1,)`.

    Example:
        >>> as_inputs("é")
        {'text': array([b'\\xc3\\xa9'], dtype=object)}
    """
    texts = {"text": text} if pair is None else {"text": text, "pair": pair}
    return {name: np.array([well_formed(one).encode()], object) for name, one in texts.items()}
