"""The next-sentence head: does segment B follow segment A in the text?"""

import keras
from keras import ops

from keras_bert_kit.layers.initializers import truncated_normal


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class NextSentenceHead(keras.layers.Layer):
    """A linear layer on the pooled output; class 0 is "B follows A", class 1 "B is random".

    Reference:
        BERT, section 3.1, task 2, https://arxiv.org/abs/1810.04805
    """

    def build(self, pooled_output_shape):
        """Makes the linear layer."""
        self.linear = keras.layers.Dense(
            2, kernel_initializer=truncated_normal(), dtype=self.dtype_policy, name="linear"
        )
        self.linear.build(pooled_output_shape)
        self.built = True

    def call(self, pooled_output):
        """Maps `pooled_output (B, D)` to logits `(B, 2)`, float32."""
        return ops.cast(self.linear(pooled_output), "float32")
