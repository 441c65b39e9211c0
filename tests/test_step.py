import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_models import BATCH, tiny_pretraining_model

from keras_bert_kit import compiled
from keras_bert_kit.step import TrainingStep
from keras_bert_kit.training.losses import cross_entropy
from keras_bert_kit.training.optimizers import AdamW


class Model(TrainingStep, keras.Model):
    """A functional model that trains with the kit's step."""


def linear_model(*names, kernel="zeros", width=1):
    """`x W` under each of `names`, without biases."""
    x = keras.Input((width,))
    outputs = {
        name: keras.layers.Dense(1, use_bias=False, kernel_initializer=kernel, name=name)(x)
        for name in names
    }
    return Model(x, outputs)


def column(*values):
    return np.array(values, "float32")[:, None]


def dataset(*batches, is_length_known=True):
    """Batches of unequal sizes, each `(x, y, sample_weight)`."""
    signature = keras.tree.map_structure(
        lambda value: tf.TensorSpec([None, *value.shape[1:]], value.dtype), batches[0]
    )
    data = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    if is_length_known:
        data = data.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return data


# Predictions of 0 make the squared labels the losses: 1 and 4 count, then 9 with weight 3.
UNEQUAL = (
    (column(1, 1, 1), {"label": column(1, 2, 9)}, {"label": np.array([1, 1, 0], "float32")}),
    (column(1, 1), {"label": column(3, 9)}, {"label": np.array([3, 0], "float32")}),
)
MEAN = (1 + 4 + 3 * 9) / 5


def test_the_loss_is_divided_by_the_weights_and_not_by_the_slots():
    x = keras.Input((3,))
    logits = keras.layers.Dense(3 * 2, kernel_initializer="zeros")(x)
    model = Model(x, {"masked_lm": keras.layers.Reshape((3, 2))(logits)})
    labels, weights = np.array([[0, 1, 1]]), np.array([[1, 1, 0]], "float32")
    model.compile("sgd", loss={"masked_lm": cross_entropy()})
    logs = model.test_on_batch(
        np.ones((1, 3)), {"masked_lm": labels}, {"masked_lm": weights}, return_dict=True
    )
    assert logs["loss"] == pytest.approx(math.log(2))


def test_logs_of_fit_are_exact_over_batches_of_unequal_weight():
    model = linear_model("label")
    model.compile(keras.optimizers.SGD(0.0), loss={"label": "mse"})
    history = model.fit(dataset(*UNEQUAL), shuffle=False, verbose=0).history
    assert history["label_loss"] == history["loss"] == [pytest.approx(MEAN)]


def test_logs_of_evaluate_are_exact_over_batches_of_unequal_weight():
    model = linear_model("label")
    model.compile("sgd", loss={"label": "mse"})
    logs = model.evaluate(dataset(*UNEQUAL), verbose=0, return_dict=True)
    assert logs == {"label_loss": pytest.approx(MEAN), "loss": pytest.approx(MEAN)}


def test_logs_of_validation_are_called_as_those_of_training():
    model = linear_model("label")
    model.compile("sgd", loss={"label": "mse"})
    history = model.fit(
        dataset(*UNEQUAL),
        validation_data=dataset(*UNEQUAL),
        epochs=2,
        shuffle=False,
        verbose=0,
    ).history
    of_training = {"loss", "label_loss", "gradient_norm", "skipped_steps"}
    assert set(history) == of_training | {"val_loss", "val_label_loss"}
    assert len(history["val_loss"]) == 2


def test_a_mean_over_weights_may_be_that_of_some_outputs_only():
    """Of two outputs with the same terms, one is divided by 2, one by its 4 terms."""
    x, weights = column(1, 1, 1, 1), np.array([1, 1, 0, 0], "float32")
    moved = {}
    for over_weights in (["a"], True, False):
        model = linear_model("a", "b")
        model.compile(
            keras.optimizers.SGD(1.0),
            loss={name: keras.losses.MeanSquaredError() for name in ("a", "b")},
            mean_over_weights=over_weights,
        )
        y = {name: column(1, 1, 5, 5) for name in ("a", "b")}
        model.train_on_batch(x, y, dict.fromkeys(("a", "b"), weights))
        moved[str(over_weights)] = [float(w[0, 0]) for w in map(np.array, model.get_weights())]
    a, b = moved["['a']"]
    assert a == moved["True"][0] == 2 * b
    assert b == moved["False"][1]
    with pytest.raises(ValueError, match=r"`mean_over_weights` names \['c'\]"):
        model.compile("sgd", loss={"a": "mse"}, mean_over_weights=["c"])


