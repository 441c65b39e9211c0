"""The span head: where in the text does the answer begin, and where does it end?"""

import keras
from keras import ops

from keras_bert_kit.layers.dropout import Dropout
from keras_bert_kit.layers.initializers import truncated_normal


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SpanHead(keras.layers.Layer):
    """`Dropout(h) W + b` with two columns, the score of a token as the first and as the last.

    Args:
        dropout: dropout rate; 0 in BERT and RoBERTa, 0.1 in DistilBERT.

    Reference:
        https://arxiv.org/abs/1810.04805, section 4.2
    """

    def __init__(self, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.dropout = dropout

    def build(self, sequence_output_shape):
        """Makes the layers."""
        self.output_dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="output_dropout")
        self.linear = keras.layers.Dense(
            2, kernel_initializer=truncated_normal(), dtype=self.dtype_policy, name="linear"
        )
        self.linear.build(sequence_output_shape)
        self.built = True

    def call(self, sequence_output, training=None):
        """Maps `sequence_output (B, T, D)` to two tensors of logits `(B, T)`, float32."""
        scores = self.linear(self.output_dropout(sequence_output, training=training))  # (B, T, 2)
        start, end = ops.split(ops.cast(scores, "float32"), 2, axis=-1)
        return ops.squeeze(start, -1), ops.squeeze(end, -1)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "dropout": self.dropout}
