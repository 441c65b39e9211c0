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
        is_usual = training and 0 < self.rate < 1 and self.noise_shape is None
        if is_usual and compiled is not None and compiled.pays_off(inputs):
            return compiled.dropout(inputs, self.rate, self.seed_generator.next())
        return super().call(inputs, training=training)