def test_without_weights_each_term_counts_once():
    model = linear_model("label")
    model.compile("sgd", loss={"label": "mse"})
    logs = model.test_on_batch(column(1, 1), {"label": column(1, 3)}, return_dict=True)
    assert logs["loss"] == pytest.approx(5.0)


def test_outputs_are_added_by_their_loss_weights():
    model = linear_model("a", "b", "c")
    model.compile(
        "sgd", loss={"a": "mse", "b": "mse", "c": "mse"}, loss_weights={"a": 10, "b": 0.5}
    )
    labels = {"a": column(1), "b": column(2), "c": column(3)}
    logs = model.train_on_batch(column(1), labels, return_dict=True)
    assert logs["loss"] == pytest.approx(10 * 1 + 0.5 * 4 + 9)
    assert [logs[f"{name}_loss"] for name in "abc"] == [1.0, 4.0, 9.0]
    # the gradient of w_a is 10 * 2 * (0 - 1), and so on
    assert logs["gradient_norm"] == pytest.approx(np.linalg.norm([20, 2, 6]))


def test_weights_of_zero_give_a_loss_of_zero_and_no_nan():
    model = tiny_pretraining_model()
    model.compile(
        AdamW(0.1, weight_decay=0.0),
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
        run_eagerly=True,
    )
    before = [weight.numpy() for weight in model.weights]
    x, y, weights = BATCH
    nothing = {name: np.zeros_like(value) for name, value in weights.items()}
    logs = model.train_on_batch(x, y, nothing, return_dict=True)
    assert logs["loss"] == logs["masked_lm_loss"] == logs["gradient_norm"] == 0.0
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value, err_msg=weight.path)


def test_gradient_norm_is_that_of_all_gradients_together():
    model = linear_model("a", "b", width=2)
    model.compile(keras.optimizers.SGD(0.0), loss={"a": "mse", "b": "mse"})
    x, a, b = np.array([[1, 2], [3, 4]], "float32"), column(1, -1), column(2, 5)
    logs = model.train_on_batch(x, {"a": a, "b": b}, return_dict=True)
    # of mean((0 - label)^2) by W: the mean over rows of -2 label x
    gradients = [(-2 * label * x).mean(axis=0) for label in (a, b)]
    assert logs["gradient_norm"] == pytest.approx(np.linalg.norm(np.concatenate(gradients)))


def test_gradient_norm_adds_up_a_token_that_occurs_twice():
    x = keras.Input((2,), dtype="int32")
    rows = keras.layers.Embedding(3, 1, embeddings_initializer="zeros")(x)
    model = Model(x, {"label": keras.ops.sum(rows, axis=1)})
    model.compile("sgd", loss={"label": "mse"})
    logs = model.train_on_batch(np.array([[1, 1]]), {"label": column(1)}, return_dict=True)
    # -2 from each occurrence: 4 in one row, and not sqrt(2^2 + 2^2)
    assert logs["gradient_norm"] == pytest.approx(4.0)


def test_gradient_norm_is_a_mean_over_batches():
    model = linear_model("label")
    model.compile(keras.optimizers.SGD(0.0), loss={"label": "mse"})
    ones = {"label": np.ones(1, "float32")}
    batches = [(column(1), {"label": column(label)}, ones) for label in (2, 4)]
    history = model.fit(dataset(*batches), epochs=2, shuffle=False, verbose=0).history
    assert history["gradient_norm"] == [pytest.approx((4 + 8) / 2)] * 2


def test_gradient_norm_does_not_see_the_scale_of_a_float16_loss():
    model = linear_model("label")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=1024)
    model.compile(optimizer, loss={"label": "mse"})
    logs = model.train_on_batch(column(1), {"label": column(3)}, return_dict=True)
    assert logs["loss"] == pytest.approx(9.0)
    assert logs["gradient_norm"] == pytest.approx(6.0)
    np.testing.assert_allclose(model.weights[0], [[3.0]])


