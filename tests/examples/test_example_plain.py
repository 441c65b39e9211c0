"""Texts made plain for MediaPipe: BERT's tokenizer sees no difference, and needs to do less."""

import runpy
from pathlib import Path

import pytest
from tiny_bundles import odd_texts, tiny_bundle

from keras_bert_kit.text.vocabulary import Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

ROOT = Path(__file__).parents[2]
NASTY = ROOT / "tests" / "text"
plain = runpy.run_path(str(ROOT / "examples" / "mediapipe_python" / "plain.py"))["plain"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Naïve É", "naive e"),
        ("a\u00a0b\tc\u2028d", "a b c d"),
        ("go\u200bod \x00\ufffd\ue000\ud83d.", "good ."),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("İ ẞ", "i ß"),
        ("“你好” 😀", "“你好” 😀"),
    ],
)
def test_plain_texts(text, expected):
    assert plain(text) == expected


def test_the_tokens_stay_the_same():
    vocabulary = tiny_bundle("classification").tokenizer.vocabulary
    texts = [text.replace("\ud83d", "\ufffd") for text in odd_texts(11, 300, 12)]
    tokenizer = WordPieceTokenizer(vocabulary)
    assert tokenizer(list(map(plain, texts))).to_list() == tokenizer(texts).to_list()


def test_of_nasty_lines_but_those_of_newer_unicode():
    lines = (NASTY / "nasty.txt").read_bytes().decode().split("\n")
    tokenizer = WordPieceTokenizer(Vocabulary.read(NASTY / "nasty_vocab.txt"))
    found = tokenizer(list(map(plain, lines))).to_list()
    expected = tokenizer(lines).to_list()
    differ = [line for line, a, b in zip(lines, found, expected, strict=True) if a != b]
    assert len(differ) <= 3, differ
