"""Multi-head self-attention, with queries, keys and values from one product."""

import math

import keras
from keras import ops

from keras_bert_kit.layers.dense import Dense
from keras_bert_kit.layers.dropout import Dropout
from keras_bert_kit.layers.initializers import truncated_normal
from keras_bert_kit.layers.product import times_transposed

# Added to the score of a key that is padding. exp(-100) is nothing in float32, and the range of the
# scores stays small enough for 8-bit integers, where -1e9 leaves no step for the real scores.
PADDING_SCORE = -100.0


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SelfAttention(keras.layers.Layer):
    """`softmax(Q K^T / sqrt(H) + mask) V W_O`, per head, heads side by side.

    Args:
        num_heads: number of heads, N; must divide the width D of the input.
        dropout: dropout rate of the attention weights.

    Raises:
        ValueError: if `num_heads` does not divide D.

    Reference:
        Attention Is All You Need, section 3.2, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, num_heads: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout

    def build(self, x_shape, padding_mask_shape=None):
        """Makes the two projections."""
        hidden_dim = x_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(
                f"`num_heads` must divide the hidden width; received num_heads={self.num_heads} "
                f"and a width of {hidden_dim}."
            )
        self.head_dim = hidden_dim // self.num_heads
        self.query_key_value = Dense(
            3 * hidden_dim,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="query_key_value",
        )
        self.query_key_value.build(x_shape)
        self.output_projection = Dense(
            hidden_dim,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="output_projection",
        )
        self.output_projection.build(x_shape)
        self.weights_dropout = Dropout(
            self.dropout, dtype=self.dtype_policy, name="weights_dropout"
        )
        self.built = True

    def call(self, x, padding_mask=None, training=None, return_weights=False):
        """Lets every token look at every token that is not padding.

        Args:
            x: `(B, T, D)`.
            padding_mask: `(B, T)`, 1 for a token and 0 for padding; none means no padding.
            training: whether dropout is active.
            return_weights: whether the attention weights are returned too.

        Returns:
            `(B, T, D)`, and with `return_weights` also the weights `(B, N, T, T)`, float32, before
            dropout: axis 2 is the token that looks, axis 3 the token looked at.
        """
        query, key, value = (
            self._split_heads(part) for part in ops.split(self.query_key_value(x), 3, axis=-1)
        )
        query = query * (1 / math.sqrt(self.head_dim))
        scores = times_transposed(query, key)  # (B, N, T, T)
        # The exponentials need float32; the mask's two values are exact in every type.
        scores = ops.cast(scores, "float32")
        if padding_mask is not None:
            # expand_dims, as slicing with a new axis does not convert to TensorFlow Lite
            mask = ops.expand_dims(ops.expand_dims(ops.cast(padding_mask, "float32"), 1), 1)
            scores = scores + (1.0 - mask) * PADDING_SCORE
        weights = ops.softmax(scores, axis=-1)
        dropped = self.weights_dropout(ops.cast(weights, self.compute_dtype), training=training)
        mixed = ops.transpose(ops.matmul(dropped, value), (0, 2, 1, 3))  # (B, T, N, H)
        output = self.output_projection(ops.reshape(mixed, ops.shape(x)))
        return (output, weights) if return_weights else output

    def _split_heads(self, x):
        batch, length, _ = ops.shape(x)
        heads = ops.reshape(x, (batch, length, self.num_heads, self.head_dim))
        return ops.transpose(heads, (0, 2, 1, 3))  # (B, N, T, H)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "num_heads": self.num_heads, "dropout": self.dropout}
