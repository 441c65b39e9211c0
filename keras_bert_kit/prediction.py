"""What a model says of texts, words and questions: from inputs to outputs and back to the rows."""

import logging
import time
from collections.abc import Sequence
from functools import partial

import keras
import numpy as np
from scipy.special import expit, softmax

from keras_bert_kit.data.answers import Answer, best_answers
from keras_bert_kit.data.batching import Batches
from keras_bert_kit.data.classification import pool_windows
from keras_bert_kit.data.entities import OUTSIDE
from keras_bert_kit.data.features import Features
from keras_bert_kit.data.spans import QuestionFeatures
from keras_bert_kit.data.tag_decoding import transitions_of
from keras_bert_kit.data.tagging import WordFeatures, tags_of_words

PER_TOKEN = ("tags", "start", "end")  # outputs with a value for every token
SECONDS_BETWEEN_LINES = 30

logger = logging.getLogger(__name__)


def outputs_of(
    model: keras.Model, features: Features, pad_id: int, batch_size: int = 64
) -> dict[str, np.ndarray]:
    """All outputs of a model for some inputs, without padding and in their order.

    Where that takes long, it logs now and then how far it is.

    Args:
        model: the model of a task.
        features: the inputs.
        pad_id: the token of padding.
        batch_size: inputs in a batch.

    Returns:
        By output, `(F, ...)`, or for those of `PER_TOKEN` `(L, ...)`, as `features.token_ids`.

    Raises:
        ValueError: if there is no input, or one that is too long for the model.
    """
    num_positions = model.encoder.config["max_sequence_length"]
    longest = int(features.lengths.max(initial=0))
    if longest > num_positions:
        raise ValueError(
            f"An input has {longest:,} tokens, but the model reads at most {num_positions:,}: make "
            "`sequence_length` smaller."
        )
    # Rounding a batch's length up must not lead past the last position.
    batches = Batches(features, pad_id, batch_size=batch_size, pad_to=num_positions)
    order, lengths, splits = batches.order, features.lengths, features.splits
    outputs: dict[str, np.ndarray] = {}
    at, said = 0, time.monotonic()
    for x, _, _ in batches.one_pass():
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            logger.info("The model has read %s of %s inputs.", f"{at:,}", f"{len(features):,}")
        chosen = order[at : at + batch_size]
        at += len(chosen)
        for name, values in model.predict_on_batch(x).items():
            per_token = name in PER_TOKEN
            if name not in outputs:
                count = len(features.token_ids) if per_token else len(features)
                outputs[name] = np.empty((count, *values.shape[1 + per_token :]), values.dtype)
            if not per_token:
                outputs[name][chosen] = values
                continue
            for row, one in zip(values, chosen, strict=True):
                outputs[name][splits[one] : splits[one + 1]] = row[: lengths[one]]
    return outputs


def num_segments_of(model: keras.Model) -> int:
    """How many segment ids the encoder of a model knows."""
    return model.encoder.config["num_segments"]


def classify(model: keras.Model, tokenizer, features: Features, batch_size: int = 64) -> np.ndarray:
    """Probabilities of classes, or for a regression values; of windows the mean.

    Args:
        model: a `ClassificationModel`.
        tokenizer: its tokenizer.
        features: R texts as `encode_texts` makes them.
        batch_size: inputs in a batch.

    Returns:
        `(R, C)` float64; `(R, 1)` for a regression.
    """
    logits = outputs_of(model, features, tokenizer.vocabulary.pad_id, batch_size)["label"]
    to_values = {
        "single_label": partial(softmax, axis=1),
        "multi_label": expit,
        "regression": np.asarray,
    }
    values = to_values[model.arguments["problem"]](logits.astype(np.float64))
    return pool_windows(features, values)


def tag(
    model: keras.Model,
    tokenizer,
    encoded: WordFeatures,
    labels: Sequence[str],
    scheme: str | None = None,
    batch_size: int = 64,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The likeliest tags of the words, and the probability of each.

    Args:
        model: a `TaggingModel`.
        tokenizer: its tokenizer.
        encoded: R sentences as `encode_words` makes them.
        labels: the tags; a word that no input holds has `O`, or without that the first.
        scheme: `"IOB2"` for the likeliest tags that follow it; None where nothing is known of them,
            and each word has the likeliest for itself.
        batch_size: inputs in a batch.

    Returns:
        For each sentence the tags `(W,)` int32 and their probabilities `(W,)`.
    """
    logits = outputs_of(model, encoded.features, tokenizer.vocabulary.pad_id, batch_size)["tags"]
    return tags_of_words(
        encoded,
        softmax(logits.astype(np.float64), axis=1),
        labels.index(OUTSIDE) if OUTSIDE in labels else 0,
        transitions_of(scheme, labels),
    )


def answer(
    model: keras.Model,
    tokenizer,
    encoded: QuestionFeatures,
    contexts: Sequence[str],
    no_answer_threshold: float | None = None,
    batch_size: int = 64,
) -> list[Answer]:
    """The best answer to each question.

    Args:
        model: a `SpanModel`.
        tokenizer: its tokenizer.
        encoded: R questions as `encode_questions` makes them.
        contexts: for each the text that holds the answer, if any does.
        no_answer_threshold: see `best_answers`; None to give an answer always.
        batch_size: inputs in a batch.
    """
    logits = outputs_of(model, encoded.features, tokenizer.vocabulary.pad_id, batch_size)
    return best_answers(
        encoded,
        contexts,
        logits["start"],
        logits["end"],
        allow_no_answer=no_answer_threshold is not None,
        threshold=no_answer_threshold or 0.0,
    )
