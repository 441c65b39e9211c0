"""SavedModels that take strings or token ids, and need neither Keras nor this package to run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tensorflow as tf

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.export.served_model import (
    in_float32,
    input_names,
    serve,
    write_signatures,
)
from keras_bert_kit.export.text_answers import AnswersOfTexts
from keras_bert_kit.export.text_classes import ClassesOfTexts
from keras_bert_kit.export.text_entities import EntitiesOfTexts
from keras_bert_kit.models import SpanModel, TaggingModel
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text_prediction import default_inputs

STRINGS, TOKENS = "strings", "tokens"  # the folders of the two SavedModels


def write_saved_models(bundle: Bundle, folder: str | Path) -> None:
    """Writes two SavedModels: `strings` reads text, `tokens` reads token ids.

    The signatures of `strings`, whose `serving_default` is the first that the model has:

    - `texts`: `text` `(B,)`. Classes: `label`, `probabilities` and `logits`; of several labels
      `given`, which they are; a regression: `value`; tags: see `EntitiesOfTexts`; an encoder:
      `embedding`.
    - `pairs`: `text` and `pair` `(B,)`, the same of pairs of texts; not for tags.
    - `questions`: `question` and `context` `(B,)`, see `AnswersOfTexts`.
    - `tokens`: as below.

    Texts are read as in training, so that the answers are those of `Bundle.predict_text`. Who loads
    it imports `tensorflow_text` first, for the tokenizer's operations. `tokens` needs nothing of
    the kind; its one signature takes `token_ids`, `padding_mask` and `segment_ids` `(B, T)` int32,
    those that the model has, and gives what `serve` does, and `label`.

    Args:
        bundle: the model; one of another precision is written in float32.
        folder: where to; both have folders of their own in it.

    Raises:
        ValueError: if the model has classes without names, or answers questions and has a
            tokenizer that knows no offsets in the graph.
        OSError: if they cannot be written.

    Example:
        >>> bundle = Bundle.from_pretrained("saved_models/my-task")  # doctest: +SKIP
        >>> write_saved_models(bundle, "exported")  # doctest: +SKIP
        >>> import tensorflow_text
        >>> served = tf.saved_model.load("exported/strings")  # doctest: +SKIP
        >>> served.signatures["texts"](text=tf.constant(["A text."]))["label"]  # doctest: +SKIP
    """
    bundle = in_float32(bundle)
    if bundle.labels is None and getattr(bundle.model, "arguments", {}).get("num_classes", 1) > 1:
        raise ValueError(
            "This model has classes without names, and who runs the export would not know what it "
            "says: give their names with `--labels`, in the order of the classes."
        )
    tokens = {TOKENS: _of_tokens(bundle)}
    write_signatures(bundle.model, tokens, Path(folder) / TOKENS)
    strings = with_graph_tokenizer(bundle)
    write_signatures(
        bundle.model, _of_strings(strings) | tokens, Path(folder) / STRINGS, strings.tokenizer
    )


def with_graph_tokenizer(bundle: Bundle) -> Bundle:
    """The bundle, with a tokenizer that is TensorFlow all through.

    Raises:
        ValueError: if it answers questions and such a tokenizer knows no offsets.
    """
    tokenizer = bundle.tokenizer
    if not isinstance(tokenizer, BytePairTokenizer):
        return bundle
    if isinstance(bundle.model, SpanModel):
        raise ValueError(
            "Byte-level BPE knows no offsets inside the graph, so a RoBERTa that answers questions "
            "has no SavedModel of strings. Export it as TFLite or ONNX, which read token ids."
        )
    return replace(
        bundle,
        tokenizer=BytePairTokenizer(
            tokenizer.vocabulary, tokenizer.add_prefix_space, in_graph=True
        ),
    )


def _of_tokens(bundle: Bundle) -> Callable:
    """The signature that reads token ids."""
    specs = {name: _spec(name, tf.int32, 2) for name in input_names(bundle.model)}

    longest = bundle.encoder.config["max_sequence_length"]

    def tokens(**inputs):
        too_long = f"There are more tokens in an input than the {longest} that this model reads."
        length = tf.shape(inputs["token_ids"])[1]
        with tf.control_dependencies([tf.debugging.assert_less_equal(length, longest, too_long)]):
            inputs = {name: tf.identity(values) for name, values in inputs.items()}
        return _with_labels(bundle, serve(bundle.model, inputs))

    return tf.function(tokens, autograph=False).get_concrete_function(**specs)


def _of_strings(bundle: Bundle) -> dict[str, Callable]:
    """The signatures that read strings, by name."""
    options = bundle.inputs or default_inputs(bundle.model)
    if isinstance(bundle.model, SpanModel):
        answers = AnswersOfTexts(bundle, options)
        return {"questions": _concrete(lambda question, context: answers(question, context))}
    if isinstance(bundle.model, TaggingModel):
        entities = EntitiesOfTexts(bundle, options)
        return {"texts": _concrete(lambda text: entities(text))}
    classes = ClassesOfTexts(bundle, options)
    return {
        "texts": _concrete(lambda text: _with_labels(bundle, classes(text))),
        "pairs": _concrete(lambda text, pair: _with_labels(bundle, classes(text, pair))),
    }


def _concrete(function: Callable) -> Callable:
    """A signature whose inputs are strings `(B,)` by the names of the function's arguments."""
    specs = [_spec(name, tf.string, 1) for name in function.__code__.co_varnames]
    return tf.function(function, autograph=False).get_concrete_function(*specs)


def _spec(name: str, dtype: tf.DType, rank: int) -> tf.TensorSpec:
    return tf.TensorSpec([None] * rank, dtype, name)


def _with_labels(bundle: Bundle, said: dict) -> dict:
    """What a model says, and the names of the classes that it thinks right."""
    is_of_classes = "probabilities" in said and not isinstance(bundle.model, TaggingModel)
    if bundle.labels is None or not is_of_classes:
        return said  # a regression, too, may come with a name of what it tells
    if bundle.model.arguments["problem"] == "multi_label":
        return said | {"given": said["probabilities"] >= 0.5}
    best = tf.argmax(said["probabilities"], axis=1)
    return said | {"label": tf.gather(tf.constant(bundle.labels), best)}
