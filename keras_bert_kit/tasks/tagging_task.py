"""Words to tags: named entities, parts of speech."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from keras_bert_kit.data.batching import Batches
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.labels import tag_ids
from keras_bert_kit.data.rows import Rows
from keras_bert_kit.data.tag_decoding import IOB2, likeliest_tags, transitions_of
from keras_bert_kit.data.tag_schemes import PLAIN, begun
from keras_bert_kit.data.tagged_words import TaggedWords, labels_of_tags, tagged_words
from keras_bert_kit.data.tagging import WordFeatures, encode_words, tag_targets
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.evaluation.classification_metrics import classification_metrics
from keras_bert_kit.evaluation.row_scores import tagging_score
from keras_bert_kit.evaluation.tagging_baselines import OUTSIDE, tagging_baselines
from keras_bert_kit.evaluation.tagging_metrics import entity_counts, tagging_metrics
from keras_bert_kit.models import TaggingModel
from keras_bert_kit.prediction import tag


class SentenceTags(NamedTuple):
    """The tags of a sentence's words, and the probability of each where there is one."""

    tags: list[str]
    probabilities: np.ndarray | None = None


ENTITY_METRICS = ("f1", "precision", "recall", "f1_macro", "accuracy")
OF_PROBABILITIES = ("roc_auc", "pr_auc", "cross_entropy", "calibration_error")


