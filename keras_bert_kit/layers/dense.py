"""A dense layer as one product of matrices."""

import keras
from keras import ops

if keras.config.backend() == "tensorflow":
    from keras_bert_kit import compiled, products
else:
    compiled = None

NARROW = 512  # columns; see `products.narrowing`


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
        if training and self._narrows() and compiled.pays_off(rows):
            outputs = products.narrowing(
                rows, ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.bias)
            )
        else:
            outputs = super().call(rows, training=training)
        return ops.reshape(outputs, (*shape[:-1], self.units))

    def _narrows(self):
        is_plain = self.use_bias and self.activation is keras.activations.linear
        return compiled is not None and is_plain and self.units <= NARROW < self.kernel.shape[0]

    def quantize(self, mode=None, type_check=True, config=None):
        """As of `keras.layers.Dense`, which refuses classes derived from it."""
        return super().quantize(mode, type_check=False, config=config)
