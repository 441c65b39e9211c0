"""How well a model fills in each masked token of some examples: to compare models on the same."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_bert_kit.evaluation.bootstrap import Score


class MaskedTokenScores(NamedTuple):
    """What a model made of the masked tokens of R examples; sums, so that any rows add up.

    Attributes:
        losses: sums over the masked tokens of an example of `-log p`, in nats, `(R,)`.
        hits: how many of them were the likeliest token, `(R,)`.
        counts: how many there are, `(R,)`.
    """

    losses: np.ndarray
    hits: np.ndarray
    counts: np.ndarray

    @property
    def loss(self) -> float:
        """The mean loss of a masked token, in nats."""
        return float(self.losses.sum() / self.counts.sum())

    @property
    def accuracy(self) -> float:
        """The share of the masked tokens that were the likeliest."""
        return float(self.hits.sum() / self.counts.sum())

    @property
    def score(self) -> Score:
        """From row indices to `loss` and `accuracy`, for a bootstrap over examples."""

        def of_rows(rows):
            count = self.counts[rows].sum()
            if not count:
                return {"loss": None, "accuracy": None}
            return {
                "loss": self.losses[rows].sum() / count,
                "accuracy": self.hits[rows].sum() / count,
            }

        return of_rows


def masked_token_scores(model: keras.Model, dataset) -> MaskedTokenScores:
    """Scores a model on every masked token.

    Args:
        model: a `PretrainingModel` with a masked-token head; it need not be compiled.
        dataset: batches `(x, y, sample_weight)`, one pass over R examples.
    """
    parts = []
    for x, y, sample_weight in dataset:
        labels, weights = y["masked_lm"], sample_weight["masked_lm"]
        logits = model.predict_on_batch(x)["masked_lm"]
        terms = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        hits = np.argmax(logits, axis=-1) == ops.convert_to_numpy(labels)
        weights = ops.convert_to_numpy(weights).astype(np.float64)
        terms = ops.convert_to_numpy(terms)
        parts.append(((terms * weights).sum(1), (hits * weights).sum(1), weights.sum(1)))
    return MaskedTokenScores(*(np.concatenate(part) for part in zip(*parts, strict=True)))
