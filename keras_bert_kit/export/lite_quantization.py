"""From the SavedModel of a model to the bytes of a LiteRT file, in one of five number formats."""

import contextlib
import io
import warnings
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from ai_edge_quantizer import qtyping, quantizer, recipe_manager

from keras_bert_kit.quiet import standard_error_closed

# By name, what a reader wants to know of each.
QUANTIZATIONS = {
    "float32": "4 bytes a weight, the same answers",
    "float16": "2 bytes a weight, computed in float32, on a GPU in float16",
    "dynamic_int8": "1 byte a weight, computed in integers: small and fast",
    "weight_only_int8": "1 byte a weight, computed in float32: small, a little more exact",
    "full_int8": "1 byte a weight, all in integers: for accelerators that know nothing else",
}
# A scale and a zero point of its own cost a row of a table 12 bytes. Where rows are narrower than
# this, that is more than 3 % of them, and buys nothing that could be measured.
ROW_WORTH_A_SCALE = 384


def to_lite(
    folder: Path,
    quantization: str,
    hidden_dim: int,
    calibration: Iterable[dict] = (),
    has_tokenizer: bool = False,
) -> bytes:
    """The LiteRT file of a SavedModel; of built-in operations only, others are an error.

    Args:
        folder: of the SavedModel, with tables read by look-ups unless it is for `"full_int8"`.
        quantization: one of `QUANTIZATIONS`.
        hidden_dim: width of the rows of its tables, D.
        calibration: for `"full_int8"`, inputs by name, to learn from how large values get.
        has_tokenizer: whether tensorflow-text's operations are in it too.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.allow_custom_ops = has_tokenizer
    if quantization == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "full_int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: iter(calibration)
    # What converter and quantiser write as they work is hidden; what they raise passes.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        standard_error_closed(),
        warnings.catch_warnings(action="ignore"),
    ):
        content = converter.convert()
        if quantization in ("dynamic_int8", "weight_only_int8"):
            content = _with_8_bit_weights(content, quantization, hidden_dim)
    return bytes(content)


def _with_8_bit_weights(content: bytes, quantization: str, hidden_dim: int):
    """By ai-edge-quantizer, which gives rows scales of their own where the converter cannot."""
    rules = recipe_manager.RecipeManager()
    add = rules.add_dynamic_config
    if quantization == "weight_only_int8":
        add = rules.add_weight_only_config
    operations, granularities = qtyping.TFLOperationName, qtyping.QuantGranularity
    add(".*", operations.ALL_SUPPORTED, num_bits=8)
    if hidden_dim < ROW_WORTH_A_SCALE:
        add(".*", operations.EMBEDDING_LOOKUP, 8, granularities.TENSORWISE)
    shrinking = quantizer.Quantizer(bytearray(content), rules.get_quantization_recipe())
    return shrinking.quantize().quantized_model
