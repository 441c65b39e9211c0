"""What a TPU asks for, as far as it shows without one: whole steps in XLA, of fixed shapes."""

import gc
import re
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.compression.distillation import DistillationModel
from keras_bert_kit.config import SIZES, encoder_config
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel
from keras_bert_kit.step import TrainingStep
from keras_bert_kit.training.optimizers import AdamW

ROWS, TOKENS, MASKED, CLASSES = 4, 8, 2, 3
LABELS = {"single_label": (), "multi_label": (CLASSES,), "regression": ()}
# Operations of HLO that talk to the host, or whose results have no fixed shape.
HOST = ("infeed", "outfeed", "send", "send-done", "recv", "recv-done", "custom-call")
DYNAMIC = ("set-dimension-size", "get-dimension-size")


def faults(hlo: str) -> list[str]:
    """The lines of a program that talk to the host or have a dimension of no fixed size."""
    operation = re.compile(rf"[\])}}] ({'|'.join(HOST + DYNAMIC)})\(")
    return [
        line
        for line in hlo.splitlines()
        if "[<=" in line or ",<=" in line or operation.search(line)
    ]


def lowered(function, *arguments) -> str:
    """The program that XLA would compile for the shapes of some arguments; nothing is run."""
    function = tf.function(function, jit_compile=True)
    return function.experimental_get_compiler_ir(*arguments)(stage="hlo")


def tiny(num_layers=1, dtype="float32") -> Encoder:
    config = encoder_config("tiny", vocabulary_size=50, num_layers=num_layers)
    return Encoder(**asdict(config), dtype=dtype)


def batch_for(model) -> tuple[dict, dict, dict]:
    """Random inputs, labels and weights for every output of a model of the kit."""
    draw = np.random.default_rng(0)
    shapes = {
        "masked_lm": (ROWS, MASKED),
        "next_sentence": (ROWS,),
        "tags": (ROWS, TOKENS),
        "start": (ROWS,),
        "end": (ROWS,),
        "label": (ROWS, *LABELS[getattr(model, "arguments", {}).get("problem", "single_label")]),
    }
    x = {
        "token_ids": draw.integers(5, 50, (ROWS, TOKENS)),
        "segment_ids": draw.integers(0, 2, (ROWS, TOKENS)),
        "padding_mask": np.arange(TOKENS) < draw.integers(1, TOKENS + 1, (ROWS, 1)),
        "mask_positions": draw.integers(0, TOKENS, (ROWS, MASKED)),
    }
    y = {name: draw.integers(0, 2, shapes[name]) for name in model.output if name in shapes}
    weights = {
        name: draw.integers(1, 3, y[name].shape[: 1 + (name in ("masked_lm", "tags"))])
        for name in y
    }
    x, y = ({name: value.astype("int32") for name, value in of.items()} for of in (x, y))
    return x, y, {name: value.astype("float32") for name, value in weights.items()}


def compiled(model, jit_compile=True, half=False, **arguments):
    optimizer = AdamW(0.01, global_clipnorm=0.1)
    model.compile(
        keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer,
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
        jit_compile=jit_compile,
        **arguments,
    )
    return model


def lowered_step(model, **arguments) -> str:
    """All of a step: losses, gradients, clipping, optimizer and metrics."""
    batch = batch_for(model)
    compiled(model, **arguments)
    model._maybe_symbolic_build(data_batch=batch)
    model.make_train_function()
    return lowered(model.train_step, batch)


@pytest.fixture(autouse=True)
def freed():
    """Large models go when their test ends."""
    yield
    keras.backend.clear_session()
    gc.collect()


LARGE = ("medium", "base", "large", "distil")
# Blocks are alike, and all 24 of `large` take 13 GB with the moments of their weights.
MOST_LAYERS = 3


