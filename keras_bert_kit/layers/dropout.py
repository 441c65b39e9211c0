"""Dropout, in one pass over memory where that pays off."""

import keras

if keras.config.backend() == "tensorflow":
    from keras_bert_kit import compiled
else:
    compiled = None


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`; on TensorFlow and a CPU, large tensors by `compiled.dropout`."""

    def call(self, inputs, training=False):
        """As of `keras.layers.Dropout`."""
        is_compiled = compiled is not None and self.noise_shape is None
        if training and self.rate > 0 and is_compiled and compiled.pays_off(inputs):
            return compiled.dropout(inputs, self.rate, self.seed_generator.next())
        return super().call(inputs, training=training)