def test_gradients_are_clipped_by_their_norm_all_together():
    model = linear_model("a", "b")
    model.compile(keras.optimizers.SGD(1.0, global_clipnorm=0.5), loss={"a": "mse", "b": "mse"})
    logs = model.train_on_batch(column(1), {"a": column(1.5), "b": column(2)}, return_dict=True)
    # gradients -3 and -4, their norm 5: cut to a tenth
    assert logs["gradient_norm"] == pytest.approx(5.0)
    assert [float(weight[0, 0]) for weight in model.weights] == pytest.approx([0.3, 0.4])


def test_losses_of_layers_are_trained_on_too():
    x = keras.Input((1,))
    layer = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(3.0)
    )
    model = Model(x, {"label": layer(x)})
    model.compile("sgd", loss={"label": "mse"})
    logs = model.train_on_batch(column(1), {"label": column(1)}, return_dict=True)
    assert logs["gradient_norm"] == pytest.approx(6.0)  # of 3 w^2 at w = 1


def test_a_loss_that_is_no_dict_is_an_error():
    with pytest.raises(ValueError, match=r"`loss` must be a dict .* received 'mse'"):
        linear_model("label").compile("sgd", loss="mse")


def test_a_loss_of_no_output_is_an_error():
    with pytest.raises(ValueError, match=r"names \['labels'\], but the outputs are \['label'\]"):
        linear_model("label").compile("sgd", loss={"labels": "mse"})


def test_a_loss_weight_without_a_loss_is_an_error():
    with pytest.raises(ValueError, match=r"names \['b'\], but `loss` has only \['a'\]"):
        linear_model("a", "b").compile("sgd", loss={"a": "mse"}, loss_weights={"b": 2.0})


@pytest.mark.parametrize(
    ("labels", "received"), [({"b": column(1)}, r"\['b'\]"), (column(1), "ndarray")]
)
def test_missing_labels_are_an_error(labels, received):
    model = linear_model("a", "b")
    model.compile("sgd", loss={"a": "mse", "b": "mse"}, run_eagerly=True)
    message = rf"`y` must be a dict .* a loss, \['a', 'b'\]; received {received}"
    with pytest.raises(ValueError, match=message):
        model.train_on_batch(column(1), labels)


def test_missing_weights_are_an_error():
    model = linear_model("a", "b")
    model.compile("sgd", loss={"a": "mse", "b": "mse"}, run_eagerly=True)
    labels = {"a": column(1), "b": column(1)}
    with pytest.raises(ValueError, match=r"`sample_weight` must be a dict .* received \['a'\]"):
        model.train_on_batch(column(1), labels, {"a": np.ones(1)})


def test_a_second_compile_starts_afresh():
    model = linear_model("a", "b")
    labels = {"a": column(1), "b": column(2)}
    model.compile("sgd", loss={"a": "mse", "b": "mse"})
    model.train_on_batch(column(1), labels)
    model.compile(keras.optimizers.SGD(0.0), loss={"b": "mse"}, loss_weights={"b": 2.0})
    model.weights[1].assign([[0.0]])
    logs = model.train_on_batch(column(1), labels, return_dict=True)
    norm = pytest.approx(8.0)
    assert logs == {"b_loss": 4.0, "gradient_norm": norm, "skipped_steps": 0.0, "loss": 8.0}


def test_a_step_that_is_not_finite_is_skipped_counted_and_a_step():
    model = linear_model("label", kernel="ones")
    model.compile(AdamW(0.1, weight_decay=0.5), loss={"label": "mse"})
    batches = [(column(x), {"label": column(0)}, {"label": np.ones(1, "float32")}) for x in (1, 2)]
    broken = column(np.nan), *batches[0][1:]
    model.fit(dataset(batches[0], broken), shuffle=False, verbose=0)
    assert int(model.optimizer.iterations) == 2
    logs = model.fit(dataset(broken, batches[1]), shuffle=False, verbose=0).history

    expected = linear_model("label", kernel="ones")
    expected.compile(AdamW(0.1, weight_decay=0.5), loss={"label": "mse"})
    expected.fit(dataset(batches[0]), shuffle=False, verbose=0)
    for _ in range(2):  # AdamW's corrections go by the number of the step
        expected.optimizer.iterations.assign_add(1)
    of_second = expected.fit(dataset(batches[1]), shuffle=False, verbose=0).history
    np.testing.assert_array_equal(model.weights[0], expected.weights[0])
    assert logs == of_second | {"skipped_steps": [1.0]}


