import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import weights_of, within
from tiny_models import ARGUMENTS, BATCH, MASK_POSITIONS, tiny_encoder, tiny_pretraining_model

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import PretrainingModel

INPUTS = BATCH[0]


def assert_same_outputs(outputs, expected, atol=0.0):
    assert set(outputs) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=atol)


def test_equals_the_reference():
    model = tiny_pretraining_model(num_layers=2)
    weights = weights_of(model)
    encoded = reference_bert.encoder(INPUTS, weights, num_heads=2)
    expected = {
        "masked_lm": reference_bert.masked_lm(
            encoded["sequence_output"],
            MASK_POSITIONS,
            within(weights, "masked_lm"),
            weights["embeddings/token/table"],
        ),
        "next_sentence": reference_bert.next_sentence(
            encoded["pooled_output"], within(weights, "next_sentence")
        ),
    }
    assert_same_outputs(model(INPUTS), expected, atol=1e-5)


def test_without_next_sentence_there_is_one_output():
    model = tiny_pretraining_model(next_sentence=False, pooler=False, num_segments=0)
    assert set(model(INPUTS)) == {"masked_lm"}
    assert set(model.losses_by_output()) == set(model.metrics_by_output()) == {"masked_lm"}


def test_next_sentence_without_a_pooler_is_an_error():
    with pytest.raises(ValueError, match=r"built with `pooler=False`. Build it with a pooler, or"):
        PretrainingModel(tiny_encoder(pooler=False))


def test_a_misspelt_argument_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'next_sentences'"):
        PretrainingModel(tiny_encoder(), next_sentences=False)


def test_two_models_may_stand_on_one_encoder_of_any_name():
    encoder = tiny_encoder(name="reader")
    first, second = PretrainingModel(encoder), PretrainingModel(encoder, next_sentence=False)
    assert first.encoder is second.encoder is encoder
    encoder.token_embedding.table.assign(np.zeros((11, 8)))
    for model in (first, second):
        np.testing.assert_array_equal(model(INPUTS)["masked_lm"], 0.0)


@pytest.mark.parametrize("next_sentence", [True, False])
def test_config_makes_the_same_model(next_sentence):
    model = PretrainingModel(
        Encoder(**ARGUMENTS, dtype="mixed_bfloat16"), next_sentence, name="two_heads"
    )
    again = PretrainingModel.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.name == "two_heads"
    assert [v.shape for v in again.variables] == [v.shape for v in model.variables]


def test_keras_file_holds_the_model_and_keeps_its_tie(tmp_path):
    model = tiny_pretraining_model()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_same_outputs(again(INPUTS), model(INPUTS))

    tables = [weight for weight in again.weights if tuple(weight.shape) == (11, 8)]
    assert tables == [again.encoder.token_embedding.table]
    tables[0].assign(np.zeros((11, 8)))
    bias = again.get_layer("masked_lm").output_bias
    np.testing.assert_array_equal(again(INPUTS)["masked_lm"], np.broadcast_to(bias, (2, 3, 11)))


def test_weights_file_holds_the_model(tmp_path):
    model, again = tiny_pretraining_model(), PretrainingModel(Encoder(**ARGUMENTS))
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    assert_same_outputs(again(INPUTS), model(INPUTS))


def test_mixed_precision_gives_float32_logits_that_stay_near():
    logits = tiny_pretraining_model(dtype="mixed_bfloat16")(INPUTS)
    assert {value.dtype for value in logits.values()} == {tf.float32}
    assert_same_outputs(logits, tiny_pretraining_model()(INPUTS), atol=0.1)


def test_xla_gives_the_same():
    model = tiny_pretraining_model()
    compiled = tf.function(lambda x: model(x), jit_compile=True)
    assert_same_outputs(compiled(INPUTS), model(INPUTS), atol=1e-5)


needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)


def run_on_jax(program, *arguments):
    # Less optimisation, for faster compilation
    environment = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parents[1],
        env=os.environ | environment,
        check=True,
    )


IMPORT = """
import sys

import keras

import keras_bert_kit.encoder
import keras_bert_kit.heads.masked_lm
import keras_bert_kit.heads.next_sentence
import keras_bert_kit.models
import keras_bert_kit.training.losses

assert keras.config.backend() == "jax"
assert "tensorflow" not in sys.modules, "importing the model imported TensorFlow"
"""


@needs_jax
def test_on_jax_does_without_tensorflow():
    run_on_jax(IMPORT)


PREDICT = """
import json
import sys
from pathlib import Path

import numpy as np

from keras_bert_kit.models import PretrainingModel

folder = Path(sys.argv[1])
model = PretrainingModel.from_config(json.loads((folder / "config.json").read_text()))
model.load_weights(folder / "model.weights.h5")
with np.load(folder / "inputs.npz") as inputs:
    outputs = model.predict(dict(inputs), verbose=0)
np.savez(folder / "outputs.npz", **{name: np.asarray(value) for name, value in outputs.items()})
"""


@needs_jax
@pytest.mark.slow
def test_on_jax_gives_the_same(tmp_path):
    model = tiny_pretraining_model()
    (tmp_path / "config.json").write_text(json.dumps(model.get_config()))
    model.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "inputs.npz", **INPUTS)
    run_on_jax(PREDICT, str(tmp_path))
    with np.load(tmp_path / "outputs.npz") as outputs:
        assert_same_outputs(dict(outputs), model(INPUTS), atol=1e-5)
