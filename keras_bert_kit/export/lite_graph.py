"""A model as a SavedModel for the converter: named inputs and outputs, weights once."""

from contextlib import nullcontext
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.packing import pack_segments
from keras_bert_kit.export.lite_embeddings import read_by_look_up
from keras_bert_kit.export.lite_tokenizer import LiteTokenizer
from keras_bert_kit.export.served_model import serve, write_signatures
from keras_bert_kit.models import ClassificationModel, encoder_of

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
    function = tf.function(lambda **inputs: served_outputs(model, inputs), autograph=False)
    with read_by_look_up(encoder_of(model)) if look_ups else nullcontext():
        signature = function.get_concrete_function(**specs)
        write_signatures(model, {"serving_default": signature}, folder)


def write_text_graph(bundle: Bundle, folder: Path, sequence_length: int, pairs: bool) -> None:
    """Writes the same with the tokenizer in it: `text`, and with `pairs` also `pair`, `(1,)`.

    Args:
        bundle: the model and its `WordPieceTokenizer`.
        folder: where to write.
        sequence_length: most tokens of an input; of longer ones the end is cut off.
        pairs: whether it reads two texts.
    """
    tokenizer, vocabulary = LiteTokenizer(bundle.tokenizer), bundle.tokenizer.vocabulary
    num_segments = max(1, bundle.encoder.config["num_segments"])
    names = ("text", "pair") if pairs else ("text",)

    def serve_texts(**texts):
        segments = []
        for name in names:
            ids = tokenizer(texts[name])
            segments.append(tf.RaggedTensor.from_row_lengths(ids, tf.shape(ids), validate=False))
        inputs, _ = pack_segments(segments, vocabulary, sequence_length, num_segments)
        shape = (1, sequence_length)
        inputs = {name: tf.reshape(values, shape) for name, values in inputs.items()}
        return served_outputs(bundle.model, inputs)

    specs = {name: tf.TensorSpec((1,), tf.string, name=name) for name in names}
    function = tf.function(serve_texts, autograph=False)
    with read_by_look_up(bundle.encoder):
        signature = function.get_concrete_function(**specs)
        write_signatures(bundle.model, {"serving_default": signature}, folder)


def served_outputs(model: keras.Model, inputs: dict) -> dict:
    """What `serve` says, of a classifier `probabilities` alone.

    Clients such as MediaPipe take every output of a classifier for a set of probabilities.
    """
    outputs = serve(model, inputs)
    if isinstance(model, ClassificationModel):
        outputs.pop("logits", None)
    return outputs