def test_a_loss_that_is_not_finite_shows_in_an_evaluation():
    model = linear_model("label", kernel="ones")
    model.compile("sgd", loss={"label": "mse"})
    labels = {"label": column(0)}
    assert math.isnan(model.evaluate(column(np.nan), labels, return_dict=True, verbose=0)["loss"])


def test_the_optimizer_has_state_for_all_weights_from_the_first_step():
    model = linear_model("a", "b")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss={"a": "mse"})
    model.train_on_batch(column(1), {"a": column(1)})
    again = keras.optimizers.SGD(0.1, momentum=0.9)
    again.build(model.trainable_variables)
    assert [v.shape for v in model.optimizer.variables] == [v.shape for v in again.variables]


def test_several_steps_in_one_execution_are_the_same_steps():
    weights = []
    for steps in (1, 2):
        model = linear_model("label")
        model.compile(keras.optimizers.SGD(0.1), loss={"label": "mse"}, steps_per_execution=steps)
        model.fit(dataset(*UNEQUAL, *UNEQUAL), shuffle=False, verbose=0)
        assert int(model.optimizer.iterations) == 4
        weights.append(float(model.weights[0][0, 0]))
    assert weights[0] == pytest.approx(weights[1])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_the_end_of_data_of_unknown_length_is_no_step():
    model = linear_model("label", kernel="ones")
    model.compile(AdamW(0.1, weight_decay=0.5), loss={"label": "mse"})
    # No gradient, so that only the decay is left: 0.5 of 0.1 for each of two steps.
    nothing = ((column(0), {"label": column(0)}, {"label": np.ones(1, "float32")}),) * 2
    for epochs in (1, 2):
        logs = model.fit(dataset(*nothing, is_length_known=False), shuffle=False, verbose=0)
        assert logs.history["gradient_norm"] == [0.0]
        assert int(model.optimizer.iterations) == 2 * epochs
        assert float(model.weights[0][0, 0]) == pytest.approx(0.95 ** (2 * epochs))


def fit_pretraining_model(next_sentence=True, **compile_arguments):
    """A model after two epochs of one batch: the model, the batch and the logs."""
    model = tiny_pretraining_model(next_sentence, dropout=0.0)
    model.compile(
        keras.optimizers.SGD(1e-2),
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
        **compile_arguments,
    )
    x, y, weights = BATCH
    data = tf.data.Dataset.from_tensors(
        (
            x,
            {name: y[name] for name in model.output},
            {name: weights[name] for name in model.output},
        )
    )
    return model, data, model.fit(data, epochs=2, shuffle=False, verbose=0).history


def test_xla_takes_the_same_steps():
    weights = []
    for jit_compile in (False, True):
        model = linear_model("label")
        model.compile(AdamW(0.1), loss={"label": "mse"}, jit_compile=jit_compile)
        model.fit(dataset(*UNEQUAL), epochs=2, shuffle=False, verbose=0)
        weights.append(float(model.weights[0][0, 0]))
    assert weights[0] == pytest.approx(weights[1], rel=1e-5)


def test_xla_on_a_batch_with_metrics_that_are_made_with_it():
    model = linear_model("label", kernel="ones")
    model.compile("sgd", loss={"label": "mse"}, metrics={"label": ["mae"]}, jit_compile=True)
    logs = model.train_on_batch(column(1, 2), {"label": column(0, 0)}, return_dict=True)
    assert (logs["loss"], logs["mae"]) == (pytest.approx(2.5), pytest.approx(1.5))


def uneven_batches():
    """Five rows a batch with unequal weights for each row and each token, three batches."""
    generator = np.random.default_rng(0)
    for rows in (5, 5, 4):
        x = {"token_ids": generator.integers(0, 4, (rows, 3)).astype("int32")}
        y = {
            "tags": generator.integers(0, 4, (rows, 3)).astype("int32"),
            "label": generator.integers(0, 2, rows).astype("int32"),
        }
        weights = {
            "tags": generator.integers(0, 4, (rows, 3)).astype("float32"),
            "label": generator.uniform(0, 2, rows).astype("float32"),
        }
        yield x, y, weights


