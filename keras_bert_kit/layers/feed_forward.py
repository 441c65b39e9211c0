"""The position-wise half of a block: wide, GELU, narrow."""

import math

import keras
from keras import ops

from keras_bert_kit.layers.initializers import truncated_normal


@keras.saving.register_keras_serializable(package="keras_bert_kit", name="gelu")
def gelu(x):
    """The exact Gaussian error linear unit, `x Phi(x)`; same shape and type as `x`.

    Written with `erf`: Keras's own exact form uses `erfc`, which has no ONNX counterpart.

    Reference:
        https://arxiv.org/abs/1606.08415
    """
    return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class FeedForward(keras.layers.Layer):
    """`gelu(x W_1 + b_1) W_2 + b_2`.

    Args:
        intermediate_dim: width F between the two products.

    Reference:
        Attention Is All You Need, section 3.3, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, intermediate_dim: int, **kwargs):
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim

    def build(self, x_shape):
        """Makes the two products."""
        self.intermediate = keras.layers.Dense(
            self.intermediate_dim,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="intermediate",
        )
        self.intermediate.build(x_shape)
        self.output_projection = keras.layers.Dense(
            x_shape[-1],
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="output_projection",
        )
        self.output_projection.build((*x_shape[:-1], self.intermediate_dim))
        self.built = True

    def call(self, x):
        """Maps `(B, T, D)` to `(B, T, D)`, each position for itself."""
        return self.output_projection(gelu(self.intermediate(x)))

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "intermediate_dim": self.intermediate_dim}
