"""Byte-level BPE from TensorFlow operations; its ids are compared in `test_bytepair.py`."""

import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_graph import (
    BytePairGraph,
    character_classes,
    replace_invalid,
    split_words,
)
from keras_bert_kit.text.bytepair_vocabulary import (
    BYTE_LETTERS,
    SPECIAL_TOKENS,
    BytePairVocabulary,
)

MERGES = [("a", "b"), ("Ġ", "ab"), ("a", "a"), ("aa", "aa"), ("Ã", "©")]


@pytest.fixture(scope="module")
def vocabulary():
    merged = ["".join(merge) for merge in MERGES]
    return BytePairVocabulary([*SPECIAL_TOKENS, *BYTE_LETTERS, *merged, "Zeit"], MERGES, ["Zeit"])


def words(text):
    return [word.decode() for word in split_words(tf.constant([text])).flat_values.numpy() if word]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello world", ["Hello", " world"]),
        ("it's we'll 'tis", ["it", "'s", " we", "'ll", " '", "tis"]),
        ("I'M x'sy", ["I", "'", "M", " x", "'s", "y"]),
        ("a1b2 34", ["a", "1", "b", "2", " 34"]),
        ("ab  cd", ["ab", " ", " cd"]),
        ("ab   's", ["ab", "  ", " '", "s"]),
        ("a\n\nb", ["a", "\n", "\n", "b"]),
        ("a \nb", ["a", " ", "\n", "b"]),
        ("a\n b", ["a", "\n", " b"]),
        ("a \u3000b", ["a", " ", "\u3000", "b"]),
        ("a  \n", ["a", "  \n"]),
        (" ", [" "]),
        ("", []),
        ("...?! —“x”", ["...?!", " —“", "x", "”"]),
        ("ne\u0301e", ["ne", "\u0301", "e"]),
        ("x²½Ⅳ٣", ["x", "²½Ⅳ٣"]),
        ("a\x00\x01\x1cb", ["a", "\x00\x01\x1c", "b"]),
    ],
)
def test_words_are_those_of_gpt2(text, expected):
    assert words(text) == expected
    assert "".join(expected) == text


def test_characters_newer_than_the_regular_expressions_of_tensorflow():
    # U+1C89 is a letter since Unicode 16.
    assert words("a\u1c89b") == ["a\u1c89b"]
    assert r"\x{41}-\x{5a}" in character_classes().letter
    assert character_classes().number.startswith(r"\x{30}-\x{39}\x{b2}-\x{b3}")


def test_bytes_that_are_not_utf8():
    texts = [b"a\xff", b"\xed\xa0\x80", "é\ud7ff\ue000\U0010ffff\x00".encode(), b"\xc0\x80"]
    expected = [text.decode(errors="replace") for text in texts]
    assert [text.decode() for text in replace_invalid(tf.constant(texts)).numpy()] == expected


def test_ids(vocabulary):
    graph = BytePairGraph(vocabulary)
    a, c, g = (vocabulary.id_of(letter) for letter in "acĠ")
    ab, g_ab, aa, a4 = (vocabulary.id_of(token) for token in ("ab", "Ġab", "aa", "aaaa"))
    texts = tf.constant(["ab ab", "", "aaaaaaa", "aab cab  aba"])
    assert graph(texts).to_list() == [[ab, g_ab], [], [a4, aa, a], [a, ab, g, c, ab, g, g_ab, a]]
    assert graph(texts).dtype == tf.int32
    assert graph(tf.constant([], tf.string)).to_list() == []
    ids = graph(tf.constant([b"\x00\xff"])).flat_values.numpy()
    assert "".join(vocabulary.token_of(i) for i in ids) == "Āï¿½"


def test_a_vocabulary_without_merges():
    graph = BytePairGraph(BytePairVocabulary([*SPECIAL_TOKENS, "a", "b"], []))
    assert graph(tf.constant(["abc", "a"])).to_list() == [[5, 6, 1], [5]]


def test_a_token_that_no_merge_makes_is_not_in_the_ids(vocabulary):
    tokens = [*SPECIAL_TOKENS, "a", "b", "ab", "é"]
    graph = BytePairGraph(BytePairVocabulary(tokens, []))
    assert graph(tf.constant(["ab", "é"])).to_list() == [[5, 6], [1, 1]]


def test_a_very_long_word(vocabulary):
    text = "ab" * 50_000 + "a" * 100_001
    ids = BytePairTokenizer(vocabulary, in_graph=True)(text).numpy()
    assert ids.tolist() == BytePairTokenizer(vocabulary)(text).numpy().tolist()
    assert len(ids) == 50_000 + 25_000 + 1


def test_offsets_are_for_the_other_engine(vocabulary):
    with pytest.raises(NotImplementedError, match=r"gives no offsets\. Make one with `in_graph=F"):
        BytePairTokenizer(vocabulary, in_graph=True).tokenize_with_offsets("a")


def test_made_inside_a_function_it_outlives_it(vocabulary):
    made = []

    @tf.function
    def make(texts):
        made.append(BytePairGraph(vocabulary))
        return made[0](texts)

    expected = [[vocabulary.id_of("ab")]]
    assert make(tf.constant(["ab"])).to_list() == expected
    assert made[0](tf.constant(["ab"])).to_list() == expected


LOAD = """
import sys, json, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
ids = loaded.tokenize(tf.constant([text.encode() for text in json.loads(sys.argv[2])]))
assert not any(name.startswith(("keras_bert_kit", "tokenizers")) for name in sys.modules)
print(json.dumps(ids.to_list()))
print(json.dumps([text.decode() for text in loaded.detokenize(ids).numpy()]))
"""


def test_runs_in_a_saved_model_in_a_process_without_the_kit(vocabulary, tmp_path):
    tokenizer = BytePairTokenizer(vocabulary, in_graph=True)
    module = tf.Module()
    module.tokenizer = tokenizer  # its tables must be saved as well
    module.tokenize = tf.function(
        lambda texts: tokenizer(texts, special_tokens=True),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    module.detokenize = tf.function(
        tokenizer.detokenize, input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)]
    )
    graph = module.tokenize.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for function in graph.library.function for n in function.node_def)]
    assert not [node.op for node in nodes if "PyFunc" in node.op]

    tf.saved_model.save(module, str(tmp_path / "saved"))
    texts = ["ab <mask> abé\n\n  x", "", "It's Zeit,  中 aaaaa</s>"]
    result = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "saved"), json.dumps(texts)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert result.returncode == 0, result.stderr
    ids, back = map(json.loads, result.stdout.splitlines())
    assert ids == BytePairTokenizer(vocabulary)(texts, special_tokens=True).to_list()
    assert back == [texts[0].replace(" <mask>", "<mask>"), *texts[1:]]
