"""Text to ids and back: BERT's ids exactly, wherever the tokenizer runs."""

import itertools
import json
import logging
import lzma
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

HERE = Path(__file__).parent
SHARED = Path(__file__).parents[3] / "shared" / "data"
NASTY_LINES = (HERE / "nasty.txt").read_bytes().decode().split("\n")
GOLDEN = json.loads((HERE / "golden_ids.json").read_text())

# fmt: off
PIECES = (
    *SPECIAL_TOKENS, "the", "cat", "##s", "purr", "##ing", "##ed", "cafe", "café", "Cat", "!", ",",
    ".", "[", "]", "mask", "中", "ς", "##σ", "don", "'", "t", "(", ")", "a", "##a",
)
# fmt: on


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(Vocabulary(PIECES))


@pytest.fixture(scope="module")
def cased():
    return WordPieceTokenizer(Vocabulary(PIECES), lowercase=False)


def pieces(ids):
    return [PIECES[i] for i in np.asarray(ids)]


def spans(text, starts, ends):
    text = text.encode()
    return [text[a:b].decode() for a, b in zip(starts.numpy(), ends.numpy(), strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cats purred.", "the cat ##s purr ##ed ."),
        ("THE CAFÉ, the cafe\u0301!", "the cafe , the cafe !"),
        ("the dog", "the [UNK]"),
        ("catx", "[UNK]"),
        ("cat中cat", "cat 中 cat"),
        ("c\u00ada\u200bt\x00s", "cat ##s"),
        ("the\u3000cat\u2028the\ncat\r\n\tcat", "the cat the cat cat"),
        ("ς Σ", "ς [UNK]"),
        ("", ""),
        ("  \n ", ""),
        ("a" * 100, "a" + " ##a" * 99),
        ("a" * 101, "[UNK]"),
        ("á" * 100 + " the", "a" + " ##a" * 99 + " the"),
        ("the " + "á" * 101 + " cat", "the [UNK] cat"),
        ("a" * 60 + "," + "a" * 60, "a" + " ##a" * 59 + " , a" + " ##a" * 59),
    ],
)
def test_uncased(tokenizer, text, expected):
    assert pieces(tokenizer(text)) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cats purr.", "Cat ##s purr ."),
        ("The café", "[UNK] café"),
        ("cafe\u0301", "[UNK]"),
        ("σςσ", "[UNK]"),
        ("ςσ", "ς ##σ"),
    ],
)
def test_cased(cased, text, expected):
    assert pieces(cased(text)) == expected.split()


def test_a_string_gives_a_vector_and_a_batch_a_ragged_tensor(tokenizer):
    one = tokenizer("the cats")
    assert (one.dtype, one.shape.rank, one.numpy().tolist()) == (tf.int32, 1, [5, 6, 7])
    many = tokenizer(["the cats", "", "purring"])
    assert isinstance(many, tf.RaggedTensor)
    assert many.dtype == tf.int32
    assert many.to_list() == [[5, 6, 7], [], [8, 9]]
    assert tokenizer([]).to_list() == []
    assert tokenizer(np.array(["the", "cat"])).to_list() == [[5], [6]]


def test_special_tokens_are_text_unless_asked_for(tokenizer):
    text = "the[MASK]cat [SEP] [mask] [MASK"
    plain = "the [ mask ] cat [ [UNK] ] [ mask ] [ mask"
    asked = "the [MASK] cat [SEP] [ mask ] [ mask"
    assert pieces(tokenizer(text)) == plain.split()
    assert pieces(tokenizer(text, special_tokens=True)) == asked.split()
    assert tokenizer([text, "", "[PAD]"], special_tokens=True).to_list() == [
        [PIECES.index(piece) for piece in asked.split()],
        [],
        [0],
    ]


def test_a_token_no_text_leads_to_is_in_nobodys_way():
    # Upper case in an uncased vocabulary, NUL, private use, and what stands for it inside.
    unreachable = ["Cat", "\x00", "a\ue000", "\uf8f4xxx", "##!", "a b"]
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *unreachable, "a", "b", "[MASK]x"]))
    assert tokenizer("a\ue000 \uf8f4xxx \x00 a b !").numpy().tolist() == [11, 1, 11, 12, 1]


