"""A dense layer as one product of matrices."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class Dense(keras.layers.Dense):
    """`keras.layers.Dense`, computed on a matrix of all tokens, `(B * T, D)`.

    Keras's brings the product into the shape of the input before it adds the bias, which keeps
    TensorFlow from making one kernel of the two.
    """

    def call(self, inputs, training=None):
        """Maps `(..., D)` to `(..., units)`."""
        shape = ops.shape(inputs)
        rows = ops.reshape(inputs, (-1, shape[-1]))
        return ops.reshape(super().call(rows, training=training), (*shape[:-1], self.units))

    def quantize(self, mode=None, type_check=True, config=None):
        """As of `keras.layers.Dense`, which refuses classes derived from it."""
        return super().quantize(mode, type_check=False, config=config)
