"""A trained model as the start of more pre-training, for instance on the text of a domain.

Its weights, its heads and its tokenizer are its own; what pre-training needs and it has not is new.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras

from keras_bert_kit import pretrained
from keras_bert_kit.config import SIZES, EncoderConfig
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.text.tokenizer_files import AnyTokenizer

logger = logging.getLogger(__name__)


class StartingPoint(NamedTuple):
    """What pre-training goes on from.

    Attributes:
        model: a `PretrainingModel`, not compiled.
        tokenizer: the source's.
        description: of the model.
        new_parts: the heads, and the pooler, that the source has not and that start at random.
    """

    model: keras.Model
    tokenizer: AnyTokenizer
    description: ModelDescription
    new_parts: tuple[str, ...]

    @property
    def has_next_sentence(self) -> bool:
        """Whether the model has a next-sentence head."""
        return "next_sentence" in self.description.heads


def load_for_pretraining(
    source: str | Path,
    next_sentence: bool | None = None,
    *,
    dropout: float | None = None,
    dtype: str | keras.DTypePolicy | None = None,
) -> StartingPoint:
    """Loads a model of any format and task to pre-train it further.

    Args:
        source: what `pretrained.find` takes.
        next_sentence: whether to have a next-sentence head; by default if the source has one.
        dropout: dropout rate; by default the source's.
        dtype: dtype policy of the model.

    Raises:
        FileNotFoundError: if there is no such model.
        OSError: if it cannot be read or downloaded.
        ValueError: if it is broken, or of a family without next sentences and they are asked for.

    Reference:
        "Don't Stop Pretraining", https://arxiv.org/abs/2004.10964, section 3
    """
    found = pretrained.find(source)
    try:
        loaded = pretrained.load(found, "pretraining")
        new_parts = set()
    except ValueError:  # it lacks the head, or else the second attempt says what is amiss
        loaded = pretrained.load(found, "pretraining", initialize=["masked_lm"])
        new_parts = {"masked_lm"}
    before = loaded.description
    if next_sentence is None:
        next_sentence = "next_sentence" in before.heads
    if next_sentence and before.family != "bert":
        raise ValueError(
            f"{source} is a model of the family {before.family}, which has no next-sentence "
            "prediction: train it on full sentences."
        )
    description = replace(
        # The pooler is trained by next sentences and by nothing else.
        before.with_encoder(
            dropout=before.encoder.dropout if dropout is None else dropout, pooler=next_sentence
        ),
        head=before.head | {"masked_lm": True, "next_sentence": next_sentence},
    )
    model = description.build(dtype)
    values = {weight.path: weight for weight in loaded.model.weights}
    missing = set()
    for weight in model.trainable_weights:  # not the seeds of dropout
        if weight.path in values:
            weight.assign(values[weight.path])
        else:
            missing.add(weight.path.split("/")[0])
    if missing:
        logger.warning("Not in %s, so with first values: %s.", source, ", ".join(sorted(missing)))
    left_out = [part for part in before.parts if part not in description.parts]
    if left_out:
        logger.info("Left out of %s, as not trained: %s.", source, ", ".join(left_out))
    return StartingPoint(model, loaded.tokenizer, description, tuple(sorted(new_parts | missing)))


def contradictions(
    start: StartingPoint, said: Mapping[str, object], vocabulary: str | Path | None = None
) -> list[str]:
    """What is said of a model that is not so, each as a part of a sentence.

    Args:
        start: the model.
        said: any of `model` (its family), `size`, `max_positions`, `vocabulary_size` and
            `lowercase`; None where nothing is said.
        vocabulary: a file or folder that is said to hold its vocabulary.
    """
    encoder, own_vocabulary = start.description.encoder, start.tokenizer.vocabulary
    its_own = {
        "model": start.description.family,
        "size": size_of(encoder) or "none that has a name",
        "max_positions": encoder.max_sequence_length,
        "vocabulary_size": len(own_vocabulary),
        "lowercase": getattr(start.tokenizer, "lowercase", None),  # byte-level BPE has none
    }
    found = [
        f"`--{name.replace('_', '-')}` is {given}, but the model has {own}"
        for name, own in its_own.items()
        if own is not None and (given := said.get(name)) not in (None, own)
    ]
    if (
        vocabulary
        and type(own_vocabulary).read(vocabulary).fingerprint != own_vocabulary.fingerprint
    ):
        found.append(f"the vocabulary {vocabulary} is another than the model's")
    return found


def size_of(encoder: EncoderConfig) -> str | None:
    """The name of the published size that an encoder has, if it has one.

    Example:
        >>> from keras_bert_kit.config import encoder_config
        >>> size_of(encoder_config("mini", "roberta"))
        'mini'
    """
    for name, size in SIZES.items():
        if _widths(size) == _widths(encoder):
            return name
    return None


def _widths(encoder: EncoderConfig) -> tuple[int, ...]:
    names = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim")
    return tuple(getattr(encoder, name) for name in names)