def test_offsets_are_bytes_of_the_source(tokenizer):
    text = "  Thé\u0301 c\u00adats, purr\u200bing中" + "á" * 101 + " don't"
    ids, starts, ends = tokenizer.tokenize_with_offsets(text)
    expected = [
        *(("the", "Thé"), ("cat", "c\u00adat"), ("##s", "s"), (",", ","), ("purr", "purr")),
        *(("##ing", "ing"), ("中", "中"), ("[UNK]", "á" * 101)),
        *(("don", "don"), ("'", "'"), ("t", "t")),
    ]
    assert list(zip(pieces(ids), spans(text, starts, ends), strict=True)) == expected
    assert starts.numpy()[:4].tolist() == [2, 9, 14, 15]
    assert (starts.dtype, ends.dtype) == (tf.int32, tf.int32)


def test_offsets_of_a_batch_with_special_tokens(tokenizer):
    texts = ["é[MASK]\x00the", "", "cats[SEP]"]
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts, special_tokens=True)
    assert ids.to_list() == [[1, 4, 5], [], [6, 7, 3]]
    assert starts.to_list() == [[0, 2, 9], [], [0, 3, 4]]
    assert ends.to_list() == [[2, 8, 12], [], [3, 4, 9]]


def test_bytes_that_are_not_utf8_make_their_word_unknown(tokenizer):
    texts = [b"the c\xe9t cat\xff the", b"\xe2\x82", b"\x82cat the", b"the\xf0\x9f"]
    assert tokenizer(texts).to_list() == [[5, 1, 1, 5], [1], [1, 5], [1]]
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts)
    assert ids.to_list() == tokenizer(texts).to_list()
    for text, row_starts, row_ends in zip(texts, starts.to_list(), ends.to_list(), strict=True):
        assert all(0 <= a < b <= len(text) for a, b in zip(row_starts, row_ends, strict=True))


@pytest.mark.parametrize("name", ["nasty uncased", "nasty cased"])
def test_ids_of_the_nasty_text(name):
    check_golden(name, HERE / "nasty_vocab.txt", name == "nasty uncased")


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["bert-base-uncased", "bert-base-cased"])
def test_ids_of_the_nasty_text_with_real_vocabularies(name):
    check_golden(name, real_vocabulary(name), name == "bert-base-uncased")


def check_golden(name, vocabulary, lowercase):
    """`golden_ids.json` is made with Transformers by `tools/make_golden_token_ids.py`."""
    tokenizer = WordPieceTokenizer(Vocabulary.read(vocabulary), lowercase)
    expected = GOLDEN[name]
    assert len(expected["plain"]) == len(NASTY_LINES)
    ids, starts, ends = (x.to_list() for x in tokenizer.tokenize_with_offsets(NASTY_LINES))
    offsets = [[*zip(*row, strict=True)] for row in zip(starts, ends, strict=True)]
    for i, line in enumerate(NASTY_LINES):
        assert tokenizer(line).numpy().tolist() == expected["plain"][i], ascii(line)
        special = tokenizer(line, special_tokens=True).numpy().tolist()
        assert special == expected["special"][i], ascii(line)
        assert ids[i] == expected["plain"][i], ascii(line)
        assert offsets[i] == [tuple(span) for span in expected["offsets"][i]], ascii(line)
    assert tokenizer(NASTY_LINES).to_list() == expected["plain"]


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["bert-base-uncased", "bert-base-cased"])
@pytest.mark.parametrize("corpus", ["books", "wikipedia"])
def test_ids_equal_those_of_transformers(name, corpus):
    path = SHARED / "pretraining" / f"{corpus}.txt.xz"
    vocabulary = Vocabulary.read(real_vocabulary(name))
    lowercase = name == "bert-base-uncased"
    ours = WordPieceTokenizer(vocabulary, lowercase)
    # What Transformers' `BertTokenizerFast` is made of
    ids = {token: i for i, token in enumerate(vocabulary.tokens)}
    theirs = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    theirs.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    theirs.add_special_tokens(list(SPECIAL_TOKENS))
    # `tools/compare_tokenizers.py` takes as many as one likes.
    with lzma.open(path) as file:
        lines = file.read(1_500_000).decode(errors="ignore").split("\n")
    for at in range(0, len(lines), 1000):
        batch = lines[at : at + 1000]
        encodings = theirs.encode_batch(batch)
        expected = [encoding.ids for encoding in encodings]
        ids, starts, ends = ours.tokenize_with_offsets(batch, special_tokens=True)
        assert ids.to_list() == expected
        assert ours(batch, special_tokens=True).to_list() == expected
        if not any("[" in line for line in batch):
            assert ours(batch).to_list() == expected
        rows = zip(batch, starts.to_list(), ends.to_list(), encodings, strict=True)
        for line, *row, encoding in rows:
            byte_at = list(itertools.accumulate((len(c.encode()) for c in line), initial=0))
            assert [*zip(*row, strict=True)] == [
                (byte_at[a], byte_at[b]) for a, b in encoding.offsets
            ]


