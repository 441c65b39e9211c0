"""Texts and pairs to inputs, cut in each of the ways there are, and windows back to rows."""

import random
from pathlib import Path

import numpy as np
import pytest
from random_unicode import KINDS, random_texts, tokenizer_of

from keras_bert_kit.data import classification
from keras_bert_kit.data.classification import encode_texts, pool_windows, row_weights
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.characters import well_formed
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

SHARED = Path(__file__).parents[3] / "shared" / "data"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *LETTERS]))  # a is 5, b is 6


def encode(texts, pairs=None, length=8, long_texts="truncate", stride=None, **arguments):
    texts = [" ".join(text) for text in texts]
    pairs = None if pairs is None else [" ".join(text) for text in pairs]
    options = InputOptions(length, long_texts, stride)
    return encode_texts(texts, TOKENIZER, options, pairs, **arguments)


def read(features):
    """Each input as letters, `|` for `[SEP]`, without its beginning and end."""
    names = ["", "", "^", "|", "", *LETTERS]
    texts = [
        "".join(names[i] for i in ids)
        for ids in np.split(features.token_ids, features.splits[1:-1])
    ]
    assert all(text[0] == "^" and text[-1] == "|" for text in texts)
    return [text[1:-1] for text in texts]


def test_texts():
    features = encode(["abc", "", "abcdefgh"])
    assert read(features) == ["abc", "", "abcdef"]
    assert features.num_cut.tolist() == [0, 0, 2]
    assert features.rows.tolist() == [0, 1, 2]
    assert not features.segment_ids.any()


def test_no_texts():
    assert len(encode([])) == 0
    assert len(encode([], [])) == 0


def test_pairs_lose_tokens_of_the_longer_text():
    # Room for 5 beside three special tokens.
    features = encode(["abcdef", "a", "abc", ""], ["xy", "uvwxyz", "xyz", "vwxyz"])
    assert read(features) == ["abc|xy", "a|uvwx", "abc|xy", "|vwxyz"]
    assert features.num_cut.tolist() == [3, 2, 1, 0]
    assert features.segment_ids[:8].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_head_and_tail():
    # Room for 8: two from the head. Of pairs each text keeps its own head and tail.
    features = encode(["abcdefghij"], length=10, long_texts="head_tail")
    assert read(features) == ["abefghij"]
    assert features.num_cut.tolist() == [2]
    features = encode(["abcdefghij"], ["xyz"], length=14, long_texts="head_tail")
    assert read(features) == ["abefghij|xyz"]


def test_windows():
    features = encode(["abcdefghij", "abc"], long_texts="windows", stride=3)
    assert read(features) == ["abcdef", "defghi", "efghij", "abc"]
    assert features.rows.tolist() == [0, 0, 0, 1]
    assert features.num_cut.tolist() == [0, 0]
    assert features.window_counts.tolist() == [3, 1]
    # A third of a row each, and the mean is 1.
    assert row_weights(features).tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert pool_windows(features, np.array([[1.0], [2], [6], [4]])).tolist() == [[3.0], [4.0]]


def test_windows_of_pairs_all_have_the_first_text():
    # Room for 6: of a long A half of it.
    features = encode(["abcde"], ["uvwxyz"], length=9, long_texts="windows", stride=2)
    assert read(features) == ["abc|uvw", "abc|wxy", "abc|xyz"]
    assert features.num_cut.tolist() == [2]


def test_a_second_text_that_fits_needs_no_stride():
    # Three tokens of room for B, and none at all, are less than the stride.
    assert read(encode(["abcdef"], ["xyz"], 12, "windows", 4)) == ["abcdef|xyz"]
    assert read(encode(["abcdefghijkl"], [""], 12, "windows", 4)) == ["abcdefghi|"]


def test_windows_of_pairs_leave_the_first_text_what_the_second_does_not_need():
    features = encode(["abcde", "abcde"], ["z", "yz"], length=9, long_texts="windows")
    assert read(features) == ["abcde|z", "abcd|yz"]
    assert features.num_cut.tolist() == [0, 1]


def test_roberta_has_two_separators_and_no_segments():
    vocabulary = BytePairVocabulary(
        ["<s>", "<pad>", "</s>", "<unk>", *LETTERS, "<mask>"], merges=[]
    )
    features = encode_texts(
        ["abcd"], BytePairTokenizer(vocabulary), InputOptions(8), ["wxyz"], num_segments=0
    )
    assert features.token_ids.tolist() == [0, 4, 5, 2, 2, 26, 27, 2]
    assert not features.segment_ids.any()


def test_more_texts_than_one_call_of_the_tokenizer_takes(monkeypatch):
    texts = [LETTERS[i : i + i % 5] for i in range(20)]
    expected = encode(texts, texts[::-1], long_texts="windows")
    monkeypatch.setattr(classification, "ROWS_PER_CALL", 3)
    features = encode(texts, texts[::-1], long_texts="windows")
    assert features.token_ids.tolist() == expected.token_ids.tolist()
    assert features.rows.tolist() == expected.rows.tolist()
    assert features.num_cut.tolist() == expected.num_cut.tolist()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="a pair for each of 2 texts; got 1"):
        encode(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="4 leaves room for 1 tokens of text beside"):
        encode(["a"], ["b"], length=4)
    with pytest.raises(ValueError, match="`stride` is 7, but a window has room for only 6"):
        encode(["abcdefgh"], long_texts="windows", stride=7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("long_texts", ["truncate", "head_tail", "windows"])
def test_random_texts_lose_as_many_tokens_as_is_said(kind, long_texts):
    texts, tokenizer = random_texts(3, 80, 20), tokenizer_of(kind)
    plain = tokenizer([well_formed(text) for text in texts]).to_list()
    features = encode_texts(texts, tokenizer, InputOptions(12, long_texts, 4))
    assert features.lengths.max() == 12
    if long_texts == "windows":
        assert not features.num_cut.any()
        return
    assert (features.lengths - 2 + features.num_cut).tolist() == list(map(len, plain))


@pytest.mark.corpora
def test_truncation_is_that_of_transformers():
    """Both take tokens off the longer text.

    The room is even: an odd token goes to A here and to the longer text there.
    """
    transformers = pytest.importorskip("transformers")
    path = SHARED / "vocab" / "bert-base-uncased" / "vocab.txt"
    tweets = SHARED / "wnut17" / "train.conll"
    if not path.exists() or not tweets.exists():
        pytest.skip(f"there is no {path} or no {tweets}")
    words = [line.split("\t")[0] for line in tweets.read_text("utf-8").split("\n") if line.strip()]
    chance = random.Random(0)
    texts, pairs = (
        [" ".join(words[at : at + chance.randrange(40)]) for at in chance.sample(range(20000), 300)]
        for _ in range(2)
    )
    theirs = transformers.BertTokenizerFast(str(path))
    ours = WordPieceTokenizer(Vocabulary.read(path))
    for others in (None, pairs):
        expected = theirs(texts, others, truncation="longest_first", max_length=33)
        features = encode_texts(texts, ours, InputOptions(33), others)
        for row, (start, stop) in enumerate(
            zip(features.splits, features.splits[1:], strict=False)
        ):
            assert features.token_ids[start:stop].tolist() == expected["input_ids"][row], row
            assert features.segment_ids[start:stop].tolist() == expected["token_type_ids"][row]
