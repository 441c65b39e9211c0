import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit import compiled
from keras_bert_kit.training.optimizers import AdamW, layer_factors
from keras_bert_kit.training.schedules import LinearWarmupDecay

# In float32, in which Keras computes it, 1 - 0.999 has five digits.
TOLERANCE = 1e-5


def reference_steps(
    weights, gradients, rates, weight_decay, beta_1=0.9, beta_2=0.999, epsilon=1e-6
):
    """Decoupled weight decay, https://arxiv.org/abs/1711.05101, algorithm 2, on one array.

    With Adam's step as at the end of section 2 of https://arxiv.org/abs/1412.6980 and in BERT's
    code: epsilon is added before the second moment is corrected.
    """
    weights = np.array(weights, np.float64)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        corrected = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weights = (
            weights
            - corrected * first / (np.sqrt(second) + epsilon)
            - rate * weight_decay * weights
        )
    return weights


def variables():
    return [
        keras.Variable([[0.5, -1.0], [2.0, 0.0]], name="kernel"),
        keras.Variable([0.5, -1.0], name="bias"),
    ]


def test_steps_are_the_papers_with_decay_on_matrices_only():
    generator = np.random.default_rng(0)
    gradients = [
        (generator.standard_normal((2, 2)), generator.standard_normal(2)) for _ in range(3)
    ]
    kernel, bias = variables()
    schedule = LinearWarmupDecay(0.1, warmup_steps=2, total_steps=4)
    optimizer = AdamW(schedule, weight_decay=0.3, global_clipnorm=None)
    for pair in gradients:
        optimizer.apply([np.float32(gradient) for gradient in pair], [kernel, bias])
    rates = [0.05, 0.1, 0.1]
    for index, (found, decay) in enumerate([(kernel, 0.3), (bias, 0.0)]):
        expected = reference_steps(
            variables()[index].numpy(), [pair[index] for pair in gradients], rates, decay
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_accumulated_gradients_are_clipped_by_the_norm_of_their_mean():
    clipped = keras.Variable([0.0, 0.0])
    optimizer = AdamW(0.1, global_clipnorm=1.0, gradient_accumulation_steps=2)
    for gradient in ([6.0, 8.0], [0.0, 0.0]):  # their mean has the norm 5
        optimizer.given_norm = tf.constant(np.linalg.norm(gradient), "float32")
        optimizer.apply([tf.constant(gradient)], [clipped])
    expected = reference_steps([0, 0], np.array([[0.6, 0.8]]), [0.1], 0.0)
    np.testing.assert_allclose(clipped, expected, rtol=0, atol=TOLERANCE)


def test_gradients_are_clipped_by_their_norm_all_together():
    # Norm 50 and 1: Adam alone would not tell one from the other, but both steps together do.
    steps = [[30.0, 40.0], [0.6, 0.8]]
    clipped, unclipped = keras.Variable([0.0, 0.0]), keras.Variable([0.0, 0.0])
    for variable, norm in ((clipped, 1.0), (unclipped, None)):
        optimizer = AdamW(0.1, global_clipnorm=norm)
        for gradient in steps:
            optimizer.apply([np.float32(gradient)], [variable])
    as_clipped = np.array([[0.6, 0.8], [0.6, 0.8]])
    expected = reference_steps([0, 0], as_clipped, [0.1, 0.1], 0.0)
    np.testing.assert_allclose(clipped, expected, rtol=0, atol=TOLERANCE)
    assert np.abs(clipped.numpy() - unclipped.numpy()).max() > 0.01


def test_defaults_are_those_of_bert():
    config = AdamW().get_config()
    assert {name: config[name] for name in ("weight_decay", "beta_1", "beta_2", "epsilon")} == {
        "weight_decay": 0.01,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-6,
    }
    assert config["global_clipnorm"] == 1.0


def test_config_makes_the_same_optimizer():
    optimizer = AdamW(LinearWarmupDecay(0.1, 2, 4), weight_decay=0.3, use_ema=True)
    serialized = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(serialized)
    assert type(again) is AdamW
    assert keras.optimizers.serialize(again) == keras.optimizers.serialize(optimizer)


def test_a_misspelt_argument_is_an_error():
    with pytest.raises(ValueError, match="weigth_decay"):
        AdamW(weigth_decay=0.1)


def test_what_is_decayed_outlasts_saving(tmp_path):
    # Without a gradient all that is left of a step is the decay, 0.5 of 0.1.
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, bias_initializer="ones")])
    model.compile(AdamW(0.1, weight_decay=0.5), "mse")
    nothing = [np.zeros((2, 2), "float32"), np.zeros(2, "float32")]
    model.optimizer.apply(nothing, model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    kernel = again.weights[0].numpy()
    again.optimizer.apply(nothing, again.trainable_variables)
    np.testing.assert_allclose(again.weights[0], 0.95 * kernel, rtol=1e-6)
    np.testing.assert_array_equal(again.weights[1], [1.0, 1.0])


def test_more_can_be_excluded_from_decay():
    kernel, bias = variables()
    before = kernel.numpy()
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[kernel])
    optimizer.apply([np.zeros((2, 2), "float32"), np.zeros(2, "float32")], [kernel, bias])
    np.testing.assert_array_equal(kernel, before)
    np.testing.assert_array_equal(bias, [0.5, -1.0])


PATHS = {  # by the decay's power: two blocks, so the embeddings are three layers from the top
    "embeddings/token/table": 3,
    "block_0/attention/query_key_value/kernel": 2,
    "block_1/feed_forward/intermediate/kernel": 1,
    "pooler/kernel": 0,
    "classifier/linear/kernel": 0,
}


