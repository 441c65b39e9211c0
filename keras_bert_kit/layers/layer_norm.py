"""Layer normalisation, with few passes over memory where that pays off."""

import keras
from keras import ops

if keras.config.backend() == "tensorflow":
    from keras_bert_kit import compiled
else:
    compiled = None


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class LayerNormalization(keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization` of the last axis.

    In training on TensorFlow and a CPU, large tensors by `compiled.layer_norm`.
    """

    def call(self, inputs, training=None):
        """Maps `(..., D)` to the same shape."""
        if not training or compiled is None or not compiled.pays_off(inputs):
            return super().call(inputs)
        rows = ops.cast(ops.reshape(inputs, (-1, inputs.shape[-1])), "float32")
        weights = (ops.cast(weight, "float32") for weight in (self.gamma, self.beta))
        outputs = compiled.layer_norm(rows, *weights, self.epsilon)
        return ops.cast(ops.reshape(outputs, ops.shape(inputs)), self.compute_dtype)
