"""A model as it is served: in float32, and with outputs that need no further computing."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf
from keras import ops

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.layers.pooling import MeanPooling
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel

logger = logging.getLogger(__name__)


def in_float32(bundle: Bundle) -> Bundle:
    """The bundle, with its model computed in float32: other precisions are for training.

    A model of another dtype policy is built again, with the same weights, which is logged. Of a
    pre-trained model the encoder is kept: its heads are for training too.
    """
    model = bundle.encoder if isinstance(bundle.model, PretrainingModel) else bundle.model
    policy = bundle.encoder.get_config()["dtype"]
    compute = keras.dtype_policies.deserialize(policy).compute_dtype
    if compute != "float32":
        logger.warning("The model computes in %s; it is exported in float32.", compute)
        weights = model.get_weights()
        model = ModelDescription.of(model).build("float32")
        model.set_weights(weights)
    return replace(bundle, model=model)


def serve(model: keras.Model, inputs: dict) -> dict:
    """What a served model says of inputs, by name.

    Args:
        model: an `Encoder`, or a model of `keras_bert_kit.models` for a task.
        inputs: `token_ids`, `padding_mask` and, if the model takes them, `segment_ids`, each
            `(B, T)` int32.

    Returns:
        All float32.
        - Classes: `logits` and `probabilities` `(B, C)`; a regression: `value` `(B,)`.
        - Tags: `logits` and `probabilities` `(B, T, C)`.
        - Questions: `start_logits` and `end_logits` `(B, T)`.
        - An encoder: `embedding` `(B, D)`, the mean of the vectors of all tokens.

    Raises:
        TypeError: if it is none of these.
    """
    outputs = model(inputs, training=False)
    if isinstance(model, ClassificationModel):
        logits = outputs["label"]
        if model.arguments["problem"] == "regression":
            return {"value": logits[:, 0]}
        activation = {"single_label": ops.softmax, "multi_label": ops.sigmoid}
        return {"logits": logits, "probabilities": activation[model.arguments["problem"]](logits)}
    if isinstance(model, TaggingModel):
        return {"logits": outputs["tags"], "probabilities": ops.softmax(outputs["tags"])}
    if isinstance(model, SpanModel):
        return {"start_logits": outputs["start"], "end_logits": outputs["end"]}
    if isinstance(model, Encoder):
        pool = MeanPooling(dtype="float32")
        return {"embedding": pool(outputs["sequence_output"], inputs["padding_mask"])}
    raise TypeError(
        f"Only encoders and models of tasks are exported; received a {type(model).__name__}."
    )


def input_names(model: keras.Model) -> tuple[str, ...]:
    """The inputs that a served model takes."""
    return tuple(model.input)


def write_signatures(
    model: keras.Model,
    signatures: dict[str, Callable],
    folder: Path,
    tokenizer: tf.Module | None = None,
) -> None:
    """Writes a SavedModel, every weight once.

    Args:
        model: whose weights the signatures read.
        signatures: concrete functions by name; the first is the default too.
        folder: where to write.
        tokenizer: the tokenizer that they hold, if they do.
    """
    module = tf.Module()
    # Keras's variables hold TensorFlow's; these alone, or every weight would be written twice.
    module.weights = [weight.value for weight in model.weights]
    module.tokenizer = tokenizer
    default = next(iter(signatures.values()))
    tf.saved_model.save(module, str(folder), signatures | {"serving_default": default})