def real_vocabulary(name):
    path = SHARED / "vocab" / name / "vocab.txt"
    if not path.exists():
        pytest.skip(f"there is no {path}")
    return path


def test_runs_in_tf_data_and_in_a_function(tokenizer):
    texts = ["the cats", "á" * 101 + " [MASK]", ""]
    expected = [[5, 6, 7], [1, 17, 19, 18], []]
    dataset = tf.data.Dataset.from_tensor_slices(texts)
    assert [ids.numpy().tolist() for ids in dataset.map(tokenizer)] == expected
    assert next(iter(dataset.batch(3).map(tokenizer))).to_list() == expected
    assert tf.function(tokenizer)(tf.constant(texts)).to_list() == expected

    def with_offsets(batch):
        return tokenizer.tokenize_with_offsets(batch, special_tokens=True)

    ids, starts, ends = next(iter(dataset.batch(3).map(with_offsets)))
    assert ids.to_list() == [[5, 6, 7], [1, 4], []]
    assert (starts.to_list(), ends.to_list()) == (
        [[0, 4, 7], [0, 203], []],
        [[3, 7, 8], [202, 209], []],
    )


def test_the_graph_is_tensorflow_all_through(tokenizer):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def everything(texts):
        ids, starts, ends = tokenizer.tokenize_with_offsets(texts, special_tokens=True)
        return tokenizer(texts), starts, ends, tokenizer.detokenize(ids)

    graph = everything.get_concrete_function().graph.as_graph_def()
    nodes = [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]
    assert not [node.op for node in nodes if "PyFunc" in node.op]


def test_made_inside_a_function_it_outlives_it():
    made = []

    @tf.function
    def make(texts):
        made.append(WordPieceTokenizer(Vocabulary(PIECES)))
        return made[0](texts)

    assert make(tf.constant(["the cats"])).to_list() == [[5, 6, 7]]
    assert made[0]("the cats").numpy().tolist() == [5, 6, 7]


LOAD = """
import sys, json, tensorflow as tf, tensorflow_text
loaded = tf.saved_model.load(sys.argv[1])
ids, starts, ends = loaded.tokenize(tf.constant(["[MASK] Caf\\u00e9s", "\\u00e1" * 101, ""]))
assert not any(name.startswith("keras_bert_kit") for name in sys.modules)
print(json.dumps([ids.to_list(), starts.to_list(), ends.to_list()]))
print(loaded.detokenize(ids).numpy()[0].decode())
"""


def test_runs_in_a_saved_model_in_a_process_without_the_kit(tokenizer, tmp_path):
    module = tf.Module()
    module.tokenize = tf.function(
        lambda texts: tokenizer.tokenize_with_offsets(texts, special_tokens=True),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    module.detokenize = tf.function(
        tokenizer.detokenize, input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)]
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    result = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "saved")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert result.returncode == 0, result.stderr
    pieces, text = result.stdout.splitlines()
    assert json.loads(pieces) == [
        [[4, 11, 7], [1], []],
        [[0, 7, 12], [0], []],
        [[6, 12, 13], [202], []],
    ]
    assert text == "[MASK] cafes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CATS purred, don't (the café) purr!", "the cats purred, don't (the cafe) purr!"),
        ("cat [MASK]", "cat [ mask ]"),
        ("dog", "[UNK]"),
        ("", ""),
    ],
)
def test_detokenize(tokenizer, text, expected):
    ids = tokenizer(text)
    assert tokenizer.detokenize(ids).numpy().decode() == expected
    assert tokenizer(expected, special_tokens=True).numpy().tolist() == ids.numpy().tolist()


