"""Tests of the tokenizer: the ids of Transformers, in every way of calling it."""

import itertools
import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data"
GOLDEN = json.loads((HERE / "golden_ids.json").read_text())
LINES = (HERE / "nasty.txt").read_bytes().decode().split("\n")
REAL = {"bert-base-uncased": True, "bert-base-cased": False}
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "read", "##ing", "is", "!", "naive", "na", "##ï", "中"])


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(VOCABULARY)


def make(name):
    if name.startswith("nasty"):
        path, lowercase = HERE / "nasty_vocab.txt", name == "nasty uncased"
    else:
        path, lowercase = SHARED / "vocab" / name / "vocab.txt", REAL[name]
        if not path.exists():
            pytest.skip(f"needs {path}")
    return WordPieceTokenizer(Vocabulary.read(path), lowercase)


@pytest.mark.parametrize("name", ["nasty uncased", "nasty cased", *REAL])
def test_nasty_text_has_the_ids_and_offsets_of_transformers(name):
    tokenizer, golden = make(name), GOLDEN[name]
    ids, starts, ends = tokenizer.tokenize_with_offsets(LINES)
    rows = zip(LINES, tokenizer(LINES).to_list(), ids.to_list(), golden["plain"], strict=True)
    for line, found, with_offsets, expected in rows:
        assert found == expected, line
        assert with_offsets == expected, line
    special = tokenizer(LINES, special_tokens=True).to_list()
    for line, found, expected in zip(LINES, special, golden["special"], strict=True):
        assert found == expected, line
    if "offsets" in golden:
        spans = zip(starts.to_list(), ends.to_list(), strict=True)
        for line, (first, last), expected in zip(LINES, spans, golden["offsets"], strict=True):
            assert list(map(list, zip(first, last, strict=True))) == expected, line


@pytest.mark.corpora
@pytest.mark.parametrize("corpus", ["books", "wikipedia"])
@pytest.mark.parametrize("name", REAL)
def test_a_sample_of_real_text_has_the_ids_of_tokenizers(name, corpus):
    path = SHARED / "pretraining" / f"{corpus}.txt.xz"
    if not path.exists():
        pytest.skip(f"needs {path}")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = make(name)
    ids = {token: i for i, token in enumerate(tokenizer.vocabulary.tokens)}
    reference = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    reference.normalizer = normalizers.BertNormalizer(lowercase=REAL[name])
    reference.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, 2000)]
    expected = [encoding.ids for encoding in reference.encode_batch_fast(lines)]
    for line, found, wanted in zip(lines, tokenizer(lines).to_list(), expected, strict=True):
        assert found == wanted, line


def test_scalar_and_batch(tokenizer):
    assert tokenizer("Reading is naïve!").numpy().tolist() == [5, 6, 7, 9, 8]
    assert tokenizer(["Reading", "", "is!"]).to_list() == [[5, 6], [], [7, 8]]
    assert tokenizer([]).to_list() == []
    assert tokenizer("x").dtype == tf.int32


def test_inside_a_pipeline_and_a_function(tokenizer):
    data = tf.data.Dataset.from_tensor_slices(["reading is", "naïve!"])
    assert [ids.tolist() for ids in data.map(tokenizer).as_numpy_iterator()] == [[5, 6, 7], [9, 8]]
    (batch,) = data.batch(2).map(tokenizer)
    assert batch.to_list() == [[5, 6, 7], [9, 8]]
    assert tf.function(lambda text: tokenizer(text))(tf.constant("is!")).numpy().tolist() == [7, 8]


def test_inside_a_saved_model_in_another_process(tokenizer, tmp_path):
    module = tf.Module()
    module.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def ids(texts):
        return tokenizer(texts).to_tensor()

    module.ids = ids
    tf.saved_model.save(module, str(tmp_path / "model"))
    code = (
        "import sys, tensorflow as tf, tensorflow_text; "
        "print(tf.saved_model.load(sys.argv[1]).ids(tf.constant(['naïve reading', '!'])).numpy())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True
    )
    assert result.stdout.split() == ["[[9", "5", "6]", "[8", "0", "0]]"], result.stderr


def test_special_tokens_are_text_unless_asked_for(tokenizer):
    assert VOCABULARY.mask_id not in tokenizer("[MASK] is").numpy()
    assert tokenizer("[MASK] is", special_tokens=True).numpy().tolist() == [4, 7]


def test_cased_keeps_case_and_accents():
    tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=False)
    assert tokenizer("naï Read 中中").numpy().tolist() == [10, 11, 1, 12, 12]


@pytest.mark.parametrize("length", [100, 101])
def test_words_of_more_than_100_characters_are_unknown(length):
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "##a"]))
    assert len(tokenizer("a" * length)) == (100 if length == 100 else 1)


def test_detokenize(tokenizer):
    assert tokenizer.detokenize([2, 5, 6, 7, 9, 8, 3]).numpy() == b"[CLS] reading is naive! [SEP]"
    without = tokenizer.detokenize([[2, 5, 6, 3], [2, 7, 8, 3]], drop_special_tokens=True)
    assert without.numpy().tolist() == [b"reading", b"is!"]
    ragged = tokenizer(["reading is", "naive!"])
    assert tokenizer.detokenize(ragged).numpy().tolist() == [b"reading is", b"naive!"]


def test_wrong_input_is_refused(tokenizer):
    with pytest.raises(TypeError, match="string"):
        tokenizer([1, 2])
    with pytest.raises(ValueError, match=r"rank|scalar"):
        tokenizer([["a"], ["b"]])