def two_headed_model():
    """Each token to its class, and all of a row to the class of the row."""
    keras.utils.set_random_seed(0)
    x = {"token_ids": keras.Input((3,), dtype="int32", name="token_ids")}
    rows = keras.layers.Embedding(4, 5, embeddings_initializer="normal")(x["token_ids"])
    label = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(rows))
    return Model(x, {"tags": keras.layers.Dense(4)(rows), "label": label})


def fit_in_micro_batches(micro_batches, is_weighted=True, **compile_arguments):
    """The weights after three steps, and the logs."""
    model = two_headed_model()
    model.compile(
        keras.optimizers.SGD(0.5, momentum=0.9, global_clipnorm=0.1),
        loss={"tags": cross_entropy(), "label": cross_entropy()},
        loss_weights={"label": 0.5},
        metrics={"label": ["accuracy"]},
        weighted_metrics={"tags": ["accuracy"]},
        micro_batches=micro_batches,
        **compile_arguments,
    )
    batches = [batch if is_weighted else batch[:2] for batch in uneven_batches()]
    history = model.fit(dataset(*batches), shuffle=False, verbose=0).history
    assert int(model.optimizer.iterations) == 3
    return model.get_weights(), history


@pytest.fixture(scope="module")
def whole_batches():
    return fit_in_micro_batches(1)


def assert_same_training(found, expected, atol=1e-6):
    for weight, same in zip(found[0], expected[0], strict=True):
        np.testing.assert_allclose(weight, same, rtol=0, atol=atol)
    assert set(found[1]) == set(expected[1])
    for name, values in expected[1].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("micro_batches", [3, 7])
def test_micro_batches_take_the_steps_of_the_whole(micro_batches, whole_batches):
    assert_same_training(fit_in_micro_batches(micro_batches), whole_batches)


def test_micro_batches_without_weights_take_the_steps_of_the_whole():
    assert_same_training(
        fit_in_micro_batches(2, is_weighted=False), fit_in_micro_batches(1, is_weighted=False)
    )


def test_micro_batches_take_the_same_steps_eagerly_and_several_at_a_time(whole_batches):
    assert_same_training(fit_in_micro_batches(3, run_eagerly=True), whole_batches)
    assert_same_training(fit_in_micro_batches(3, steps_per_execution=3), whole_batches)


@pytest.mark.slow
def test_micro_batches_take_the_same_steps_with_xla(whole_batches):
    assert_same_training(fit_in_micro_batches(2, jit_compile=True), whole_batches)


def test_micro_batches_of_one_row_count_their_rows_as_the_whole_does():
    # Of squares 1, 4, 9 with weights 1, 1, 0: by batches of a row each would count the same.
    model = linear_model("label")
    model.compile(keras.optimizers.SGD(0.1), loss={"label": "mse"}, micro_batches=3)
    weights = {"label": np.array([1, 1, 0], "float32")}
    logs = model.train_on_batch(
        column(1, 1, 1), {"label": column(1, 2, 9)}, weights, return_dict=True
    )
    # the gradient is -2 (1 + 2) / 2
    assert logs["gradient_norm"] == pytest.approx(3.0)
    assert float(model.weights[0][0, 0]) == pytest.approx(0.3)
    assert logs["loss"] == pytest.approx(2.5)


def test_micro_batches_count_the_losses_of_layers_once():
    x = keras.Input((1,))
    layer = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(3.0)
    )
    model = Model(x, {"label": layer(x)})
    model.compile("sgd", loss={"label": "mse"}, micro_batches=2)
    labels = {"label": column(1, 1, 1)}
    logs = model.train_on_batch(column(1, 1, 1), labels, return_dict=True)
    assert logs["gradient_norm"] == pytest.approx(6.0)  # of 3 w^2 at w = 1


def test_micro_batches_do_not_decay_what_has_no_gradient():
    model = linear_model("a", "b", kernel="ones")
    model.compile(
        AdamW(0.1, weight_decay=0.5), loss={"a": "mse"}, micro_batches=2, run_eagerly=False
    )
    model.train_on_batch(column(0, 0), {"a": column(0, 0)})
    assert [float(w[0, 0]) for w in model.weights] == [pytest.approx(0.95), 1.0]


