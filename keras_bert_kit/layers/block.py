"""A layer of the encoder: attention, then feed-forward, each added to its input and normalised."""

import contextlib

import keras
from keras import ops

from keras_bert_kit.layers.attention import SelfAttention
from keras_bert_kit.layers.dropout import Dropout
from keras_bert_kit.layers.feed_forward import FeedForward
from keras_bert_kit.layers.layer_norm import LayerNormalization
from keras_bert_kit.layers.rematerialization import recompute


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

    Attributes:
        remat: whether `call` in training keeps nothing for the backward pass but its input, from
            which the rest is computed again there. Set by `rematerialized`; no part of what is
            saved, since the block computes the same.

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
        self.remat = False
        policy = {"dtype": self.dtype_policy}
        norm = {"epsilon": layer_norm_epsilon, **policy}
        self.attention = SelfAttention(num_heads, dropout, name="attention", **policy)
        self.attention_dropout = Dropout(dropout, name="attention_dropout", **policy)
        self.attention_norm = LayerNormalization(name="attention_norm", **norm)
        self.feed_forward = FeedForward(intermediate_dim, activation, name="feed_forward", **policy)
        self.feed_forward_dropout = Dropout(dropout, name="feed_forward_dropout", **policy)
        self.feed_forward_norm = LayerNormalization(name="feed_forward_norm", **norm)

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
        if self.remat and training:
            output = self._recomputed(x, padding_mask)
            if not return_weights:
                return output
            # Not from inside, or all would be kept for a gradient of theirs that is zeros. Where
            # nobody looks at them, they are left out of the graph.
            return output, self.attention(x, padding_mask, training=False, return_weights=True)[1]
        output, weights = self._output_and_weights(x, padding_mask, training)
        return (output, weights) if return_weights else output

    def _output_and_weights(self, x, padding_mask, training):
        attended, weights = self.attention(x, padding_mask, training=training, return_weights=True)
        x = x + self.attention_dropout(attended, training=training)
        x = self.attention_norm(x, training=training)
        fed = self.feed_forward(x, training=training)
        x = x + self.feed_forward_dropout(fed, training=training)
        x = self.feed_forward_norm(x, training=training)
        return x, weights

    def _recomputed(self, x, padding_mask):
        dropouts = self.attention.weights_dropout, self.attention_dropout, self.feed_forward_dropout
        return recompute(
            lambda x, padding_mask: self._output_and_weights(x, padding_mask, True)[0],
            x,
            None if padding_mask is None else ops.cast(padding_mask, "float32"),
            generators=[layer.seed_generator for layer in dropouts if layer.rate > 0],
        )

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


def blocks_of(model: keras.Model) -> list[Block]:
    """All blocks of a model, those of an encoder in it too."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, Block)]


@contextlib.contextmanager
def rematerialized(model: keras.Model, is_wanted: bool = True):
    """Lets the blocks of a model recompute their activations, see `Block.remat`.

    Args:
        model: an `Encoder`, or any model that has one.
        is_wanted: false to do nothing.
    """
    blocks = blocks_of(model) if is_wanted else []
    for block in blocks:
        block.remat = True
    try:
        yield
    finally:
        for block in blocks:
            block.remat = False
