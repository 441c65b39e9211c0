"""What a model says of texts, as plain values: labels, values, entities, answers, tags of words."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

import keras
import numpy as np

from keras_bert_kit.data.classification import encode_texts
from keras_bert_kit.data.entities import entities_of, split_words
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.spans import encode_questions
from keras_bert_kit.data.tagging import encode_words
from keras_bert_kit.models import ClassificationModel, SpanModel, TaggingModel, encoder_of
from keras_bert_kit.prediction import answer, classify, num_segments_of, tag

TAGGING, QUESTIONS = "tagging", "questions"
OF_PROBLEM = {
    "single_label": "classification",
    "multi_label": "multilabel",
    "regression": "regression",
}


class Predictions(NamedTuple):
    """What a model says of R texts.

    Attributes:
        results: a dict of plain values for each.
        num_cut: `(R,)` int, tokens of each that were not read because it is too long; of words to
            be tagged, the words.
    """

    results: list[dict]
    num_cut: np.ndarray


def task_of(model: keras.Model) -> str:
    """What a model was made for, by the names that `recipes.finetune` has for its tasks.

    Raises:
        ValueError: if it is none of those, such as a model that was only pre-trained.
    """
    if isinstance(model, ClassificationModel):
        return OF_PROBLEM[model.arguments["problem"]]
    if isinstance(model, TaggingModel):
        return TAGGING
    if isinstance(model, SpanModel):
        return QUESTIONS
    raise ValueError(
        f"This model says nothing of texts: it is a {type(model).__name__}. Fine-tune it with "
        "`python -m recipes.finetune`."
    )


def predict_text(
    model: keras.Model,
    tokenizer,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    labels: Sequence[str] | None = None,
    options: InputOptions | None = None,
    no_answer_threshold: float | None = None,
    tag_scheme: str | None = None,
    batch_size: int = 32,
) -> Predictions:
    """What a model says of texts as plain values; see `Bundle.predict_text`."""
    task = task_of(model)
    _check_texts("texts", texts)
    if pairs is not None:
        _check_texts("pairs", pairs)
        if len(pairs) != len(texts):
            raise ValueError(
                f"There must be a pair for each of {len(texts)} texts; got {len(pairs)}."
            )
    if task == QUESTIONS and pairs is None:
        raise ValueError("A model of questions needs the text of each as `pairs`.")
    if task == TAGGING and pairs is not None:
        raise ValueError("A model that tags words reads single texts: leave `pairs` out.")
    if not len(texts):
        return Predictions([], np.zeros(0, np.int32))
    options = options or default_inputs(model)
    if task == QUESTIONS:
        return _answers(model, tokenizer, texts, pairs, options, no_answer_threshold, batch_size)
    names = names_of_classes(model, labels)
    if task == TAGGING:
        return _entities(model, tokenizer, texts, names, options, tag_scheme, batch_size)
    features = encode_texts(texts, tokenizer, options, pairs, num_segments_of(model))
    values = classify(model, tokenizer, features, batch_size)
    return Predictions([_of_text(task, names, row) for row in values.tolist()], features.num_cut)


def predict_words(
    model: keras.Model,
    tokenizer,
    words: Sequence[Sequence[str]],
    *,
    labels: Sequence[str] | None = None,
    options: InputOptions | None = None,
    tag_scheme: str | None = None,
    batch_size: int = 32,
) -> Predictions:
    """A tag for each word of sentences that are in words already.

    Args:
        model: a `TaggingModel`.
        tokenizer: its tokenizer.
        words: R sentences of words.
        labels: names of the tags.
        options: how sentences are read; by default up to 512 tokens, longer ones in windows.
        tag_scheme: `"IOB2"` if the tags follow that; see `Bundle`.
        batch_size: inputs that are computed at once.

    Returns:
        For each sentence `tags` and `probabilities`, one a word. A word that is not read, as it is
        cut off or nothing to the tokenizer, is outside, with the probability 0.

    Raises:
        ValueError: if the model does not tag words.
    """
    if task_of(model) != TAGGING:
        raise ValueError(
            f"Only a model that tags words reads lists of words; this one is for {task_of(model)}."
        )
    names = names_of_classes(model, labels)
    if not len(words):
        return Predictions([], np.zeros(0, np.int32))
    encoded = encode_words(words, tokenizer, options or default_inputs(model))
    tags, sure = tag(model, tokenizer, encoded, names, tag_scheme, batch_size)
    return Predictions(
        [
            {"tags": [names[i] for i in ids], "probabilities": probabilities.tolist()}
            for ids, probabilities in zip(tags, sure, strict=True)
        ],
        encoded.num_cut_words,
    )


def default_inputs(model: keras.Model) -> InputOptions:
    """How a model reads texts of which nothing is known: 512 tokens, or what it can, in windows."""
    return InputOptions(min(512, encoder_of(model).config["max_sequence_length"]), "windows")


def names_of_classes(model: keras.Model, labels: Sequence[str] | None) -> list[str]:
    """The labels, or the numbers of the classes where they have no names."""
    return list(labels or map(str, range(model.arguments["num_classes"])))


def _check_texts(argument: str, texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise TypeError("`texts` and `pairs` must be lists of strings; received a single one.")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"`{argument}` must be a list of strings; received {text!r:.60} at place {number}, "
                "counted from 0."
            )


def _of_text(task: str, names: list[str], row: list[float]) -> dict:
    if task == "regression":
        return {"value": row[0]}
    probabilities = dict(zip(names, row, strict=True))
    if task == "multilabel":
        given = [name for name, probability in probabilities.items() if probability >= 0.5]
        return {"labels": given, "probabilities": probabilities}
    best = max(probabilities, key=probabilities.get)
    return {"label": best, "probability": probabilities[best], "probabilities": probabilities}


def _entities(model, tokenizer, texts, names, options, scheme, batch_size) -> Predictions:
    splits = [split_words(text) for text in texts]
    encoded = encode_words([words for words, _, _ in splits], tokenizer, options)
    tags, sure = tag(model, tokenizer, encoded, names, scheme, batch_size)
    results = []
    for text, (_, starts, ends), ids, ones in zip(texts, splits, tags, sure, strict=True):
        found = entities_of(text, starts, ends, [names[i] for i in ids], ones)
        results.append({"entities": [asdict(entity) for entity in found]})
    return Predictions(results, encoded.num_cut_words)


def _answers(
    model, tokenizer, texts, pairs, options, no_answer_threshold, batch_size
) -> Predictions:
    encoded = encode_questions(
        texts, pairs, tokenizer, options, num_segments=num_segments_of(model)
    )
    found = answer(model, tokenizer, encoded, pairs, no_answer_threshold, batch_size)
    return Predictions(
        [
            {"answer": a.text, "start": a.start, "end": a.end, "probability": a.probability}
            for a in found
        ],
        encoded.features.num_cut,
    )
