"""What the models of all tasks share: an encoder below, a dict of logits above."""

import keras

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.named_inputs import NamedInputs
from keras_bert_kit.training.losses import cross_entropy

if keras.config.backend() == "tensorflow":
    from keras_bert_kit.step import TrainingStep
else:

    class TrainingStep:
        """Elsewhere than on TensorFlow, Keras's own step trains."""


class TaskModel(NamedInputs, TrainingStep, keras.Model):
    """A model on an encoder, whose outputs are all logits of classes.

    Args:
        encoder: the `Encoder`.
        inputs: the model's inputs by name.
        outputs: the model's logits by name.
        name: name of the model.
        **arguments: what the constructor of the task's own model takes besides.
    """

    def __init__(self, encoder: Encoder, inputs: dict, outputs: dict, name: str, **arguments):
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self._encoder_name = encoder.name
        self.arguments = arguments

    @property
    def encoder(self) -> Encoder:
        """The encoder, to be put under another head."""
        return self.get_layer(self._encoder_name)

    def losses_by_output(self) -> dict[str, keras.losses.Loss]:
        """A cross-entropy for each output of this model, for `compile(loss=...)`."""
        return {name: cross_entropy() for name in self.output}

    def metrics_by_output(self) -> dict[str, list[keras.metrics.Metric]]:
        """An accuracy for each output of this model, for `compile(weighted_metrics=...)`.

        In the logs they are called `<output>_accuracy`.
        """
        # Keras puts the output's name before the metric's only where there are several outputs.
        names = {
            output: "accuracy" if len(self.output) > 1 else f"{output}_accuracy"
            for output in self.output
        }
        return {
            output: [keras.metrics.SparseCategoricalAccuracy(name=name)]
            for output, name in names.items()
        }

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            **self.arguments,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model, newly initialised, from what `get_config` returned."""
        config = dict(config)
        config["encoder"] = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config)


def encoder_inputs(encoder: Encoder) -> dict:
    """New inputs, by name, for a model on `encoder`."""
    return {key: keras.Input((None,), dtype="int32", name=key) for key in encoder.input}


def head_options(encoder: Encoder, name: str) -> dict:
    """The dtype policy, that of the encoder, and the name of a head."""
    return {"dtype": encoder.get_layer("embeddings").dtype_policy, "name": name}
