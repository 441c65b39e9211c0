"""Where pre-training starts so that a small model finds the words around a blank early.

From BERT's own first weights every model goes through a long plateau: it knows how common each
token is, then which tokens share a text, and only after many million tokens which words stand next
to a blank. A model of width 128 spends the whole of a short run there, since a deviation of 0.02,
made for a width of 768, leaves its attention all but uniform. What is set here is where training
begins, not what the model is: every weight is trained, and the files are BERT's.
"""

import math

import numpy as np
from keras import ops

from keras_bert_kit.layers.initializers import STANDARD_DEVIATION


def start_mimetic(model, token_counts) -> None:
    """Sets the first weights of a `PretrainingModel` like those that training tends to.

    - The output bias is the logarithm of how often each token occurs, so that the first step
      already knows what a unigram model knows.
    - Every matrix is as wide as keeps the variance of its input: deviation `1 / sqrt(D)`.
    - Positions start as sinusoids, twice as strong as the token vectors.
    - Keys start equal to queries. Neighbours have similar sinusoids, so every token first looks at
      those around it.

    Args:
        model: a `PretrainingModel` with its first, random weights.
        token_counts: `(V,)`, how often each token occurs in the training text.

    Raises:
        ValueError: if `token_counts` is not as long as the model's vocabulary.

    Reference:
        Equal keys and queries, and sinusoids: "Mimetic Initialization of Self-Attention Layers",
        https://arxiv.org/abs/2305.09828; sinusoids: "Attention Is All You Need", section 3.5.
    """
    encoder = model.encoder
    if np.shape(token_counts) != (encoder.config["vocabulary_size"],):
        raise ValueError(
            f"`token_counts` must have a count for each of the {encoder.config['vocabulary_size']} "
            f"tokens of the model; received shape {np.shape(token_counts)}."
        )
    deviation = 1 / math.sqrt(encoder.config["hidden_dim"])
    for weight in model.trainable_variables:
        if len(weight.shape) == 2:
            weight.assign(weight * (deviation / STANDARD_DEVIATION))

    table = encoder.get_layer("embeddings").position_table
    waves = sinusoids(*table.shape)
    table.assign(waves * (2 * deviation / waves.std()))

    for index in range(encoder.config["num_layers"]):
        kernel = encoder.get_layer(f"block_{index}").attention.query_key_value.kernel
        query, _, value = ops.split(kernel, 3, axis=1)
        kernel.assign(ops.concatenate([query, query, value], axis=1))

    counts = np.asarray(token_counts, "float64") + 1
    model.get_layer("masked_lm").output_bias.assign(np.log(counts / counts.sum()))


def sinusoids(num_positions: int, hidden_dim: int) -> np.ndarray:
    """Sines, then cosines, of the positions, `(num_positions, hidden_dim)`.

    The wavelengths go from 3 to 200 tokens: the usual ones, up to 60,000, are mostly constant over
    the length of a text and tell no neighbour from another.
    """
    angular = np.geomspace(2.0, 0.03, (hidden_dim + 1) // 2)
    angles = np.arange(num_positions)[:, None] * angular
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :hidden_dim]
