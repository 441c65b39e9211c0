"""The position-wise half of a block: wide, GELU, narrow."""

import keras

from keras_bert_kit.layers.activations import activate
from keras_bert_kit.layers.activations import activation as activation_of
from keras_bert_kit.layers.dense import Dense
from keras_bert_kit.layers.initializers import truncated_normal


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class FeedForward(keras.layers.Layer):
    """`gelu(x W_1 + b_1) W_2 + b_2`.

    Args:
        intermediate_dim: width F between the two products.
        activation: `"gelu"`, the exact one, or `"gelu_approximate"`.

    Raises:
        ValueError: if there is no such activation.

    Reference:
        Attention Is All You Need, section 3.3, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, intermediate_dim: int, activation: str = "gelu", **kwargs):
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        activation_of(activation)  # refuses what it does not know

    def build(self, x_shape):
        """Makes the two products."""
        self.intermediate = Dense(
            self.intermediate_dim,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="intermediate",
        )
        self.intermediate.build(x_shape)
        self.output_projection = Dense(
            x_shape[-1],
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="output_projection",
        )
        self.output_projection.build((*x_shape[:-1], self.intermediate_dim))
        self.built = True

    def call(self, x, training=None):
        """Maps `(B, T, D)` to `(B, T, D)`, each position for itself."""
        x = self.intermediate(x)
        return self.output_projection(activate(x, self.activation, training))

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
        }