def test_detokenize_batches(tokenizer):
    ids = [[2, 5, 6, 7, 3], [2, 9, 4, 7, 3], [2, 3, 0, 0, 0]]
    shown = ["[CLS] the cats [SEP]", "[CLS]ing [MASK]s [SEP]", "[CLS] [SEP] [PAD] [PAD] [PAD]"]
    texts = tokenizer.detokenize(tf.constant(ids))
    assert [text.decode() for text in texts.numpy()] == shown
    ragged = tf.ragged.constant([[6, 7], [], [7, 6]], dtype=tf.int64)
    assert tokenizer.detokenize(ragged).numpy().tolist() == [b"cats", b"", b"##s cat"]
    dropped = tokenizer.detokenize(ids, drop_special_tokens=True)
    assert dropped.numpy().tolist() == [b"the cats", b"##ings", b""]
    dataset = tf.data.Dataset.from_tensors(ids).map(tokenizer.detokenize)
    assert next(iter(dataset)).numpy().tolist() == [text.encode() for text in shown]


def test_nasty_text_survives_there_and_back():
    tokenizer = WordPieceTokenizer(Vocabulary.read(HERE / "nasty_vocab.txt"))
    unknown = tokenizer.vocabulary.unknown_id
    known = [[i for i in row if i != unknown] for row in tokenizer(NASTY_LINES).to_list()]
    known = [row for row in known if row and not tokenizer.vocabulary.is_continuation[row[0]]]
    assert len(known) > 30
    texts = tokenizer.detokenize(tf.ragged.constant(known))
    for row, again in zip(known, tokenizer(texts).to_list(), strict=True):
        assert again == row or unknown in again  # words that have grown together may be too long


@pytest.mark.parametrize("texts", [3, [1, 2], tf.constant([1.0])])
def test_texts_of_another_type(tokenizer, texts):
    with pytest.raises(
        TypeError, match=r"`texts` must be strings, scalar or \(B,\), got (int|float)"
    ):
        tokenizer(texts)


def test_texts_that_are_no_tensor(tokenizer):
    with pytest.raises(
        TypeError, match=r"`texts` must be strings, scalar or \(B,\), got \['a', 1\]"
    ):
        tokenizer(["a", 1])
    with pytest.raises(TypeError, match=r"`texts` must be strings, .* got <tf\.RaggedTensor"):
        tokenizer.tokenize_with_offsets(tf.ragged.constant([["a"], []]))


def test_texts_of_another_rank(tokenizer):
    with pytest.raises(ValueError, match=r"scalar or of shape \(B,\), got shape \(1, 2\): flatten"):
        tokenizer([["a", "b"]])
    unknown = tf.TensorSpec(None, tf.string)
    with pytest.raises(
        ValueError, match=r"must be a scalar or of shape \(B,\), got shape <unknown>"
    ):
        tf.function(tokenizer).get_concrete_function(unknown)


def test_ids_of_another_type_or_rank(tokenizer):
    with pytest.raises(TypeError, match=r"`ids` must be integers, got float32\."):
        tokenizer.detokenize([1.0])
    with pytest.raises(
        ValueError, match=r"must be of shape \(T,\), \(B, T\) or .* got \(1, 1, 1\)"
    ):
        tokenizer.detokenize([[[1]]])
    with pytest.raises(
        ValueError, match=r"got \[\[1\], \[2, 3\]\]\. Rows of several lengths: wrap"
    ):
        tokenizer.detokenize([[1], [2, 3]])


def test_a_vocabulary_whose_marks_may_change_places_is_warned_of(caplog):
    adlam = Vocabulary([*SPECIAL_TOKENS, "\U0001e944", "##\U0001e94a"])
    with caplog.at_level(logging.WARNING):
        WordPieceTokenizer(adlam)
    assert "holds 2 combining marks of several classes (U+1E944, U+1E94A, ...)" in caplog.text
    caplog.clear()
    WordPieceTokenizer(adlam, lowercase=False)
    WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "\U0001e944", "\u0301"]))
    assert not caplog.text


def test_no_text_has_no_tokens():
    assert WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"]))([]).shape == (0, None)
