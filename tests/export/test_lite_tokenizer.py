"""The tokenizer by LiteRT's operations gives the ids that Transformers gave for the nasty text."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text import tflite_registrar

from keras_bert_kit.export.lite_quantization import to_lite
from keras_bert_kit.export.lite_tokenizer import LiteTokenizer
from keras_bert_kit.text.vocabulary import Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TEXT = Path(__file__).parents[1] / "text"
NASTY_LINES = (TEXT / "nasty.txt").read_bytes().decode().split("\n")
GOLDEN = json.loads((TEXT / "golden_ids.json").read_text())
LONG = (
    *("x" * 100, "x" * 101, "é" * 100, "é" * 101, "你" * 300, "😀" * 101, "e\u0301" * 99),
    *("y " + "a" * 5_000 + " b", "the " * 20_000, "", " ", "\x00a b", "naïve\x00b", "\u200b"),
)


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizers(request, tmp_path_factory):
    """The kit's tokenizer, and what runs it in LiteRT."""
    tokenizer = WordPieceTokenizer(Vocabulary.read(TEXT / "nasty_vocab.txt"), request.param)
    lite = LiteTokenizer(tokenizer)
    function = tf.function(lambda text: {"ids": lite(text)}, autograph=False)
    signature = function.get_concrete_function(text=tf.TensorSpec([1], tf.string, name="text"))
    folder = tmp_path_factory.mktemp("tokenizer")
    tf.saved_model.save(tf.Module(), str(folder), {"serving_default": signature})
    interpreter = InterpreterWithCustomOps(
        model_content=to_lite(folder, "float32", 8, has_tokenizer=True),
        custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS,
    )
    run = interpreter.get_signature_runner()
    return tokenizer, lambda text: run(text=np.array([text], object))["ids"].tolist()


def test_ids_of_the_nasty_text_in_litert(tokenizers):
    tokenizer, run = tokenizers
    expected = GOLDEN["nasty uncased" if tokenizer.lowercase else "nasty cased"]["plain"]
    assert [run(line.encode()) for line in NASTY_LINES] == expected


def test_the_limit_of_a_word_is_one_of_characters(tokenizers):
    tokenizer, run = tokenizers
    for text in LONG:
        assert run(text.encode()) == tokenizer(text).numpy().tolist(), ascii(text[:50])


@pytest.mark.parametrize(
    "text", [b"the c\xe9t cat\xff the", b"\xe2\x82", b"\x82cat", b"the\xf0\x9f"]
)
def test_bytes_that_are_no_utf8(tokenizers, text):
    tokenizer, run = tokenizers
    assert run(text) == tokenizer(text).numpy().tolist()
