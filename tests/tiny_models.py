"""An encoder of one small block, a batch of two short texts, and that batch's labels."""

import numpy as np
from reference_bert import randomize

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import PretrainingModel

ARGUMENTS = {
    "vocabulary_size": 11,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 10,
}

# [CLS] a b [SEP] c [SEP], and [CLS] d e [SEP] with padding
INPUTS = {
    "token_ids": np.array([[2, 5, 9, 3, 7, 3], [2, 8, 6, 3, 0, 0]], "int32"),
    "segment_ids": np.array([[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]], "int32"),
    "padding_mask": np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], "int32"),
}
MASK_POSITIONS = np.array([[1, 2, 4], [2, 0, 0]], "int32")

BATCH = (
    {**INPUTS, "mask_positions": MASK_POSITIONS},
    {
        "masked_lm": np.array([[5, 4, 10], [6, 0, 0]], "int32"),
        "next_sentence": np.array([0, 1], "int32"),
    },
    {
        "masked_lm": np.array([[1, 1, 1], [1, 0, 0]], "float32"),
        "next_sentence": np.array([1, 1], "float32"),
    },
)


def tiny_encoder(**changes) -> Encoder:
    """An encoder whose every weight, biases and norms too, differs from its initial value."""
    encoder = Encoder(**ARGUMENTS | changes)
    randomize(encoder)
    return encoder


def tiny_pretraining_model(next_sentence=True, **changes) -> PretrainingModel:
    """The same with its heads."""
    model = PretrainingModel(Encoder(**ARGUMENTS | changes), next_sentence)
    randomize(model)
    return model
