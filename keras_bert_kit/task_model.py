"""What the models of all tasks share: an encoder below, a dict of logits above."""

from collections.abc import Callable

import keras

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.named_inputs import NamedInputs
from keras_bert_kit.training.losses import (
    absolute_errors,
    binary_cross_entropy,
    binary_focal_cross_entropy,
    cross_entropy,
    focal_cross_entropy,
    squared_error,
    squared_errors,
)

if keras.config.backend() == "tensorflow":
    from keras_bert_kit.step import TrainingStep
    from keras_bert_kit.training.accuracy import Accuracy
else:
    from keras.metrics import SparseCategoricalAccuracy as Accuracy

    class TrainingStep:
        """Elsewhere than on TensorFlow, Keras's own step trains."""


class TaskModel(NamedInputs, TrainingStep, keras.Model):
    """A model on an encoder, whose outputs are all logits of classes.

    Args:
        encoder: the `Encoder`.
        inputs: the model's inputs by name.
        heads: what makes the logits by name, of the encoder's outputs and of the inputs.
        name: name of the model.
        **arguments: what the constructor of the task's own model takes besides.
    """

    def __init__(
        self,
        encoder: Encoder,
        inputs: dict,
        heads: Callable[[dict, dict], dict],
        name: str,
        **arguments,
    ):
        super().__init__(inputs=inputs, outputs=heads(encoder(inputs), inputs), name=name)
        self._encoder_name = encoder.name
        self._heads = heads
        self.arguments = arguments

    @property
    def encoder(self) -> Encoder:
        """The encoder, to be put under another head."""
        return self.get_layer(self._encoder_name)

    def with_internals(self) -> keras.Model:
        """This model, on the same weights, with the insides of its encoder among the outputs.

        Returns:
            A model on the same inputs that returns, besides this model's outputs,
            `hidden_states` and `attention`, see `Encoder.with_internals`.
        """
        inside = self.encoder.with_internals()(self.input)
        outputs = self._heads(inside, self.input)
        internals = {name: inside[name] for name in ("hidden_states", "attention")}
        return _WithInternals(self.input, outputs | internals, name=f"{self.name}_with_internals")

    def losses_by_output(
        self, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> dict[str, keras.losses.Loss]:
        """A cross-entropy for each output of this model, for `compile(loss=...)`.

        Args:
            label_smoothing: see `cross_entropy`; over all tokens where tokens are the classes.
            focal_gamma: if not 0, the loss is `focal_cross_entropy` of this gamma.

        Raises:
            ValueError: if both are asked for.
        """
        return {name: loss_of("single_label", label_smoothing, focal_gamma) for name in self.output}

    def metrics_by_output(self) -> dict[str, list[keras.metrics.Metric]]:
        """An accuracy for each output of this model, for `compile(weighted_metrics=...)`.

        In the logs they are called `<output>_accuracy`.
        """
        # Keras puts the output's name before the metric's only where there are several outputs.
        names = {
            output: "accuracy" if len(self.output) > 1 else f"{output}_accuracy"
            for output in self.output
        }
        return {output: [Accuracy(name=name)] for output, name in names.items()}

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


class _WithInternals(NamedInputs, keras.Model):
    """What `TaskModel.with_internals` returns."""


def loss_of(
    problem: str, label_smoothing: float = 0.0, focal_gamma: float = 0.0
) -> keras.losses.Loss:
    """The loss where one class is right, where any number of classes are, or of a value.

    Args:
        problem: `"single_label"`, `"multi_label"` or `"regression"`.
        label_smoothing: see `cross_entropy` and `binary_cross_entropy`.
        focal_gamma: if not 0, the gamma of the focal form of the loss.

    Raises:
        ValueError: if both are asked for, or one of them for a regression.
    """
    if problem == "regression" and (label_smoothing or focal_gamma):
        raise ValueError(
            "A regression has no classes, hence neither `label_smoothing` nor `focal_gamma`; "
            f"received {label_smoothing} and {focal_gamma}. Leave both at 0."
        )
    if label_smoothing and focal_gamma:
        raise ValueError(
            "A loss has `label_smoothing` or `focal_gamma`, not both; received "
            f"label_smoothing={label_smoothing} and focal_gamma={focal_gamma}. Leave one at 0."
        )
    if problem == "regression":
        return squared_error()
    if problem == "multi_label":
        if focal_gamma:
            return binary_focal_cross_entropy(focal_gamma)
        return binary_cross_entropy(label_smoothing)
    return focal_cross_entropy(focal_gamma) if focal_gamma else cross_entropy(label_smoothing)


def errors_of_values(output: str) -> list[keras.metrics.Metric]:
    """The mean squared and the mean absolute error of a regression, by the name of its output."""
    errors = {"squared": squared_errors, "absolute": absolute_errors}
    return [
        keras.metrics.MeanMetricWrapper(function, name=f"{output}_mean_{kind}_error")
        for kind, function in errors.items()
    ]


def encoder_inputs(encoder: Encoder) -> dict:
    """New inputs, by name, for a model on `encoder`."""
    return {key: keras.Input((None,), dtype="int32", name=key) for key in encoder.input}


def head_options(encoder: Encoder, name: str) -> dict:
    """The dtype policy, that of the encoder, and the name of a head."""
    return {"dtype": encoder.get_layer("embeddings").dtype_policy, "name": name}
