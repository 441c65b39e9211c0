"""Whether a LiteRT file says what its model says, and what it costs: the check after every export.

The file stands in for the Keras model in the very code that makes predictions of outputs, so that
windows, tags and answers are made of both alike.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
from scipy.special import logit

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.export.agreement import Agreement, agreement_of, check_numbers, difference_of
from keras_bert_kit.export.held_out_rows import HeldOutRows
from keras_bert_kit.export.lite_cost import LiteCost, cost_of_file
from keras_bert_kit.export.lite_graph import served_outputs
from keras_bert_kit.export.lite_model import LiteModel, padded
from keras_bert_kit.models import ClassificationModel, SpanModel, TaggingModel, encoder_of

TIMED = 50  # inputs
NO_LESS = 1e-30  # than this is a probability, of which a logarithm is taken
PER_TOKEN = {  # by task, the outputs with a value for every token
    "tagging": ("logits", "probabilities"),
    "span": ("start_logits", "end_logits"),
}


class LiteCheck:
    """A check for the files of one model; what Keras says is computed once for all of them.

    Args:
        bundle: the model, in float32.
        rows: what to ask.
        sequence_length: T of the files' inputs; None if they take any. Longer rows are cut, or come
            in windows, as the task says, for Keras too.
        batch_size: inputs that Keras computes at once.

    Attributes:
        predictions: what the task makes of the answers of Keras.
    """

    def __init__(
        self,
        bundle: Bundle,
        rows: HeldOutRows,
        sequence_length: int | None = None,
        batch_size: int = 64,
    ):
        self.bundle, self.batch_size = bundle, batch_size
        self.sequence_length = sequence_length
        self.rows = rows = rows.within(sequence_length)
        self._encoded = rows.task.encode(rows.examples, bundle.model, bundle.tokenizer)
        self._features = getattr(self._encoded, "features", self._encoded)
        self._expected, self.predictions = self._ask(partial(served_outputs, bundle.model))

    def agreement(self, path: Path) -> Agreement:
        """Runs a file on all rows and compares.

        Raises:
            RuntimeError: if an output is not a number.
        """
        per_token = PER_TOKEN.get(self.rows.task.name, ())
        return self.compare(partial(_run_batch, LiteModel(path, threads=2), per_token), path.name)

    def compare(self, serve: Callable[[dict], dict], name: str) -> Agreement:
        """Asks anything that answers as the model does.

        Args:
            serve: maps inputs `(B, T)` by name to the outputs of `served_outputs`, all arrays;
                others do not count.
            name: what messages call it.

        Raises:
            RuntimeError: if an output is not a number.
        """
        per_token = PER_TOKEN.get(self.rows.task.name, ())
        found, predictions = self._ask(serve)
        found_values, expected_values = defaultdict(list), defaultdict(list)
        for one, other, mask in zip(
            found.outputs, self._expected.outputs, found.masks, strict=True
        ):
            where = {output: mask if output in per_token else ... for output in other}
            for output, expected in other.items():
                check_numbers(one[output], output, name)
                found_values[output].append(one[output][where[output]].ravel())
                expected_values[output].append(expected[where[output]].ravel())
        difference = max(
            difference_of(np.concatenate(found_values[output]), np.concatenate(values))
            for output, values in expected_values.items()
        )
        return agreement_of(self.rows, difference, self.predictions, predictions)

    def cost(self, path: Path) -> LiteCost:
        """Times a file on some of the rows, in a process of its own."""
        splits, count = self._features.splits, min(TIMED, len(self._features))
        length = self.sequence_length or int(self._features.lengths[:count].max())
        inputs = []
        for at in range(count):
            there = slice(*splits[at : at + 2])
            ids, segments = self._features.token_ids[there], self._features.segment_ids[there]
            inputs.append(padded(ids, segments, length))
        return cost_of_file(path, inputs)

    def _ask(self, serve: Callable[[dict], dict]) -> tuple["_StandIn", object]:
        """Who was asked, with all that was said, and the predictions that are made of it."""
        task, asked = self.rows.task, _StandIn(self.bundle.model, serve)
        predictions = task.predict(
            asked, self.bundle.tokenizer, self.rows.examples, self.batch_size, self._encoded
        )
        return asked, predictions


class _StandIn:
    """What takes the place of a model in the code that predicts, and keeps what was said."""

    def __init__(self, model: keras.Model, serve: Callable[[dict], dict]):
        self.model, self.serve = model, serve
        self.encoder = encoder_of(model)
        self.arguments = getattr(model, "arguments", {})
        self.outputs: list[dict[str, np.ndarray]] = []
        self.masks: list[np.ndarray] = []

    def predict_on_batch(self, inputs: dict) -> dict[str, np.ndarray]:
        """The outputs that the model itself has, of those that are served."""
        inputs = {name: np.asarray(values) for name, values in inputs.items()}
        served = {name: np.asarray(values) for name, values in self.serve(inputs).items()}
        self.outputs.append(served)
        self.masks.append(inputs["padding_mask"].astype(bool))
        if isinstance(self.model, TaggingModel):
            return {"tags": served["logits"]}
        if isinstance(self.model, SpanModel):
            return {"start": served["start_logits"], "end": served["end_logits"]}
        if not isinstance(self.model, ClassificationModel):
            return served
        problem = self.arguments["problem"]
        if problem == "regression":
            return {"label": served["value"][:, None]}
        probabilities = np.maximum(served["probabilities"].astype(np.float64), NO_LESS)
        return {
            "label": logit(probabilities) if problem == "multi_label" else np.log(probabilities)
        }


def _run_batch(
    lite: LiteModel, per_token: tuple[str, ...], inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """A batch `(B, T)` through a file that takes one input at a time."""
    outputs: dict[str, np.ndarray] = {}
    batch, length = inputs["token_ids"].shape
    for at, count in enumerate(inputs["padding_mask"].sum(axis=1)):
        ids, segments = inputs["token_ids"][at, :count], inputs["segment_ids"][at, :count]
        for name, values in lite.run(ids, segments).items():
            is_per_token = name in per_token
            if name not in outputs:
                shape = (length, *values.shape[1:]) if is_per_token else values.shape
                outputs[name] = np.zeros((batch, *shape), values.dtype)
            if is_per_token:
                outputs[name][at, :count] = values
            else:
                outputs[name][at] = values
    return outputs
