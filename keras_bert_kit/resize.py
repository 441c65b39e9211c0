"""The same model with room for more tokens or longer texts."""

import keras
import numpy as np

from keras_bert_kit.model_description import ModelDescription

TOKENS, POSITIONS, TOKEN_BIAS = (
    "embeddings/token/table",
    "embeddings/position_table",
    "masked_lm/output_bias",
)


def resize(
    model: keras.Model,
    vocabulary_size: int | None = None,
    max_sequence_length: int | None = None,
) -> keras.Model:
    """A copy of a model with more tokens, or with more or fewer positions.

    New tokens get first values, as those of a new model; `extend_vocabulary` knows better ones. New
    positions repeat the old ones from the start, so that neighbours look to each other as before.

    Args:
        model: an `Encoder` or the model of a task.
        vocabulary_size: number of tokens; by default as before.
        max_sequence_length: number of positions; by default as before.

    Returns:
        A new model, not compiled.

    Raises:
        ValueError: if there are to be fewer tokens than before, or no position.

    Example:
        >>> from dataclasses import asdict
        >>> from keras_bert_kit.config import encoder_config
        >>> from keras_bert_kit.encoder import Encoder
        >>> encoder = Encoder(**asdict(encoder_config("tiny", vocabulary_size=100)))
        >>> resize(encoder, vocabulary_size=110).token_embedding.table.shape
        TensorShape([110, 128])

    Reference:
        Positions: Longformer, https://arxiv.org/abs/2004.05150, section 5
    """
    description = ModelDescription.of(model)
    encoder = description.encoder
    vocabulary_size = vocabulary_size or encoder.vocabulary_size
    max_sequence_length = (
        encoder.max_sequence_length if max_sequence_length is None else max_sequence_length
    )
    if vocabulary_size < encoder.vocabulary_size:
        raise ValueError(
            f"`vocabulary_size` may only grow: it is {encoder.vocabulary_size:,}; received "
            f"{vocabulary_size:,}."
        )
    if max_sequence_length < 1:
        raise ValueError(f"`max_sequence_length` must be positive; got {max_sequence_length}.")
    policy = (model if description.task == "encoder" else model.encoder).get_config()["dtype"]
    resized = description.with_encoder(
        vocabulary_size=vocabulary_size, max_sequence_length=max_sequence_length
    ).build(keras.dtype_policies.deserialize(policy))
    old = {weight.path: np.asarray(weight.value) for weight in model.weights}
    for weight in resized.weights:
        values = old[weight.path]
        if weight.path in (TOKENS, TOKEN_BIAS):
            first = weight.numpy().copy()
            first[: len(values)] = values
            values = first
        elif weight.path == POSITIONS:
            offset = encoder.position_offset
            again = np.arange(max_sequence_length) % encoder.max_sequence_length
            values = np.concatenate([values[:offset], values[offset:][again]])
        weight.assign(values)
    return resized
