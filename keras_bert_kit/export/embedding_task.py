"""Texts to vectors in the form of a task, so that embeddings are checked as the tasks are."""

from dataclasses import dataclass

import numpy as np

from keras_bert_kit.data.classification import encode_texts, pool_windows
from keras_bert_kit.data.features import Features
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.models import encoder_of
from keras_bert_kit.prediction import outputs_of


@dataclass(frozen=True)
class EmbeddingTask:
    """Texts to vectors, in the form of a task; nothing measures them but each other.

    Attributes:
        inputs: how long inputs may be.
    """

    inputs: InputOptions = InputOptions()  # noqa: RUF009 (frozen)

    name = "embedding"
    metric = None

    def encode(self, examples: LabelledTexts, model, tokenizer) -> Features:
        """The inputs of the model."""
        num_segments = encoder_of(model).config["num_segments"]
        return encode_texts(examples.texts, tokenizer, self.inputs, examples.pairs, num_segments)

    def predict(
        self, model, tokenizer, examples: LabelledTexts, batch_size=64, encoded=None
    ) -> np.ndarray:
        """The vectors, `(R, D)`; of a text in several windows the mean."""
        if encoded is None:
            encoded = self.encode(examples, model, tokenizer)
        outputs = outputs_of(model, encoded, tokenizer.vocabulary.pad_id, batch_size)
        return pool_windows(encoded, outputs["embedding"])
