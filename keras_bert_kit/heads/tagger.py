"""The tagger's head: to which class does each token belong?"""

import keras
from keras import ops

from keras_bert_kit.layers.dropout import Dropout
from keras_bert_kit.layers.initializers import truncated_normal


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class TaggerHead(keras.layers.Layer):
    """`Dropout(h) W + b` for the vector `h` of each token.

    Args:
        num_classes: number of tags, C.
        dropout: dropout rate.

    Raises:
        ValueError: if there are fewer than one tag.

    Reference:
        https://arxiv.org/abs/1810.04805, section 5.3
    """

    def __init__(self, num_classes: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f"`num_classes` must be at least 1; received {num_classes}.")
        self.num_classes = num_classes
        self.dropout = dropout

    def build(self, sequence_output_shape):
        """Makes the layers."""
        self.output_dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="output_dropout")
        self.linear = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="linear",
        )
        self.linear.build(sequence_output_shape)
        self.built = True

    def call(self, sequence_output, training=None):
        """Maps `sequence_output (B, T, D)` to logits `(B, T, C)`, float32."""
        dropped = self.output_dropout(sequence_output, training=training)
        return ops.cast(self.linear(dropped), "float32")

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
        }
