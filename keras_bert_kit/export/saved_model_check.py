"""Whether a SavedModel of strings says what its model says, and what it weighs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 (its operations are in the SavedModels)

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.classification import encode_texts, pool_windows
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.export.agreement import check_difference, difference_of
from keras_bert_kit.export.saved_model import STRINGS
from keras_bert_kit.export.served_model import serve
from keras_bert_kit.text_prediction import default_inputs

BATCH_SIZE = 32
TIMED = 50  # texts, each by itself
INPUTS = {"texts": ("text",), "pairs": ("text", "pair"), "questions": ("question", "context")}


@dataclass(frozen=True)
class ServedAgreement:
    """How a SavedModel compares with its model in Keras.

    Attributes:
        rows: how many texts were asked.
        alike: the share of texts of which both say the same: the class, the classes, every entity
            with its place, the answer. Numbers do not count here.
        difference: the largest difference of a probability, a value or an entry of an embedding.
        megabytes: of its folder.
        bytes_a_weight: of the file of its weights.
        milliseconds: the median for one text by itself.
    """

    rows: int
    alike: float
    difference: float
    megabytes: float
    bytes_a_weight: float
    milliseconds: float

    @property
    def table(self) -> str:
        """One line in Markdown, with its head."""
        return (
            "| SavedModel | MB | bytes a weight | largest difference | same answers | ms |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: |\n"
            f"| {STRINGS} | {self.megabytes:.2f} | {self.bytes_a_weight:.2f} | "
            f"{self.difference:.1e} | {self.alike:.4f} | {self.milliseconds:.1f} |"
        )


def check_saved_model(
    bundle: Bundle, folder: str | Path, texts: Sequence[str], pairs: Sequence[str] | None = None
) -> ServedAgreement:
    """Loads the SavedModel of strings and asks it and the model in Keras the same.

    Args:
        bundle: the model.
        folder: what `write_saved_models` wrote to.
        texts: R texts, for a model of questions the questions.
        pairs: for each the second text of its pair, or the text with the answer.

    Raises:
        RuntimeError: if they differ by more than rounding.
    """
    folder = Path(folder) / STRINGS
    loaded = tf.saved_model.load(folder)
    name = "texts" if pairs is None else "pairs"
    if "questions" in loaded.signatures:
        name = "questions"
    signature, inputs = loaded.signatures[name], INPUTS[name]
    columns = [list(column) for column in (texts, pairs) if column is not None]

    def ask(rows: slice) -> list[dict]:
        given = [tf.constant([text.encode() for text in column[rows]]) for column in columns]
        said = signature(**dict(zip(inputs, given, strict=True)))
        return results_of({n: values.numpy() for n, values in said.items()}, bundle.labels)

    said, expected = [], []
    for first in range(0, len(texts), BATCH_SIZE):
        rows = slice(first, first + BATCH_SIZE)
        said += ask(rows)
        expected += _by_keras(bundle, *(column[rows] for column in columns))
    # Another answer where two are equally good has other numbers; that is no fault.
    numbers, are_same = ([], []), []
    for one, other in zip(said, expected, strict=True):
        of_one, of_other = [], []
        are_same.append(_without_numbers(one, of_one) == _without_numbers(other, of_other))
        if are_same[-1]:
            numbers[0].extend(of_one)
            numbers[1].extend(of_other)
    difference = difference_of(*map(np.array, numbers)) if any(are_same) else np.inf
    check_difference(difference, "The SavedModel")
    seconds = []
    for at in range(min(TIMED, len(texts))):
        started = time.perf_counter()
        ask(slice(at, at + 1))
        seconds.append(time.perf_counter() - started)
    variables = sum(file.stat().st_size for file in (folder / "variables").glob("*.data-*"))
    return ServedAgreement(
        len(texts),
        float(np.mean(are_same)),
        difference,
        sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6,
        variables / bundle.model.count_params(),
        1000 * float(np.median(seconds)),
    )


def results_of(said: dict[str, np.ndarray], labels: Sequence[str] | None = None) -> list[dict]:
    """What a SavedModel of strings says, in the form of `Bundle.predict_text`.

    Args:
        said: what one of its signatures returned for B texts, as arrays.
        labels: the names of the classes, for the probability of each.

    Example:
        >>> said = {"answer": np.array([b"Ada"]), "start": np.array([4]), "end": np.array([7])}
        >>> results_of(said | {"probability": np.array([0.5])})
        [{'answer': 'Ada', 'start': 4, 'end': 7, 'probability': 0.5}]
    """
    if "answer" in said:
        names = ("answer", "start", "end", "probability")
        return _rows(names, [said[name] for name in names])
    if "entities" in said:
        names = ("label", "start", "end", "text", "probability")
        padded = [said[n] for n in ("labels", "starts", "ends", "entities", "probabilities")]
        texts = (_rows(names, row) for row in zip(*padded, strict=True))
        return [{"entities": [one for one in row if one["start"] >= 0]} for row in texts]
    if "probabilities" not in said:
        ((name, values),) = said.items()  # a value or an embedding
        return [{name: value} for value in values.tolist()]
    results = []
    for at, row in enumerate(said["probabilities"].tolist()):
        probabilities = dict(zip(labels, row, strict=True))
        if "given" in said:
            given = [name for name, yes in zip(labels, said["given"][at], strict=True) if yes]
            results.append({"labels": given, "probabilities": probabilities})
        else:
            label = said["label"][at].decode()
            result = {"label": label, "probability": max(row), "probabilities": probabilities}
            results.append(result)
    return results


def _rows(names: Sequence[str], columns: Sequence[np.ndarray]) -> list[dict]:
    """A dict for each row of some columns, strings decoded."""
    columns = [
        [one.decode() if isinstance(one, bytes) else one for one in column.tolist()]
        for column in columns
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _by_keras(bundle: Bundle, texts: list[str], pairs: list[str] | None = None) -> list[dict]:
    if not isinstance(bundle.model, Encoder):
        return bundle.predict_text(texts, pairs)
    options = bundle.inputs or default_inputs(bundle.model)
    num_segments = bundle.encoder.config["num_segments"]
    features = encode_texts(texts, bundle.tokenizer, options, pairs, num_segments)
    vectors = []
    for start, stop in zip(features.splits, features.splits[1:], strict=False):
        ids, segments = (x[None, start:stop] for x in (features.token_ids, features.segment_ids))
        inputs = {"token_ids": ids, "segment_ids": segments, "padding_mask": np.ones_like(ids)}
        vectors.append(serve(bundle.model, inputs)["embedding"][0].numpy())
    return [{"embedding": one} for one in pool_windows(features, np.array(vectors)).tolist()]


def _without_numbers(said: object, numbers: list[float]) -> object:
    """The same with every float taken out and appended to `numbers`."""
    if isinstance(said, float):
        numbers.append(said)
        return None
    if isinstance(said, dict):
        return {name: _without_numbers(said[name], numbers) for name in sorted(said)}
    return [_without_numbers(one, numbers) for one in said] if isinstance(said, list) else said
