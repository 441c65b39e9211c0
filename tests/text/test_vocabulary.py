"""Tests of the table between tokens and ids."""

import pytest

from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "read", "##ing", "\u2028"])


def test_tokens_and_ids():
    assert len(VOCABULARY) == 8
    assert (VOCABULARY.id_of("##ing"), VOCABULARY.token_of(5)) == (6, "read")
    assert VOCABULARY.id_of("unheard") == VOCABULARY.unknown_id == 1
    assert "read" in VOCABULARY and "unheard" not in VOCABULARY
    assert VOCABULARY.special_ids.tolist() == [0, 1, 2, 3, 4]
    assert VOCABULARY.is_continuation.tolist() == [False] * 6 + [True, False]


def test_special_tokens_may_stand_anywhere():
    vocabulary = Vocabulary(["a", "[MASK]", "[SEP]", "[CLS]", "[UNK]", "[PAD]"])
    assert (vocabulary.pad_id, vocabulary.cls_id, vocabulary.mask_id) == (5, 3, 1)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_of_any_line_ending(tmp_path, ending, mark):
    path = tmp_path / "vocab.txt"
    path.write_bytes((mark + "".join(t + ending for t in VOCABULARY.tokens)).encode())
    assert Vocabulary.read(path).tokens == VOCABULARY.tokens


def test_written_and_read_again(tmp_path):
    VOCABULARY.write(tmp_path / "vocab.txt")
    again = Vocabulary.read(tmp_path / "vocab.txt")
    assert again.tokens == VOCABULARY.tokens
    assert again.fingerprint == VOCABULARY.fingerprint
    assert again.fingerprint != Vocabulary([*SPECIAL_TOKENS, "##ing", "read", "\u2028"]).fingerprint


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([*SPECIAL_TOKENS, "a", "a"], "'a' occurs twice"),
        ([*SPECIAL_TOKENS, ""], "Token number 5 of the vocabulary is empty"),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]"], r"lacks the special token\(s\) \[MASK\]"),
    ],
)
def test_unusable_tokens_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(tokens)


def test_an_unusable_file_is_named(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"vocab\.txt is not a usable vocabulary"):
        Vocabulary.read(path)
