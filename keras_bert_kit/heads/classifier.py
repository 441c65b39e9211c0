"""The classifier's head: to which class does a text belong?"""

import keras
from keras import ops

from keras_bert_kit.layers.dropout import Dropout
from keras_bert_kit.layers.initializers import truncated_normal


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class ClassifierHead(keras.layers.Layer):
    """A linear layer on the vector of a text, after dropout and, if asked for, a dense layer.

    BERT's: `Dropout(pooled) W + b`, the dense layer being the encoder's pooler.
    RoBERTa's: `Dropout(tanh(Dropout(h) W_1 + b_1)) W + b`, `h` the first token's vector.
    DistilBERT's: `Dropout(relu(h W_1 + b_1)) W + b`.

    Args:
        num_classes: number of classes, C.
        dropout: dropout rate.
        hidden_activation: activation of the dense layer; none for no such layer. Only before a
            `"tanh"` one there is dropout too.

    Raises:
        ValueError: if there are fewer than one class.

    Reference:
        https://arxiv.org/abs/1810.04805, section 4.1; `RobertaClassificationHead` in the released
        code of https://arxiv.org/abs/1907.11692
    """

    def __init__(
        self,
        num_classes: int,
        dropout: float = 0.0,
        hidden_activation: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f"`num_classes` must be at least 1; received {num_classes}.")
        self.num_classes = num_classes
        self.dropout = dropout
        self.hidden_activation = hidden_activation

    def build(self, features_shape):
        """Makes the layers."""
        self.features_dropout = Dropout(
            self.dropout if self.hidden_activation == "tanh" else 0.0,
            dtype=self.dtype_policy,
            name="features_dropout",
        )
        if self.hidden_activation:
            self.hidden = keras.layers.Dense(
                features_shape[-1],
                activation=self.hidden_activation,
                kernel_initializer=truncated_normal(),
                dtype=self.dtype_policy,
                name="hidden",
            )
            self.hidden.build(features_shape)
        self.output_dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="output_dropout")
        self.linear = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=truncated_normal(),
            dtype=self.dtype_policy,
            name="linear",
        )
        self.linear.build(features_shape)
        self.built = True

    def call(self, features, training=None):
        """Maps `features (B, D)` to logits `(B, C)`, float32."""
        if self.hidden_activation:
            features = self.hidden(self.features_dropout(features, training=training))
        features = self.output_dropout(features, training=training)
        return ops.cast(self.linear(features), "float32")

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "hidden_activation": self.hidden_activation,
        }
