"""The task's own metrics on development rows, while `fit` goes on."""

import math
from collections.abc import Sequence

import keras

from keras_bert_kit.training.lora import merge_lora

LOWER_IS_BETTER = (
    "cross_entropy",
    "calibration_error",
    "mean_squared_error",
    "mean_absolute_error",
)
LOSSES = ("cross_entropy", "mean_squared_error")  # metrics that are what training minimises


class DevEvaluation(keras.callbacks.Callback):
    """Measures all metrics of a task at the end of every epoch and puts them into the logs.

    They are called `val_<metric>`, as Keras calls what it validates with, so that `Monitor`,
    `Progress` and `BestWeights` find them. Put this callback before those. What Keras can compute
    batch by batch is not enough for F1 of entities or for a correlation.

    Under a strategy a copy of the model predicts, on a single device of every worker.

    Args:
        task: a task of this package.
        tokenizer: the model's tokenizer.
        examples: the development examples.
        metric: one that is in the logs even where it is not defined, as NaN.
        batch_size: inputs in a batch.
        of: the model to measure, if not the one that `fit` was called of.
        clocks: callbacks that are told when measuring begins and ends, as Keras tells them of its
            own validation, so that they do not take its time for that of training.
    """

    def __init__(
        self,
        task,
        tokenizer,
        examples,
        metric: str | None = None,
        batch_size: int = 64,
        of: keras.Model | None = None,
        clocks: Sequence[keras.callbacks.Callback] = (),
    ):
        super().__init__()
        self.task = task
        self.tokenizer = tokenizer
        self.examples = examples
        self.metric = metric
        self.batch_size = batch_size
        self.of = of
        self.clocks = clocks
        self._encoded = self._copy = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measures; `logs` is the dict that all callbacks share."""
        for clock in self.clocks:
            clock.on_test_begin()
        self._measure(logs)
        for clock in self.clocks:
            clock.on_test_end()

    def _measure(self, logs: dict) -> None:
        model, tokenizer, examples = self._on_one_device(), self.tokenizer, self.examples
        if self._encoded is None:
            self._encoded = self.task.encode(examples, model, tokenizer)
        found = self.task.predict(model, tokenizer, examples, self.batch_size, self._encoded)
        metrics = self.task.metrics(self.examples, found)
        numbers = scalars(metrics)
        if self.metric in metrics:
            numbers.setdefault(self.metric, math.nan)
        loss = next((numbers[name] for name in LOSSES if name in numbers), None)
        if loss is not None:
            numbers["loss"] = loss
        logs.update({f"val_{name}": value for name, value in numbers.items()})

    def _on_one_device(self) -> keras.Model:
        model = self.of or self.model
        if model.distribute_strategy.num_replicas_in_sync == 1:
            return model
        # The same copy each time: a new one would be traced anew.
        self._copy = merge_lora(model, self._copy)
        return self._copy


def mode_of(metric: str) -> str:
    """`"max"` if more of a metric is better, else `"min"`.

    Example:
        >>> mode_of("accuracy"), mode_of("mean_squared_error")
        ('max', 'min')
    """
    return "min" if metric in LOWER_IS_BETTER else "max"


def scalars(metrics: dict) -> dict[str, float]:
    """The metrics that are fractions or other single numbers, without counts, tables and texts.

    Example:
        >>> scalars({"accuracy": 0.5, "rows": 10, "roc_auc": None, "classes": {}})
        {'accuracy': 0.5}
    """
    return {name: value for name, value in metrics.items() if isinstance(value, float)}