def test_micro_batches_are_one_after_the_other():
    seen = []

    class Watch(keras.layers.Layer):
        def call(self, x):
            def note(value):
                seen.append(len(value))
                return value

            result = tf.ensure_shape(tf.numpy_function(note, [x], tf.float32), x.shape)
            return x + 0 * tf.stop_gradient(result)

    x = keras.Input((1,))
    model = Model(x, {"label": keras.layers.Dense(1)(Watch()(x))})
    model.compile("sgd", loss={"label": "mse"}, micro_batches=4)
    model.train_on_batch(np.ones((10, 1)), {"label": np.ones((10, 1))})
    assert seen == [3, 3, 2, 2]


@pytest.mark.parametrize("micro_batches", [0, 1.5, "2"])
def test_a_number_of_micro_batches_that_is_none_is_an_error(micro_batches):
    message = f"`micro_batches` must be a whole number of at least 1; received {micro_batches!r}"
    with pytest.raises(ValueError, match=message):
        linear_model("a").compile("sgd", loss={"a": "mse"}, micro_batches=micro_batches)


def test_passes_for_few_shapes_take_the_same_steps(monkeypatch):
    shapes, weights = set(), {}

    def noted(x, *args):
        shapes.add(x.shape[0])
        return layer_norm(x, *args)

    layer_norm = compiled.layer_norm
    monkeypatch.setattr(compiled, "layer_norm", noted)
    batches = [keras.tree.map_structure(lambda v, n=n: v[:n], BATCH) for n in (1, 2, 1)]
    for few_shapes in (False, True):
        keras.utils.set_random_seed(0)
        model = tiny_pretraining_model(dropout=0.0)
        model.compile(AdamW(1e-3), loss=model.losses_by_output(), few_shapes=few_shapes)
        assert not shapes
        model.fit(dataset(*batches), shuffle=False, verbose=0)
        weights[few_shapes] = [weight.numpy() for weight in model.trainable_weights]
    assert shapes == {None}
    for a, b in zip(weights[False], weights[True], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_a_keras_file_keeps_how_the_step_is_computed(tmp_path):
    model = tiny_pretraining_model()
    model.compile(AdamW(), loss=model.losses_by_output(), micro_batches=3, few_shapes=True)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_compile_config()["micro_batches"] == 3
    assert again.get_compile_config()["few_shapes"] is True


def test_pretraining_trains():
    model, data, history = fit_pretraining_model()
    results = model.evaluate(data, verbose=0, return_dict=True)
    assert set(history) == {
        "loss",
        "masked_lm_loss",
        "masked_lm_accuracy",
        "next_sentence_loss",
        "next_sentence_accuracy",
        "gradient_norm",
        "skipped_steps",
    }
    assert set(results) == set(history) - {"gradient_norm", "skipped_steps"}
    assert history["loss"][0] > history["loss"][1] > results["loss"]


@pytest.mark.slow
def test_pretraining_trains_with_xla_the_same():
    *_, history = fit_pretraining_model(jit_compile=False)
    *_, compiled = fit_pretraining_model(jit_compile=True)
    for name, values in history.items():
        np.testing.assert_allclose(compiled[name], values, rtol=1e-4, err_msg=name)


def test_logs_without_next_sentence_have_the_same_names():
    model, data, history = fit_pretraining_model(next_sentence=False, run_eagerly=True)
    results = model.evaluate(data, verbose=0, return_dict=True)
    assert set(results) == {"loss", "masked_lm_loss", "masked_lm_accuracy"}
    assert set(history) == set(results) | {"gradient_norm", "skipped_steps"}


def test_a_keras_file_goes_on_where_it_was(tmp_path):
    model = tiny_pretraining_model(dropout=0.0)
    model.compile(
        AdamW(1e-2),
        loss=model.losses_by_output(),
        loss_weights={"next_sentence": 0.5},
        weighted_metrics=model.metrics_by_output(),
        run_eagerly=True,
    )
    model.train_on_batch(*BATCH)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert int(again.optimizer.iterations) == 1
    for one in (model, again):
        one.reset_metrics()
    expected = model.train_on_batch(*BATCH, return_dict=True)
    assert again.train_on_batch(*BATCH, return_dict=True) == pytest.approx(expected, rel=1e-5)
    for weight, same in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(weight, same, rtol=0, atol=1e-6, err_msg=weight.path)
