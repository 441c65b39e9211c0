"""What makes two texts the same."""

from hashlib import blake2b

import pytest

from keras_bert_kit.data.same_text import text_digest


@pytest.mark.parametrize(
    ("text", "other", "is_same"),
    [
        ("A  b\n", "a B", True),
        ("\ufeffa", "a", False),
        ("Stra\u00dfe", "STRASSE", True),
        ("a\u3000b\r\nc", "a b c", True),
        ("ab", "a b", False),
        ("\u6211\u5011", "\u6211\u4eec", False),
        ("caf\u00e9", "cafe", False),
    ],
)
def test_case_and_white_space_make_no_difference(text, other, is_same):
    assert (text_digest([text]) == text_digest([other])) == is_same
    assert text_digest([text], exact=True) != text_digest([other], exact=True)


def test_it_is_sixteen_bytes_of_blake2():
    assert text_digest(["A", "b"]) == blake2b(b"a\0b", digest_size=16).digest()
    assert len(text_digest(["half a pair \ud800"])) == 16


def test_where_one_text_ends_counts():
    assert text_digest(["a b", "c"]) != text_digest(["a", "b c"])
