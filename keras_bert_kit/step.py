"""The training step behind `fit`: every loss a weighted sum over a sum of weights.

What stock Keras 3.15 does otherwise, and why it is done again here:
- it averages the losses of batches by their number of rows; with masked tokens the right weight of
  a batch is its number of predictions, in training logs as in evaluation;
- it does not tell the norm of the gradients, the first thing to look at when a run goes wrong.
"""

from types import SimpleNamespace

import keras
import tensorflow as tf

from keras_bert_kit.training.losses import weighted_sums


class TrainingStep:
    """A mix-in, put before `keras.Model`, for models whose outputs, losses and labels are dicts.

    The logs of each batch, and of `evaluate`, hold `<output>_loss` for every output with a loss:
    the mean of its terms by weight over everything since the metrics were reset; `loss`, their
    sum by `loss_weights`; the compiled metrics; and in training `gradient_norm`, the mean norm of
    all gradients together before clipping. Clipping itself is the optimizer's `global_clipnorm`.

    Example:
        >>> class Model(TrainingStep, keras.Model):
        ...     pass
        >>> x = keras.Input((3,))
        >>> model = Model(x, {"label": keras.layers.Dense(1)(x)})
        >>> model.compile("sgd", loss={"label": "mse"})
        >>> batch = tf.ones((2, 3)), {"label": tf.zeros((2, 1))}
        >>> sorted(model.train_on_batch(*batch, return_dict=True))
        ['gradient_norm', 'label_loss', 'loss']
    """

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, **kwargs):
        """As `keras.Model.compile`; `loss` is a dict from output names to losses.

        Raises:
            ValueError: if `loss` is no dict from names of outputs, or `loss_weights` names an
                output without a loss.
        """
        if not isinstance(loss, dict):
            raise ValueError(
                "`loss` must be a dict from the names of outputs to losses, for instance "
                f"{{'masked_lm': cross_entropy()}}; received {loss!r}."
            )
        unknown = set(loss) - set(self.output)
        if unknown:
            raise ValueError(
                f"`loss` names {sorted(unknown)}, but the outputs are {sorted(self.output)}."
            )
        unknown = set(loss_weights or {}) - set(loss)
        if unknown:
            raise ValueError(
                f"`loss_weights` names {sorted(unknown)}, but `loss` has only {sorted(loss)}."
            )
        super().compile(optimizer=optimizer, loss=loss, loss_weights=loss_weights, **kwargs)
        self._output_losses = {name: _per_element(given) for name, given in loss.items()}
        self._output_loss_weights = {name: (loss_weights or {}).get(name, 1.0) for name in loss}
        # Not attributes of the model: Keras would go on logging those of an earlier `compile`.
        self._means = SimpleNamespace(
            losses={name: keras.metrics.Mean(name=f"{name}_loss") for name in loss},
            gradient_norm=keras.metrics.Mean(name="gradient_norm"),
        )

    def compile_from_config(self, config):
        """Compiles with what a `.keras` file says; Keras leaves it to a class with a `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        """The compiled metrics, the means of the losses and that of the gradient's norm."""
        if not self.compiled:
            return super().metrics
        return [*super().metrics, *self._means.losses.values(), self._means.gradient_norm]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum over outputs of loss weight times weighted mean, a float32 scalar."""
        del x, training
        _check_has_outputs("y", y, self._output_losses)
        if sample_weight is not None:
            _check_has_outputs("sample_weight", sample_weight, self._output_losses)
        total = sum(self.losses, start=tf.zeros(()))
        for name, loss in self._output_losses.items():
            weights = None if sample_weight is None else sample_weight[name]
            numerator, denominator = weighted_sums(loss(y[name], y_pred[name]), weights)
            mean = tf.math.divide_no_nan(numerator, denominator)
            self._means.losses[name].update_state(mean, denominator)
            total += self._output_loss_weights[name] * mean
        return total

    def train_step(self, data):
        """One step of the optimizer on one batch; returns the logs."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scale = self.optimizer.scale_loss(tf.ones(()))  # not 1 in float16 only
            scaled_loss = loss * scale
        variables = self.trainable_variables
        # Dense, as the norm of a sparse gradient would count a token once per occurrence
        gradients = [
            tf.convert_to_tensor(gradient) if gradient is not None else None
            for gradient in tape.gradient(scaled_loss, [v.value for v in variables])
        ]
        norm = tf.linalg.global_norm(gradients) / scale
        if not self.optimizer.built:  # on all: left to itself, it builds on those with a gradient
            self.optimizer.build(variables)
        # At the end of data of unknown length `fit` begins a batch that is not there. Whatever does
        # not wait for it is done: a step would be counted, and the weights decayed once more.
        with tf.control_dependencies([norm]):
            self._means.gradient_norm.update_state(norm)
            self.optimizer.apply_gradients(
                (gradient, variable)
                for gradient, variable in zip(gradients, variables, strict=True)
                if gradient is not None
            )
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data):
        """The losses and metrics of one batch; returns the logs."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self.compute_loss(x, y, y_pred, sample_weight, training=False)
        logs = self.compute_metrics(x, y, y_pred, sample_weight)
        logs.pop("gradient_norm")
        return logs

    def get_metrics_result(self):
        """The logs: all metrics since they were reset, and `loss` made from the others."""
        logs = super().get_metrics_result()
        logs["loss"] = sum(
            weight * logs[f"{name}_loss"] for name, weight in self._output_loss_weights.items()
        )
        return logs


def _check_has_outputs(argument, given, outputs):
    """Refuses labels or weights that are not there for every output with a loss."""
    names = sorted(given) if isinstance(given, dict) else type(given).__name__
    if not isinstance(given, dict) or not set(outputs) <= set(given):
        raise ValueError(
            f"`{argument}` must be a dict with an entry for each output that has a loss, "
            f"{sorted(outputs)}; received {names}."
        )


def _per_element(loss):
    """The function that gives a loss before any reduction."""
    loss = keras.losses.get(loss)
    return loss.call if isinstance(loss, keras.losses.Loss) else loss