@pytest.mark.parametrize(
    "size", [pytest.param(s, marks=pytest.mark.slow) if s in LARGE else s for s in SIZES]
)
def test_the_step_of_every_size_is_one_program_of_fixed_shapes(size):
    num_layers = min(MOST_LAYERS, SIZES[size].num_layers)
    # Dropout is in one block below, in less time.
    config = replace(SIZES[size], dropout=0.0, num_layers=num_layers)
    hlo = lowered_step(PretrainingModel(Encoder(**asdict(config))))
    assert faults(hlo) == []
    # Weights come in and go out, with both moments of AdamW.
    table = f"f32[{config.vocabulary_size},{config.hidden_dim}]"
    assert all(part.count(table) >= 3 for part in entry_of(hlo))


def entry_of(hlo: str) -> tuple[str, str]:
    """The shapes of what goes into a program, and of what comes out."""
    return tuple(re.search(r"entry_computation_layout=\{(.*)\}", hlo)[1].split("->"))


HALF = {"half": True, "micro_batches": 2}
STEPS = {
    "pretraining-remat": (lambda: PretrainingModel(tiny()), {"remat": True}),
    "pretraining-micro-batches": (lambda: PretrainingModel(tiny()), {"micro_batches": 3}),
    "pretraining-bfloat16": (lambda: PretrainingModel(tiny(dtype="mixed_bfloat16")), {}),
    "pretraining-float16": (lambda: PretrainingModel(tiny(dtype="mixed_float16")), HALF),
    **{
        problem: (
            lambda problem=problem: ClassificationModel(
                tiny(), 1 if problem == "regression" else CLASSES, problem=problem
            ),
            {"mean_over_weights": False},
        )
        for problem in LABELS
    },
    "tagging": (lambda: TaggingModel(tiny(), CLASSES), {}),
    "span": (lambda: SpanModel(tiny()), {}),
    "distillation": (
        lambda: DistillationModel(
            PretrainingModel(tiny(), next_sentence=False),
            PretrainingModel(tiny(2), next_sentence=False),
            hidden="all",
            attention=True,
        ),
        {},
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_step_of_every_model_is_one_program_of_fixed_shapes(name):
    make, arguments = STEPS[name]
    assert faults(lowered_step(make(), **arguments)) == []


def test_the_compiled_step_changes_weights_as_the_other_does():
    weights, logs = [], []
    for jit_compile in (True, False):
        keras.utils.set_random_seed(0)
        config = encoder_config("tiny", vocabulary_size=50, dropout=0.0)
        model = compiled(PretrainingModel(Encoder(**asdict(config))), jit_compile)
        before = model.get_weights()
        for _ in range(3):
            logs.append(model.train_on_batch(*batch_for(model), return_dict=True))
        weights.append(model.get_weights())
    assert max(np.abs(a - b).max() for a, b in zip(before, weights[0], strict=True)) > 0.01
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    assert logs[2] == pytest.approx(logs[5], rel=1e-4)


def test_what_has_no_fixed_shape_is_found():
    hlo = lowered(lambda x: tf.boolean_mask(x, x > 0), tf.ones((4,)))
    assert faults(hlo)


@pytest.mark.parametrize("operation", [*HOST, *DYNAMIC])
def test_what_talks_to_the_host_or_sets_a_size_is_found(operation):
    line = f"  %a.1 = (f32[2]{{0}}, token[]) {operation}(token[] %b), channel_id=1"
    assert faults(f"HloModule x\n{line}\n  %c = f32[2]{{0}} add(%d, %e)") == [line]


class CallsPython(TrainingStep, keras.Model):
    """Leaves the graph in its forward pass."""

    def call(self, inputs, training=None, mask=None):
        outputs = super().call(inputs, training=training, mask=mask)
        (label,) = outputs.values()
        seen = tf.numpy_function(lambda x: x, [label], tf.float32)
        return {"label": label + tf.stop_gradient(tf.ensure_shape(seen, label.shape))}


def test_a_step_that_calls_python_does_not_compile():
    x = keras.Input((2,))
    model = CallsPython(x, {"label": keras.layers.Dense(1)(x)})
    model.compile(AdamW(0.01), loss={"label": "mse"}, jit_compile=True)
    model.make_train_function()
    batch = tf.ones((2, 2)), {"label": tf.ones((2, 1))}, {"label": tf.ones(2)}
    with pytest.raises(ValueError, match=r"unsupported operations.*PyFunc"):
        lowered(model.train_step, batch)
