"""A layer of the encoder: attention, then feed-forward, each added to its input and normalised."""

import keras

from keras_bert_kit.layers.attention import SelfAttention
from keras_bert_kit.layers.feed_forward import FeedForward


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class Block(keras.layers.Layer):
    """A transformer encoder layer with the norm after the sum, as BERT has it.

    `x = LayerNorm(x + Dropout(Attention(x)))`, then `x = LayerNorm(x + Dropout(FeedForward(x)))`.

    Args:
        num_heads: attention heads, N.
        intermediate_dim: width F of the feed-forward part.
        dropout: rate of the three dropouts.
        layer_norm_epsilon: epsilon of the two layer norms.
        activation: `"gelu"` or `"gelu_approximate"`, see `FeedForward`.

    Reference:
        Attention Is All You Need, section 3.1, https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-12,
        activation: str = "gelu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.activation = activation
        policy = {"dtype": self.dtype_policy}
        norm = {"epsilon": layer_norm_epsilon, **policy}
        self.attention = SelfAttention(num_heads, dropout, name="attention", **policy)
        self.attention_dropout = keras.layers.Dropout(dropout, name="attention_dropout", **policy)
        self.attention_norm = keras.layers.LayerNormalization(name="attention_norm", **norm)
        self.feed_forward = FeedForward(intermediate_dim, activation, name="feed_forward", **policy)
        self.feed_forward_dropout = keras.layers.Dropout(
            dropout, name="feed_forward_dropout", **policy
        )
        self.feed_forward_norm = keras.layers.LayerNormalization(name="feed_forward_norm", **norm)

    def build(self, x_shape, padding_mask_shape=None):
        """Builds the parts, all on the one shape `(B, T, D)`."""
        for part in (
            self.attention,
            self.attention_norm,
            self.feed_forward,
            self.feed_forward_norm,
        ):
            part.build(x_shape)
        self.built = True

    def call(self, x, padding_mask=None, training=None, return_weights=False):
        """Maps `x (B, T, D)` to `(B, T, D)`.

        Args:
            x: `(B, T, D)`.
            padding_mask: `(B, T)`, 1 for a token and 0 for padding.
            training: whether dropout is active.
            return_weights: whether the attention weights `(B, N, T, T)` are returned too.
        """
        attended, weights = self.attention(x, padding_mask, training=training, return_weights=True)
        x = self.attention_norm(x + self.attention_dropout(attended, training=training))
        fed = self.feed_forward(x)
        x = self.feed_forward_norm(x + self.feed_forward_dropout(fed, training=training))
        return (x, weights) if return_weights else x

    def compute_output_spec(self, x, padding_mask=None, training=None, return_weights=False):
        """What `call` returns, told here: Keras would trace it, a fifth of a second for each."""
        output = keras.KerasTensor(x.shape, self.compute_dtype)
        if not return_weights:
            return output
        batch, length, _ = x.shape
        return output, keras.KerasTensor((batch, self.num_heads, length, length), "float32")

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "activation": self.activation,
        }
