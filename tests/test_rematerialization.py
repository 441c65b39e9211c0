"""Blocks that compute their activations again: the same step, with less kept for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference_bert import randomize
from tiny_models import ARGUMENTS, BATCH

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.layers.rematerialization import recompute
from keras_bert_kit.models import PretrainingModel
from keras_bert_kit.step import TrainingStep
from keras_bert_kit.training.freezing import freeze
from keras_bert_kit.training.lora import add_lora, merge_lora
from keras_bert_kit.training.optimizers import AdamW


def model_of(prepare=None, remat=False, half=False, dtype="float32", num_layers=2, **arguments):
    """A model with dropout, every weight set by hand, that is to take large steps."""
    keras.utils.set_random_seed(0)
    encoder = Encoder(**ARGUMENTS | {"num_layers": num_layers}, dropout=0.4, dtype=dtype)
    model = PretrainingModel(encoder)
    randomize(model)
    if prepare:
        prepare(model)
    optimizer = AdamW(0.01, global_clipnorm=0.5)
    model.compile(
        keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer,
        loss=model.losses_by_output(),
        remat=remat,
        **arguments,
    )
    return model


def trained(steps=2, **arguments):
    """The model, and the logs of each step."""
    model = model_of(**arguments)
    return model, [model.train_on_batch(*BATCH, return_dict=True) for _ in range(steps)]


def is_seed(variable):
    return "seed_generator_state" in variable.path


EAGER = {"run_eagerly": True}
CASES = {
    "plain": {},
    "xla-micro-batches-float16": {
        "jit_compile": True,
        "micro_batches": 2,
        "num_layers": 1,
        "dtype": "mixed_float16",
        "half": True,
    },
    "bfloat16": EAGER | {"dtype": "mixed_bfloat16"},
    "frozen": EAGER | {"prepare": lambda model: freeze(model, 1)},
    "lora": EAGER | {"prepare": lambda model: add_lora(model, 2)},
}
SLOW = ("xla-micro-batches-float16",)


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in CASES]
)
def test_takes_the_same_steps_with_the_same_dropout(case):
    (model, logs), (usual, usual_logs) = (
        trained(**CASES[case], remat=remat) for remat in (True, False)
    )
    # Without the same dropout they differ by a hundredth and more, see below.
    near = 1e-5 if "dtype" not in CASES[case] else 2e-3
    for ours, theirs in zip(logs, usual_logs, strict=True):
        assert ours == pytest.approx(theirs, rel=100 * near)
    for ours, theirs in zip(model.variables, usual.variables, strict=True):
        if is_seed(ours):
            np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
            assert ours[1] > 0
        else:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=near, err_msg=ours.path)
    if case == "lora":
        merge_lora(model)


def test_other_dropout_would_be_seen():
    model, other = model_of(**EAGER), model_of(**EAGER)
    for variable in other.variables:
        if is_seed(variable):
            variable.assign(variable + np.array([0, 1]))
    for one in (model, other):
        one.train_on_batch(*BATCH)
    difference = max(np.abs(a - b).max() for a, b in zip(model.weights, other.weights, strict=True))
    assert difference > 1e-2


@pytest.mark.parametrize("is_graph", [True, False])
def test_what_is_dropped_is_the_same_in_the_backward_pass(is_graph):
    dropout = keras.layers.Dropout(0.5, seed=7)
    generators = [dropout.seed_generator]

    def dropped_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = recompute(lambda x: dropout(x, training=True), x, generators=generators)
        return y, tape.gradient(y, x)

    run = tf.function(dropped_and_gradient) if is_graph else dropped_and_gradient
    drawn = []
    for step in range(2):
        y, gradient = run(tf.ones((8, 8)))
        np.testing.assert_array_equal(y, gradient)
        drawn.append(np.asarray(y))
        assert dropout.seed_generator.state[1] == step + 1
    assert (drawn[0] != drawn[1]).any()


def test_keras_draws_twice():
    dropout = keras.layers.Dropout(0.5, seed=7)
    with tf.GradientTape() as tape:
        x = tf.ones((8, 8))
        tape.watch(x)
        y = keras.remat(lambda x: dropout(x, training=True))(x)
    gradient = tape.gradient(y, x)
    mended = "Keras has mended it: `generators` of `recompute` can go"
    assert (np.asarray(y) != np.asarray(gradient)).any(), mended


def operations(remat):
    model = model_of(remat=remat)
    model.make_train_function()
    batch = tf.nest.map_structure(tf.convert_to_tensor, BATCH)
    graph = tf.function(model.train_step).get_concrete_function(batch).graph
    return [operation.type for operation in graph.get_operations()]


def test_blocks_are_computed_twice_and_heads_once():
    with_remat, without = operations(True), operations(False)
    # In each of two blocks one GELU; one in the head of masked tokens.
    assert without.count("Erf") == 3
    assert with_remat.count("Erf") == 5


ROOT = Path(__file__).parents[1]


def memory_of(*options):
    """What a step needs of a model with long texts, in megabytes."""
    command = [sys.executable, str(ROOT / "tools" / "step_memory.py"), "--steps", "0", *options]
    command += ["--size", "tiny", "--batch-size", "16", "--vocabulary-size", "50"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(re.search(r"memory: ([\d,]+) MB", said.stdout)[1].replace(",", ""))


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--jit-compile",)])
def test_a_step_needs_less_memory(options):
    # Of 16 x 2 x 512 x 512 scores, 34 MB, each of two blocks keeps more than two; one of the
    # blocks has to be there again when its gradient is computed.
    assert memory_of("--remat", *options) < memory_of(*options) - 2 * 34


def test_evaluation_and_prediction_are_left_alone():
    model, _ = trained(**EAGER, remat=True)
    outputs = model(BATCH[0], training=False)
    again = model_of()
    again.set_weights(model.get_weights())
    for name, value in again(BATCH[0], training=False).items():
        np.testing.assert_array_equal(outputs[name], value)
    assert not any(getattr(layer, "remat", False) for layer in model._flatten_layers())


def test_is_no_part_of_the_model_but_of_its_training(tmp_path):
    model, _ = trained(**EAGER, remat=True)
    assert "remat" not in str(model.get_config())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_compile_config()["remat"] is True
    for name, value in model(BATCH[0]).items():
        np.testing.assert_array_equal(loaded(BATCH[0])[name], value)


def test_a_model_without_blocks_is_refused():
    class Model(TrainingStep, keras.Model):
        pass

    x = keras.Input((1,))
    model = Model(x, {"label": keras.layers.Dense(1)(x)})
    with pytest.raises(ValueError, match="`remat=True` is for the blocks of an `Encoder`, but"):
        model.compile("sgd", loss={"label": "mse"}, remat=True)
