"""Defects of Keras in training and its optimizers, on one device."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from upstream_defects import still_broken

STEP = "keras_bert_kit/step.py"
OPTIMIZERS = "keras_bert_kit/training/optimizers.py"
AVERAGING = "keras_bert_kit/training/averaging.py"


def product(weight=1.0, width=1):
    """A model of one weight, or of several for one feature."""
    x = keras.Input((1,))
    initializer = keras.initializers.Constant(weight)
    layer = keras.layers.Dense(width, use_bias=False, kernel_initializer=initializer)
    return keras.Model(x, layer(x))


def weight(model):
    return float(model.get_weights()[0][0, 0])


def absolute_error():
    return keras.losses.MeanAbsoluteError(reduction="mean_with_sample_weight")


def weighted_rows(batch_size):
    """Rows with an error of 1, 1, 3 and 5 at a weight of 1, of which the last counts nothing."""
    x, errors = np.ones((4, 1), "float32"), np.float32([[1], [1], [3], [5]])
    data = tf.data.Dataset.from_tensor_slices((x, x + errors, np.float32([1, 1, 1, 0])))
    return data.batch(batch_size)


def test_losses_of_batches_are_averaged_by_rows():
    model = product()
    model.compile("sgd", absolute_error())
    assert model.evaluate(weighted_rows(4), verbose=0) == pytest.approx(5 / 3)
    with still_broken(
        "Keras averages the losses of batches by their rows, not by their weights",
        f"{STEP}: it averages the losses of batches by their number of rows",
        f"{STEP}: losses={{name: keras.metrics.Mean",
    ):
        assert model.evaluate(weighted_rows(2), verbose=0) == pytest.approx((1 + 3) / 2)


def test_accumulated_batches_are_divided_by_what_each_has():
    def trained(batch_size, **arguments):
        model = product()
        model.compile(keras.optimizers.SGD(1.0, **arguments), absolute_error())
        model.fit(weighted_rows(batch_size).map(lambda x, y, w: (x * y, y * y + 9, w)), verbose=0)
        return weight(model)

    # The slope of a row is its weight times x = 2, 2, 4, 6.
    assert trained(4) == pytest.approx(1 + (2 + 2 + 4) / 3)
    with still_broken(
        "Keras's `gradient_accumulation_steps` divides each batch by its own sum of weights",
        f"{STEP}: _accumulated_gradients",
    ):
        steps = trained(2, gradient_accumulation_steps=2)
        assert steps == pytest.approx(1 + (2 + 4) / 2)


def test_a_batch_that_is_not_there_is_counted():
    def steps(data):
        model = product()
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning):  # of data that ended, or that are not shuffled
            model.fit(data, verbose=0)
        return int(model.optimizer.iterations.numpy())

    batch = np.ones((2, 1), "float32"), np.ones((2, 1), "float32")
    data = tf.data.Dataset.from_tensors(batch).repeat(3)
    unknown = data.filter(lambda *batch: True)
    assert steps(data) == 3
    with still_broken(
        "Keras takes a step more on nothing where data of unknown length end",
        "keras_bert_kit/global_batches.py: When there is no batch, nothing is done",
        "keras_bert_kit/training/monitor.py: put it right",
    ):
        # What waits for no data may come before the end is seen, or after it.
        assert any(steps(unknown) == 4 for _ in range(5))


def test_metrics_of_an_earlier_compile_stay():
    class Model(keras.Model):
        def compile_with(self, name):
            self.compile("sgd", "mse")
            self.means = {name: keras.metrics.Mean(name=name)}

    x = keras.Input((1,))
    model = Model(x, keras.layers.Dense(1)(x))
    model.compile_with("first")
    assert [metric.name for metric in model.metrics] == ["loss", "first"]
    model.compile_with("second")
    with still_broken(
        "Keras goes on logging metrics that an attribute of a model held before",
        f"{STEP}: Not attributes of the model",
    ):
        assert [metric.name for metric in model.metrics] == ["loss", "first", "second"]


def test_the_name_of_a_single_output_is_left_out():
    def names(*outputs):
        x = keras.Input((1,))
        model = keras.Model(x, {name: keras.layers.Dense(1)(x) for name in outputs})
        each = dict.fromkeys(outputs, "mse")
        model.compile("sgd", each, metrics={name: ["mae"] for name in outputs})
        ones = np.ones((1, 1), "float32")
        return {*model.evaluate(ones, dict.fromkeys(outputs, ones), verbose=0, return_dict=True)}

    assert {"a_mae", "b_mae"} < names("a", "b")
    with still_broken(
        "Keras leaves the output out of a metric's name where there is one output",
        "keras_bert_kit/task_model.py: only where there are several outputs",
    ):
        assert names("a") == {"loss", "mae"}


def test_compiled_metrics_have_no_variables_before_the_first_batch():
    model = product()
    model.compile("sgd", "mse", metrics=["mae"])
    before = len(model.metrics_variables)
    ones = np.ones((1, 1), "float32")
    model.evaluate(ones, ones, verbose=0)
    assert len(model.metrics_variables) == 4
    with still_broken(
        "Keras makes the variables of compiled metrics with their first batch only",
        "keras_bert_kit/training/fitting.py: Keras makes some metrics with their first batch",
    ):
        assert before == 2


def test_variables_without_weight_decay_are_forgotten_in_a_file(tmp_path):
    def decayed(model):
        """The weight after a step without a gradient."""
        before, nothing = weight(model), np.zeros((1, 1), "float32")
        model.train_on_batch(nothing, nothing)
        return weight(model) / before

    model, optimizer = product(), keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    model.compile(optimizer, "mse")
    assert decayed(model) == 1.0
    model.save(tmp_path / "model.keras")
    with still_broken(
        "What Keras is told to `exclude_from_weight_decay` is lost in a `.keras` file",
        f"{OPTIMIZERS}: def _use_weight_decay",
    ):
        assert decayed(keras.saving.load_model(tmp_path / "model.keras")) == pytest.approx(0.95)


def test_averages_of_weights_are_paired_by_order():
    x = keras.Input((1,))
    first, second = (
        keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(value))
        for value in (2.0, 5.0)
    )
    model, optimizer = keras.Model(x, second(first(x))), keras.optimizers.SGD(0.0, use_ema=True)
    optimizer.build(model.trainable_variables)
    for variable, average in zip(
        model.trainable_variables, optimizer._model_variables_moving_average, strict=True
    ):
        average.assign(variable)
    optimizer.finalize_variable_values(model.trainable_variables)
    assert [float(value[0, 0]) for value in model.get_weights()] == [2, 5]
    first.trainable = False
    optimizer.finalize_variable_values(model.trainable_variables)
    with still_broken(
        "Keras's `finalize_variable_values` gives a weight the average of another, behind frozen "
        "ones",
        f"{OPTIMIZERS}: def finalize_variable_values",
    ):
        assert [float(value[0, 0]) for value in model.get_weights()] == [2, 2]


def swapping(width):
    """A model whose optimizer keeps averages, and Keras's callback that puts them in."""
    model = product(width=width)
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
    model.optimizer.build(model.trainable_variables)
    callback = keras.callbacks.SwapEMAWeights()
    callback.set_model(model)
    return model, callback


def test_averages_are_zeros_before_the_first_step():
    model, callback = swapping(1)
    assert weight(model) == 1
    callback.on_test_begin()
    with still_broken(
        "Keras's `SwapEMAWeights` puts zeros in before the first step",
        f"{AVERAGING}: optimizer.iterations.numpy()) > 0",
    ):
        assert weight(model) == 0


def test_averages_in_and_out_change_the_weights():
    model, callback = swapping(64)
    model.set_weights([np.random.default_rng(0).normal(size=(1, 64)).astype("float32")])
    for _ in range(3):
        model.train_on_batch(np.ones((2, 1), "float32"), np.ones((2, 64), "float32"))
    before = model.get_weights()[0]
    callback.on_test_begin()
    assert np.abs(model.get_weights()[0] - before).max() > 1e-3
    callback.on_test_end()
    np.testing.assert_allclose(model.get_weights()[0], before, atol=1e-5)
    with still_broken(
        "Keras's `SwapEMAWeights` swaps by additions, which changes the last digits",
        f"{AVERAGING}: class AveragedWeights",
    ):
        assert (model.get_weights()[0] != before).any()
