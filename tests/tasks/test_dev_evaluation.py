import math
from types import SimpleNamespace

import keras

from keras_bert_kit.tasks.dev_evaluation import DevEvaluation, mode_of


class Guesses:
    """A task whose metrics are made up."""

    times_encoded = 0

    def encode(self, examples, model, tokenizer):
        self.times_encoded += 1
        return ["encoded", *examples]

    def predict(self, model, tokenizer, examples, batch_size, encoded):
        assert encoded == ["encoded", *examples]
        return examples

    def metrics(self, examples, predictions):
        return {"accuracy": 0.5, "cross_entropy": 0.7, "rows": 3, "roc_auc": None, "classes": {}}


def test_all_numbers_are_in_the_logs_and_the_loss_has_its_name():
    callback = DevEvaluation(Guesses(), None, [1, 2, 3])
    callback.set_model(keras.Model())
    logs = {"loss": 1.0}
    callback.on_epoch_end(0, logs)
    assert logs == {"loss": 1.0, "val_accuracy": 0.5, "val_cross_entropy": 0.7, "val_loss": 0.7}
    assert math.isclose(logs["val_loss"], 0.7)


def test_clocks_stand_still_while_it_measures():
    task, said = Guesses(), []
    clock = SimpleNamespace(
        on_test_begin=lambda: said.append(task.times_encoded),
        on_test_end=lambda: said.append(task.times_encoded),
    )
    callback = DevEvaluation(task, None, [1, 2, 3], clocks=[clock])
    callback.set_model(keras.Model())
    callback.on_epoch_end(0, {})
    assert said == [0, 1]


def test_examples_are_encoded_once():
    task = Guesses()
    callback = DevEvaluation(task, None, [1, 2, 3])
    callback.set_model(keras.Model())
    for epoch in range(3):
        callback.on_epoch_end(epoch, {})
    assert task.times_encoded == 1


def test_the_metric_that_counts_is_there_even_without_a_value():
    callback = DevEvaluation(Guesses(), None, [1, 2, 3], "roc_auc")
    callback.set_model(keras.Model())
    logs = {}
    callback.on_epoch_end(0, logs)
    assert math.isnan(logs["val_roc_auc"])


def test_what_is_better():
    assert mode_of("matthews") == "max"
    assert mode_of("mean_absolute_error") == "min"
