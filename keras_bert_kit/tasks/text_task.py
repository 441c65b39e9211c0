"""Texts, or pairs of texts, to classes, to several labels or to a number."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from keras_bert_kit.config import EncoderConfig, family_of
from keras_bert_kit.data.batching import Batches
from keras_bert_kit.data.classification import encode_texts, row_weights
from keras_bert_kit.data.features import Features
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.labelled_texts import LabelledTexts, check_trainable, labelled_texts
from keras_bert_kit.data.labels import label_ids, names_of
from keras_bert_kit.data.rows import Rows
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel
from keras_bert_kit.prediction import classify, num_segments_of
from keras_bert_kit.tasks.problems import PROBLEMS, Problem

logger = logging.getLogger(__name__)
WIDE = 768  # BERT-base
OF_TWO_CLASSES = ("precision", "recall", "f1")  # those of the second


@dataclass(frozen=True)
class TextTask:
    """Classification, multi-label classification or regression of texts or pairs of texts.

    Attributes:
        problem: `"single_label"`, `"multi_label"` or `"regression"`.
        inputs: how long inputs may be.
        text: the column of texts.
        pair: the column of second texts, if there are such.
        label: the column of labels.
        group: a column that says which rows belong together.
        label_separator: what stands between several labels in one string.
        on_bad: `"error"`, or `"skip"` to leave bad rows out and count them.
        class_weights: whether each class weighs the same, however rare it is.
        resample: whether each class is drawn as often as the others in training.
        pooling: `"first"` or `"mean"`, see `ClassificationModel`; by default the mean for encoders
            narrower than `WIDE`, whose first token has learned less.
        labels: the names of the classes; `with_labels_of` finds them in the training rows.
    """

    problem: str = "single_label"
    inputs: InputOptions = InputOptions()  # noqa: RUF009 (frozen)
    text: str = "text"
    pair: str | None = None
    label: str = "label"
    group: str | None = None
    label_separator: str = ","
    on_bad: str = "error"
    class_weights: bool = False
    resample: bool = False
    pooling: str | None = None
    labels: tuple[str, ...] | None = None

    name = "classification"
    mean_over_weights = False  # weights are those of rows

    def __post_init__(self):
        """Refuses options that contradict each other."""
        if self.class_weights and self.resample:
            raise ValueError(
                "`class_weights` and `resample` both make classes count alike: choose one of them."
            )
        if (self.class_weights or self.resample) and self.problem != "single_label":
            raise ValueError(
                "`class_weights` and `resample` are for rows of one class each, not for "
                f"{self.problem}: leave them out."
            )

    @property
    def kind(self) -> Problem:
        """What differs by problem."""
        return PROBLEMS[self.problem]

    @property
    def metric(self) -> str:
        """What the best weights are chosen by, where nothing else is asked for."""
        return self.kind.metric

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What else they may be chosen by."""
        names = self.kind.metric_names
        if self.problem == "single_label" and self.labels is not None and len(self.labels) != 2:
            names = tuple(name for name in names if name not in OF_TWO_CLASSES)
        return names

    def examples(self, rows: Rows) -> LabelledTexts:
        """Texts and labels of some rows, each of them checked."""
        return labelled_texts(
            rows,
            text=self.text,
            pair=self.pair,
            label=self.label,
            group=self.group,
            kind=self.problem,
            on_bad=self.on_bad,
            label_separator=self.label_separator,
        )

    def with_labels_of(self, train: LabelledTexts) -> "TextTask":
        """The task with the classes of its training rows.

        Raises:
            ValueError: if nothing can be learned from them.
        """
        check_trainable(train)
        labels = None if self.problem == "regression" else names_of(train.labels)
        return replace(self, labels=labels)

    def known(self, examples: LabelledTexts) -> LabelledTexts:
        """The examples whose labels training has seen; others are an error, or left out.

        Raises:
            ValueError: if a label is unknown and rows are not to be skipped.
        """
        if self.problem == "regression":
            return examples
        _, kept = label_ids(
            self.labels, examples.labels, examples.source, examples.numbers, self.on_bad
        )
        return examples.select(kept)

    def strata(self, examples: LabelledTexts) -> list | None:
        """What each part of a split is to have the same share of."""
        return examples.labels if self.problem == "single_label" else None

    def groups(self, examples: LabelledTexts) -> list | None:
        """What must not be split."""
        return examples.groups

    def model(self, encoder: Encoder, train: LabelledTexts) -> ClassificationModel:
        """A new model on an encoder; values start around the mean of the labels, as far apart."""
        # The family's own head, unless that is BERT's and there is no pooler to read.
        is_bert = family_of(EncoderConfig(**encoder.config)) == "bert"
        pooling = self.pooling or ("mean" if encoder.config["hidden_dim"] < WIDE else "first")
        if self.pooling is None and pooling == "mean":
            logger.info(
                "Texts are read by the mean of their tokens. Other libraries have no such head: "
                "for them train with the pooling `first`."
            )
        needs_layer = pooling == "first" and is_bert and not encoder.config["pooler"]
        model = ClassificationModel(
            encoder,
            1 if self.problem == "regression" else len(self.labels),
            problem=self.problem,
            hidden_activation="tanh" if needs_layer else None,
            pooling=pooling,
        )
        if self.problem == "regression":
            # Otherwise the head would have to grow first, by a learning rate that knows no units.
            linear, spread = model.get_layer("classifier").linear, float(np.std(train.labels))
            linear.bias.assign([np.mean(train.labels)])
            linear.kernel.assign(linear.kernel * (spread or 1.0))
        return model

    def encode(self, examples: LabelledTexts, model, tokenizer) -> Features:
        """The inputs of the model."""
        return encode_texts(
            examples.texts, tokenizer, self.inputs, examples.pairs, num_segments_of(model)
        )

    def batches(self, examples: LabelledTexts, model, tokenizer, **options) -> Batches:
        """Training batches; `options` are those of `Batches`."""
        targets = self.kind.targets(self.labels, examples)
        features = self.encode(examples, model, tokenizer)
        weights, sampling = row_weights(features), None
        if self.class_weights or self.resample:
            weights = weights * balanced_weights(targets, len(self.labels))[features.rows]
            if self.resample:  # what is drawn more often weighs no more besides
                weights, sampling = np.ones_like(weights), weights
        return Batches(
            features,
            tokenizer.vocabulary.pad_id,
            {"label": targets[features.rows]},
            {"label": weights.astype(np.float32)},
            sampling=sampling,
            **options,
        )

    def predict(
        self, model, tokenizer, examples: LabelledTexts, batch_size=64, encoded=None
    ) -> np.ndarray:
        """Probabilities or values, `(R, C)`; `encoded` is what `encode` made, if it was called."""
        if encoded is None:
            encoded = self.encode(examples, model, tokenizer)
        return classify(model, tokenizer, encoded, batch_size)

    def tuned(self, examples: LabelledTexts, predictions: np.ndarray) -> "TextTask":
        """The task itself: nothing is decided after training."""
        return self

    def metrics(self, examples: LabelledTexts, predictions: np.ndarray) -> dict:
        """Everything that is measured."""
        targets = self.kind.targets(self.labels, examples)
        return self.kind.metrics(targets, predictions, self.labels)

    def score(self, examples: LabelledTexts, predictions: np.ndarray):
        """A score of rows, for the bootstrap."""
        return self.kind.score(self.kind.targets(self.labels, examples), predictions)

    def baselines(self, train: LabelledTexts, test: LabelledTexts, seed: int) -> dict:
        """Predictions for the test rows by name of a baseline."""
        num_classes = 1 if self.labels is None else len(self.labels)
        targets = self.kind.targets(self.labels, train)
        return self.kind.baselines(train, targets, test, num_classes, seed)


def balanced_weights(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """`R / (C n_c)` for each row of class c, so that classes weigh alike and the mean is 1.

    Args:
        targets: `(R,)` classes.
        num_classes: how many there are, C.

    Example:
        >>> balanced_weights(np.array([0, 0, 0, 1]), 2).round(3).tolist()
        [0.667, 0.667, 0.667, 2.0]
    """
    counts = np.bincount(targets, minlength=num_classes)
    return len(targets) / (np.count_nonzero(counts) * counts[targets])
