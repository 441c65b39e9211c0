"""Defects that show in export: of Keras, of TensorFlow's converter, ai-edge-quantizer, tf2onnx."""

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
import tf2onnx
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer, recipe_manager
from keras import ops
from tensorflow.lite.python.convert_phase import ConverterError
from upstream_defects import still_broken

EMBEDDINGS = "keras_bert_kit/export/lite_embeddings.py"


def to_lite(function, spec, module=None):
    """A LiteRT file of built-in operations only."""
    concrete = tf.function(
        function, input_signature=[spec], autograph=False
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module or tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


@tf.function(experimental_implements="embedding_matmul", autograph=False)
def look_up(table, ids):
    """Which the converter makes an `EMBEDDING_LOOKUP` of."""
    return tf.gather(table, ids)


@pytest.fixture(scope="module")
def table():
    """Of 2,000 rows of 64 numbers."""
    module = tf.Module()
    values = np.random.default_rng(0).normal(size=(2000, 64)).astype("float32")
    module.variable = tf.Variable(values)
    return module


def test_every_weight_is_written_twice(tmp_path):
    def written(folder):
        return sum(file.stat().st_size for file in folder.glob("variables/*.data*"))

    x = keras.Input((200,))
    model = keras.Model(x, keras.layers.Dense(200)(x))
    size = sum(weight.numpy().nbytes for weight in model.weights)
    once = tf.Module()
    once.weights = [weight.value for weight in model.weights]
    tf.saved_model.save(once, str(tmp_path / "once"))
    assert size < written(tmp_path / "once") < 1.1 * size
    model.export(tmp_path / "stock", verbose=False)
    with still_broken(
        "Keras's `export` writes every weight twice",
        "keras_bert_kit/export/served_model.py: or every weight would be written twice",
    ):
        assert 2 * size < written(tmp_path / "stock") < 2.2 * size


def test_a_new_axis_by_slicing_does_not_convert():
    spec = tf.TensorSpec((None, None), tf.int32)
    assert to_lite(lambda mask: 2 * ops.expand_dims(mask, (1, 2)), spec)
    with (
        still_broken(
            "The LiteRT converter knows no slicing with a new axis",
            "keras_bert_kit/layers/attention.py: expand_dims, as slicing with a new axis",
        ),
        pytest.raises(ConverterError, match=r"'tf\.StridedSlice' op is neither a custom op"),
    ):
        to_lite(lambda mask: 2 * mask[:, None, None, :], spec)


def test_mixed_precision_does_not_convert():
    def convert(dtype):
        x = keras.Input((4,))
        layers = [keras.layers.Dense(4, dtype=dtype), keras.layers.LayerNormalization(dtype=dtype)]
        model = keras.Sequential([x, *layers])
        module = tf.Module()
        module.weights = [weight.value for weight in model.weights]
        return to_lite(lambda x: model(x), tf.TensorSpec((1, 4)), module)

    assert convert("float32")
    with (
        still_broken(
            "The LiteRT converter does not take models of mixed precision",
            "keras_bert_kit/export/served_model.py: def in_float32",
        ),
        pytest.raises(ConverterError, match="op is neither a custom op nor a flex op"),
    ):
        convert("mixed_bfloat16")


def test_tables_read_by_gather_stay_in_float32(table):
    def shrunk(read):
        spec = tf.TensorSpec((8,), tf.int32)
        content = to_lite(lambda ids: read(table.variable.read_value(), ids), spec, table)
        rules = recipe_manager.RecipeManager()
        rules.add_dynamic_config(".*", qtyping.TFLOperationName.ALL_SUPPORTED, num_bits=8)
        shrinking = quantizer.Quantizer(bytearray(content), rules.get_quantization_recipe())
        return len(shrinking.quantize().quantized_model) / len(content)

    assert shrunk(look_up) < 0.4
    with still_broken(
        "ai-edge-quantizer leaves the tables of `GATHER` in float32, and says nothing",
        f"{EMBEDDINGS}: def read_by_look_up",
    ):
        assert shrunk(tf.gather) > 0.9


def test_look_ups_at_known_places_are_worked_out(table):
    def operations(places):
        def read(ids):
            rows = look_up(table.variable.read_value(), places(ids))
            return rows + tf.cast(tf.expand_dims(ids, 1), tf.float32)

        content = to_lite(read, tf.TensorSpec((8,), tf.int32), table)
        return {one["op_name"] for one in Interpreter(model_content=content)._get_ops_details()}

    assert "EMBEDDING_LOOKUP" in operations(lambda ids: tf.range(8) + tf.minimum(ids, 0))
    with still_broken(
        "The LiteRT converter keeps what is looked up at known places, in float32",
        f"{EMBEDDINGS}: tf.minimum(token_ids, 0)",
    ):
        assert "EMBEDDING_LOOKUP" not in operations(lambda ids: tf.range(8))


def test_the_exact_gelu_of_keras_becomes_no_onnx():
    def convert(function):
        converted, _ = tf2onnx.convert.from_function(
            tf.function(function), input_signature=[tf.TensorSpec((None, 4))], opset=17
        )
        onnx.checker.check_model(converted)

    convert(lambda x: 0.5 * x * (1.0 + ops.erf(x * 0.5**0.5)))
    with (
        still_broken(
            "tf2onnx writes an operation for Keras's exact GELU, `Erfc`, that ONNX does not have",
            "keras_bert_kit/layers/activations.py: which has no ONNX counterpart",
        ),
        pytest.raises(onnx.checker.ValidationError, match="No Op registered for Erfc"),
    ):
        convert(lambda x: ops.gelu(x, approximate=False))
