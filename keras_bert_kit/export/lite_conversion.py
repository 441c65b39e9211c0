"""From a bundle to the bytes of a LiteRT file, once it is clear that it can be one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.features import Features
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.export.lite_graph import write_graph, write_text_graph
from keras_bert_kit.export.lite_model import padded
from keras_bert_kit.export.lite_quantization import QUANTIZATIONS, to_lite
from keras_bert_kit.models import ClassificationModel, SpanModel, TaggingModel, encoder_of
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

DEFAULT_LENGTH = 128  # of inputs, where the model does not say how it reads texts
LEAST_LENGTH = 4  # two special tokens and some text


def convert(
    bundle: Bundle,
    quantization: str,
    sequence_length: int | None,
    calibration: Features | None = None,
) -> bytes:
    """A LiteRT file, without labels or vocabulary.

    Args:
        bundle: the model, in float32.
        quantization: one of `QUANTIZATIONS`.
        sequence_length: T of its inputs; None for any.
        calibration: for `"full_int8"`, inputs to learn from how large values get.

    Raises:
        ValueError: if there is no such number format, calibration is missing or for another
            length, the model has not a label for each class, or the vocabulary is not its own.
    """
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"`quantization` must be one of {', '.join(QUANTIZATIONS)}; received {quantization!r}."
        )
    if (quantization == "full_int8") != (calibration is not None):
        raise ValueError(
            "`calibration` is for `quantization='full_int8'`, which cannot do without: give inputs "
            f"of training there, and none elsewhere; received {quantization!r}."
        )
    _check_labels(bundle)
    _check_vocabulary(bundle)
    rows = () if calibration is None else _calibration_rows(calibration, sequence_length)
    hidden_dim = bundle.encoder.config["hidden_dim"]
    with tempfile.TemporaryDirectory() as folder:
        in_integers = quantization == "full_int8"  # where the converter errs with look-ups
        write_graph(bundle.model, Path(folder), sequence_length, look_ups=not in_integers)
        return to_lite(Path(folder), quantization, hidden_dim, rows)


def convert_with_tokenizer(
    bundle: Bundle, quantization: str, sequence_length: int, pairs: bool = False
) -> bytes:
    """A LiteRT file that takes strings, which only runs with tensorflow-text's operations.

    Args:
        bundle: the model, in float32.
        quantization: one of `QUANTIZATIONS`, but not `"full_int8"`.
        sequence_length: most tokens that are read of a text, or of a pair of texts.
        pairs: whether it reads two texts.

    Raises:
        ValueError: as `convert`; and if the model tags words, answers questions, or has another
            tokenizer than BERT's.
    """
    if quantization == "full_int8" or quantization not in QUANTIZATIONS:
        others = [name for name in QUANTIZATIONS if name != "full_int8"]
        raise ValueError(
            f"With the tokenizer inside, `quantization` must be one of {', '.join(others)}; "
            f"received {quantization!r}."
        )
    check_tokenizer_inside(bundle)
    _check_labels(bundle)
    _check_vocabulary(bundle)
    hidden_dim = bundle.encoder.config["hidden_dim"]
    with tempfile.TemporaryDirectory() as folder:
        write_text_graph(bundle, Path(folder), sequence_length, pairs)
        return to_lite(Path(folder), quantization, hidden_dim, has_tokenizer=True)


def check_tokenizer_inside(bundle: Bundle) -> None:
    """Refuses models whose tokenizer cannot be in a LiteRT file.

    Raises:
        ValueError: if the model tags words, answers questions, or its tokenizer is not BERT's.
    """
    if isinstance(bundle.model, TaggingModel | SpanModel):
        raise ValueError(
            "With the tokenizer inside there are classes, values and embeddings of whole texts, "
            "but not yet tags or answers, which are parts of a text: export the model without."
        )
    if not isinstance(bundle.tokenizer, WordPieceTokenizer):
        raise ValueError(
            "LiteRT has no operations for byte-level BPE: export the model without its tokenizer."
        )


def length_of(bundle: Bundle, sequence_length: int | None) -> int:
    """T of a file's inputs: what is asked for, else as the model reads texts, else 128.

    Raises:
        ValueError: if the model has fewer positions, or no text would fit.
    """
    positions = bundle.encoder.config["max_sequence_length"]
    if sequence_length is None:
        usual = DEFAULT_LENGTH if bundle.inputs is None else bundle.inputs.sequence_length
        return min(usual, positions)
    if not LEAST_LENGTH <= sequence_length <= positions:
        raise ValueError(
            f"`sequence_length` must be from {LEAST_LENGTH} to {positions}, the positions that the "
            f"model has; received {sequence_length}."
        )
    return sequence_length


def has_client(model: keras.Model) -> bool:
    """Whether MediaPipe has a class for such models: of classes and of embeddings it has."""
    if isinstance(model, ClassificationModel):
        return model.arguments["problem"] != "regression"
    return isinstance(model, Encoder)


def num_weights(model: keras.Model, sequence_length: int | None) -> int:
    """How many weights of a model its file holds: no position that cannot be reached, no pooler.

    A pooler stays where a classifier reads it.
    """
    encoder = encoder_of(model)
    config, count = encoder.config, model.count_params()
    if sequence_length is not None:
        count -= (config["max_sequence_length"] - sequence_length) * config["hidden_dim"]
    is_pooled = isinstance(model, ClassificationModel) and (
        model.arguments["pooling"] == "first" and model.arguments["hidden_activation"] is None
    )
    if config["pooler"] and not is_pooled:
        count -= encoder.get_layer("pooler").count_params()
    return count


def _check_labels(bundle: Bundle) -> None:
    model, labels = bundle.model, bundle.labels
    if not isinstance(model, ClassificationModel | TaggingModel):
        return
    count = model.arguments["num_classes"]
    if model.arguments.get("problem") == "regression" or len(labels or ()) == count:
        return
    raise ValueError(
        f"The model has {count} classes and {len(labels or ()) or 'no'} labels, but whoever runs "
        "the file wants to know what they are called: load the model with `labels`, one for each."
    )


def _check_vocabulary(bundle: Bundle) -> None:
    tokens, size = len(bundle.tokenizer.vocabulary), bundle.encoder.config["vocabulary_size"]
    if tokens > size:
        raise ValueError(
            f"The vocabulary has {tokens:,} tokens, but the model was built for {size:,}: it is "
            "not the model's own."
        )


def _calibration_rows(features: Features, sequence_length: int | None) -> Iterator[dict]:
    longest = int(features.lengths.max(initial=0))
    if not longest or longest > (sequence_length or longest):
        raise ValueError(
            f"`calibration` must hold inputs of at most {sequence_length} tokens, as the file will "
            f"take; received {len(features)} inputs of up to {longest}."
        )
    for start, stop in zip(features.splits[:-1], features.splits[1:], strict=True):
        ids, segments = features.token_ids[start:stop], features.segment_ids[start:stop]
        yield padded(ids, segments, sequence_length or len(ids))
