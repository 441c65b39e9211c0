"""Small models of every task, and the LiteRT files made of them, each made once."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from tiny_bundles import LABELS, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.classification import encode_texts
from keras_bert_kit.data.features import Features
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.held_out_rows import HeldOutRows
from keras_bert_kit.export.lite_conversion import convert

LENGTH = 16
TEXTS = ("ada smiled .", "the star shines far", "", "bread is warm ? who", "the " * 40)
CONTEXTS = ("the star is far .", "bread is warm", "who ?", "ada " * 30, "is")
EMBEDDING = "embedding"
TASKS = (*LABELS, EMBEDDING)


@cache
def bundle_of(task: str) -> Bundle:
    """A model of a task, or an encoder without head."""
    if task != EMBEDDING:
        return tiny_bundle(task)
    bundle = tiny_bundle("regression", inputs=None)
    return replace(bundle, model=bundle.encoder)


def rows_of(task: str) -> HeldOutRows:
    """Texts for it, in questions with the texts that hold the answers."""
    pairs = CONTEXTS if task == "questions" else None
    return HeldOutRows.of_texts(bundle_of(task), TEXTS, pairs)


def calibration(length: int = LENGTH) -> Features:
    """Inputs to learn ranges from."""
    options = InputOptions(length)
    return encode_texts(TEXTS, bundle_of("classification").tokenizer, options)


@cache
def content_of(task: str, quantization: str, sequence_length: int | None = LENGTH) -> bytes:
    """A file without labels or vocabulary."""
    rows = calibration() if quantization == "full_int8" else None
    return convert(bundle_of(task), quantization, sequence_length, rows)


def written(folder: Path, content: bytes) -> Path:
    """The file in a folder."""
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path