def variables_at_paths():
    """Matrices of ones, by path."""
    found = []
    for path in PATHS:
        *scopes, name = path.split("/")
        with contextlib.ExitStack() as stack:
            for scope in scopes:
                stack.enter_context(keras.name_scope(scope))
            found.append(keras.Variable(np.ones((2, 2), "float32"), name=name))
    assert [variable.path for variable in found] == list(PATHS)
    return found


def test_each_layer_moves_by_its_factor():
    # Adam's first step is as long as the rate, whatever the gradient.
    matrices = variables_at_paths()
    optimizer = AdamW(0.1, weight_decay=0.0, layer_decay=0.5, global_clipnorm=None)
    gradients = [np.full((2, 2), size, "float32") for size in (1, 5, 0.2, 3, 40)]
    optimizer.apply(gradients, matrices)
    moved = [1 - float(matrix[0, 0]) for matrix in matrices]
    np.testing.assert_allclose(moved, [0.1 * 0.5**power for power in PATHS.values()], rtol=1e-3)


def test_each_layer_decays_by_its_factor():
    # Without a gradient all that is left of a step is the decay, 0.5 of 0.1 at the top.
    matrices = variables_at_paths()
    optimizer = AdamW(0.1, weight_decay=0.5, layer_decay=0.5)
    optimizer.apply([np.zeros((2, 2), "float32")] * len(matrices), matrices)
    decayed = [1 - float(matrix[0, 0]) for matrix in matrices]
    np.testing.assert_allclose(decayed, [0.05 * 0.5**power for power in PATHS.values()], rtol=1e-4)
    assert optimizer.weight_decay == 0.5


def test_layer_decay_reaches_a_model_and_outlasts_saving(tmp_path):
    from tiny_models import BATCH, tiny_pretraining_model

    model = tiny_pretraining_model(num_layers=2, dropout=0.0)
    model.compile(
        AdamW(1e-3, weight_decay=0.0, epsilon=1e-12, layer_decay=0.5),
        loss=model.losses_by_output(),
    )
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    for trained in (model, keras.models.load_model(tmp_path / "model.keras")):
        assert trained.optimizer.layer_decay == 0.5
        before = {weight.path: weight.numpy() for weight in trained.weights}
        trained.train_on_batch(*BATCH)
        moved = {w.path: np.abs(w.numpy() - before[w.path]).max() for w in trained.weights}
        for path, rate in {
            "embeddings/token/table": 1.25e-4,
            "block_0/feed_forward/output_projection/kernel": 2.5e-4,
            "block_1/feed_forward/output_projection/kernel": 5e-4,
            "pooler/kernel": 1e-3,
            "next_sentence/linear/kernel": 1e-3,
        }.items():
            assert moved[path] == pytest.approx(rate, rel=0.02), path


def test_a_layer_decay_in_the_config():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(AdamW(layer_decay=0.9)))
    assert again.layer_decay == 0.9
    assert layer_factors(["kernel", "embeddings/token/table"], 0.5) == [1.0, 0.5]


@pytest.mark.parametrize("layer_decay", [0, -0.5, 1.5])
def test_a_layer_decay_that_is_no_factor_is_an_error(layer_decay):
    with pytest.raises(ValueError, match=r"`layer_decay` must be above 0 and at most 1; received"):
        AdamW(layer_decay=layer_decay)


def test_the_kernel_takes_kerass_steps(monkeypatch):
    values = []
    for has_kernel in (True, False):
        if not has_kernel:
            monkeypatch.setattr(AdamW, "_has_kernel_for", lambda self, gradient, variable: False)
        variables = [keras.Variable(np.full(n, 0.5, "float32")) for n in ((40, 30), (30,))]
        optimizer = AdamW(0.1, weight_decay=0.5, global_clipnorm=0.7)
        generator = np.random.default_rng(0)
        for _ in range(4):
            gradients = [generator.normal(0, 0.1, v.shape).astype("float32") for v in variables]
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        values.append([v.numpy() for v in variables])
    for a, b in zip(*values, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_large_weights_take_the_papers_steps_in_one_pass(monkeypatch):
    calls, adam_w = [], compiled.adam_w
    monkeypatch.setattr(compiled, "adam_w", lambda *args: calls.append(adam_w(*args)))
    generator = np.random.default_rng(0)
    kernel = keras.Variable(generator.normal(size=(512, 512)), name="kernel", dtype="float32")
    before = kernel.numpy()
    gradients = [generator.normal(0, 0.1, (512, 512)).astype("float32") for _ in range(3)]
    optimizer = AdamW(0.1, weight_decay=0.3, global_clipnorm=None)
    optimizer.build([kernel])

    step = tf.function(lambda gradient: optimizer.apply([gradient]))
    for gradient in gradients:
        step(tf.constant(gradient))
    assert len(calls) == 1  # while it was traced
    expected = reference_steps(before, gradients, [0.1] * 3, 0.3)
    np.testing.assert_allclose(kernel, expected, rtol=0, atol=2 * TOLERANCE)


def test_a_norm_that_is_known_is_what_gradients_are_clipped_by():
    optimizer = AdamW(1.0, weight_decay=0.0, global_clipnorm=1.0)
    gradients = [keras.ops.ones((2,)), keras.ops.ones((2,))]
    optimizer.given_norm = keras.ops.convert_to_tensor(10.0)
    np.testing.assert_allclose(optimizer._clip_gradients(gradients), np.full((2, 2), 0.1))
    optimizer.given_norm = None
    np.testing.assert_allclose(optimizer._clip_gradients(gradients), np.full((2, 2), 0.5))