@dataclass(frozen=True)
class TaggingTask:
    """Tags of words.

    Attributes:
        inputs: how long inputs may be.
        words: the column of words.
        tags: the column of tags.
        scheme: what the tags are in, where that is known; see `data.tag_schemes`.
        on_bad: `"error"`, or `"skip"` to leave bad sentences out and count them.
        labels: the tags; `with_labels_of` finds them in the training rows.
        plain: whether the tags mark no entities, such as parts of speech; found with them.
        tag_scheme: `"IOB2"` where a model's tags do, as it has learned from such; see
            `data.tag_decoding`.
    """

    inputs: InputOptions = InputOptions(long_texts="windows")  # noqa: RUF009 (frozen)
    words: str = "tokens"
    tags: str = "tags"
    scheme: str | None = None
    on_bad: str = "error"
    labels: tuple[str, ...] | None = None
    plain: bool = False
    tag_scheme: str | None = None

    name = "tagging"
    mean_over_weights = True  # every prediction counts the same

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What the best weights may be chosen by."""
        return ("accuracy",) if self.plain else ENTITY_METRICS

    @property
    def metric(self) -> str:
        """What the best weights are chosen by, where nothing else is asked for."""
        return "accuracy" if self.plain else "f1"

    def examples(self, rows: Rows) -> TaggedWords:
        """Words and tags of some rows, each of them checked."""
        return tagged_words(
            rows, words=self.words, tags=self.tags, scheme=self.scheme, on_bad=self.on_bad
        )

    def with_labels_of(self, train: TaggedWords) -> "TaggingTask":
        """The task with the tags of its training rows.

        Raises:
            ValueError: if all words have the same tag.
        """
        labels = labels_of_tags(train.tags, train.scheme)
        if len(labels) < 2:
            raise ValueError(
                f"All words of {train.source} have the tag {labels[0]!r}: there is nothing to "
                "tell apart. Take another column with `tags`, or other rows."
            )
        plain = train.scheme == PLAIN
        return replace(self, labels=labels, plain=plain, tag_scheme=None if plain else IOB2)

    def known(self, examples: TaggedWords) -> TaggedWords:
        """The sentences whose tags training has seen; others are an error, or left out.

        Raises:
            ValueError: if a tag is unknown and rows are not to be skipped.
        """
        _, kept = tag_ids(
            self.labels, examples.tags, examples.source, examples.numbers, self.on_bad
        )
        return examples.select(kept)

    def strata(self, examples: TaggedWords) -> None:
        """None: sentences have tags of many kinds."""
        return None

    def groups(self, examples: TaggedWords) -> None:
        """None: sentences stand for themselves."""
        return None

    def model(self, encoder: Encoder, train: TaggedWords) -> TaggingModel:
        """A new model on an encoder."""
        return TaggingModel(encoder, len(self.labels))

    def encode(self, examples: TaggedWords, model, tokenizer) -> WordFeatures:
        """The inputs of the model."""
        return encode_words(examples.words, tokenizer, self.inputs)

    def batches(self, examples: TaggedWords, model, tokenizer, **options) -> Batches:
        """Training batches; `options` are those of `Batches`."""
        encoded = self.encode(examples, model, tokenizer)
        ids, _ = tag_ids(self.labels, examples.tags, examples.source, examples.numbers)
        targets, weights = tag_targets(encoded, ids)
        return Batches(
            encoded.features,
            tokenizer.vocabulary.pad_id,
            targets,
            weights,
            per_token=True,
            **options,
        )

    def predict(
        self, model, tokenizer, examples: TaggedWords, batch_size=64, encoded=None
    ) -> list[SentenceTags]:
        """A tag for every word; `encoded` is what `encode` made, if it was called.

        What goes on without having begun, begins, as `predict_text` understands it.
        """
        if encoded is None:
            encoded = self.encode(examples, model, tokenizer)
        found = tag(model, tokenizer, encoded, self.labels, self.tag_scheme, batch_size)
        understood = list if self.plain else begun
        return [
            SentenceTags(understood([self.labels[i] for i in ids]), probabilities)
            for ids, probabilities in zip(*found, strict=True)
        ]

    def tuned(self, examples: TaggedWords, predictions: list[SentenceTags]) -> "TaggingTask":
        """The task itself: nothing is decided after training."""
        return self

    def metrics(self, examples: TaggedWords, predictions: list[SentenceTags]) -> dict:
        """Everything that is measured: of entities, or of words where tags mark none."""
        found = [sentence.tags for sentence in predictions]
        if not self.plain:
            return tagging_metrics(examples.tags, found)
        ids = [self._ids(tags) for tags in (examples.tags, found)]
        found = classification_metrics(ids[0], np.eye(len(self.labels))[ids[1]], self.labels)
        # Of the words only the likeliest tag is known, not how sure of it the model is.
        return {name: value for name, value in found.items() if name not in OF_PROBABILITIES}

    def score(self, examples: TaggedWords, predictions: list[SentenceTags]):
        """A score of sentences, for the bootstrap."""
        found = [sentence.tags for sentence in predictions]
        if not self.plain:
            return tagging_score(*entity_counts(examples.tags, found)[1:])
        right, words = right_words(examples.tags, found)
        return lambda rows: {"accuracy": float(right[rows].sum() / words[rows].sum())}

    def baselines(self, train: TaggedWords, test: TaggedWords, seed: int) -> dict:
        """Predictions for the test rows by name of a baseline."""
        found = tagging_baselines(
            train.words,
            train.tags,
            test.words,
            seed,
            None if self.plain else OUTSIDE,
            lambda said, num_words, labels: likeliest_tags(
                said, num_words, transitions_of(self.tag_scheme, labels)
            ),
        )
        return {name: [SentenceTags(tags) for tags in rows] for name, rows in found.items()}

    def _ids(self, sentences) -> np.ndarray:
        place = {name: index for index, name in enumerate(self.labels)}
        return np.array([place[tag] for tags in sentences for tag in tags], np.int32)


def right_words(true, predicted) -> tuple[np.ndarray, np.ndarray]:
    """How many words of each sentence have the right tag, and how many it has."""
    pairs = list(zip(true, predicted, strict=True))
    right = [sum(a == b for a, b in zip(*tags, strict=True)) for tags in pairs]
    return np.array(right), np.array([len(tags) for tags, _ in pairs])
