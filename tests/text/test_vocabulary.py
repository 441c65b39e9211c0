"""The table between tokens and ids, and its file."""

import numpy as np
import pytest

from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "read", "##ing", "é")


@pytest.fixture
def vocabulary():
    return Vocabulary(TOKENS)


def test_ids_are_positions(vocabulary):
    assert [vocabulary.id_of(token) for token in TOKENS] == list(range(8))
    assert vocabulary.token_of(6) == "##ing"
    assert len(vocabulary) == 8
    assert vocabulary.tokens == TOKENS


def test_an_unknown_token_has_the_id_of_unk(vocabulary):
    assert vocabulary.id_of("writing") == 1
    assert "writing" not in vocabulary
    assert "read" in vocabulary


def test_special_ids_wherever_they_are():
    vocabulary = Vocabulary(["a", "[MASK]", "[SEP]", "[CLS]", "[UNK]", "[PAD]"])
    assert vocabulary.special_ids.tolist() == [5, 4, 3, 2, 1]
    assert vocabulary.special_ids.dtype == np.int32
    assert (vocabulary.pad_id, vocabulary.unknown_id, vocabulary.cls_id) == (5, 4, 3)
    assert (vocabulary.sep_id, vocabulary.mask_id) == (2, 1)


def test_is_continuation(vocabulary):
    assert vocabulary.is_continuation.tolist() == [False] * 6 + [True, False]


def test_written_and_read_again_it_is_the_same(vocabulary, tmp_path):
    vocabulary.write(tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_bytes() == "\n".join([*TOKENS, ""]).encode()
    assert Vocabulary.read(tmp_path / "vocab.txt").tokens == TOKENS
    assert Vocabulary.read(str(tmp_path / "vocab.txt")).fingerprint == vocabulary.fingerprint


def test_only_line_feeds_end_a_token(tmp_path):
    tokens = (*SPECIAL_TOKENS, "\u2028", "\x85", "a\x0bb")
    Vocabulary(tokens).write(tmp_path / "vocab.txt")
    assert Vocabulary.read(tmp_path / "vocab.txt").tokens == tokens


@pytest.mark.parametrize(
    "written",
    ["\r\n".join([*TOKENS, ""]), "\n".join(TOKENS), "\ufeff" + "\n".join([*TOKENS, ""])],
    ids=["Windows line ends", "no last line end", "byte order mark"],
)
def test_files_of_other_editors(written, tmp_path):
    (tmp_path / "vocab.txt").write_bytes(written.encode())
    assert Vocabulary.read(tmp_path / "vocab.txt").tokens == TOKENS


def test_the_fingerprint_is_of_the_tokens_in_order(vocabulary):
    # printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nread\n##ing\né' | sha256sum
    expected = "2b1c7caea7bae1e45f92addc7832202d038da500d65215908712ebf00ecb361f"
    assert vocabulary.fingerprint == expected
    assert Vocabulary([*TOKENS[:5], "##ing", "read", "é"]).fingerprint != expected


def test_a_token_twice():
    with pytest.raises(ValueError, match=r"list each token once; 'read' occurs twice\."):
        Vocabulary([*TOKENS, "read"])


def test_an_empty_token():
    with pytest.raises(ValueError, match=r"Token number 8 of the vocabulary is empty\."):
        Vocabulary([*TOKENS, ""])


def test_missing_special_tokens():
    message = r"lacks the special token\(s\) \[PAD\], \[MASK\]\. BERT needs all of .* add them"
    with pytest.raises(ValueError, match=message):
        Vocabulary(["[UNK]", "[CLS]", "[SEP]", "read"])


def test_a_file_that_is_no_vocabulary_is_named(tmp_path):
    (tmp_path / "vocab.txt").write_text("read\n")
    with pytest.raises(ValueError, match=r"vocab\.txt is not a usable vocabulary\. The vocabulary"):
        Vocabulary.read(tmp_path / "vocab.txt")
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"vocab\.txt is not a usable vocabulary\. 'utf-8' codec"):
        Vocabulary.read(tmp_path / "vocab.txt")
