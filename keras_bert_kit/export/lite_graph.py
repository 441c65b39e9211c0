"""A model as a SavedModel for the converter: named inputs and outputs, weights once."""

from contextlib import nullcontext
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.export.lite_embeddings import read_by_look_up
from keras_bert_kit.export.served_model import serve
from keras_bert_kit.models import ClassificationModel

# All three, whether or not the model reads segments: clients that tokenise give them in any case.
INPUTS = ("token_ids", "segment_ids", "padding_mask")


def write_graph(
    model: keras.Model, folder: Path, sequence_length: int | None, look_ups: bool
) -> None:
    """Writes the SavedModel that the converter reads.

    Args:
        model: an `Encoder`, or a model of `keras_bert_kit.models` for a task, in float32.
        folder: where to write.
        sequence_length: T of all inputs `(1, T)`; None for any.
        look_ups: whether tables are read as `read_by_look_up` does.
    """
    specs = {name: tf.TensorSpec((1, sequence_length), tf.int32, name=name) for name in INPUTS}
    encoder = model if isinstance(model, Encoder) else model.encoder
    function = tf.function(lambda **inputs: served_outputs(model, inputs), autograph=False)
    with read_by_look_up(encoder) if look_ups else nullcontext():
        signature = function.get_concrete_function(**specs)
    module = tf.Module()
    # Keras's variables hold TensorFlow's; these alone, or every weight would be written twice.
    module.weights = [weight.value for weight in model.weights]
    tf.saved_model.save(module, str(folder), {"serving_default": signature})


def served_outputs(model: keras.Model, inputs: dict) -> dict:
    """What `serve` says, of a classifier `probabilities` alone.

    Clients such as MediaPipe take every output of a classifier for a set of probabilities.
    """
    outputs = serve(model, inputs)
    if isinstance(model, ClassificationModel):
        outputs.pop("logits", None)
    return outputs
