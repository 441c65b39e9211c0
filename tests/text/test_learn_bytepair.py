"""Byte-level BPE vocabularies from text."""

import logging
import os
import subprocess
import sys
from collections import Counter

import pytest

from keras_bert_kit.text import learn_bytepair
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BYTE_LETTERS, BytePairVocabulary
from keras_bert_kit.text.learn_bytepair import count_bytepair_words, learn_bytepair_vocabulary

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest", "the low, new and wide!"] * 5
LETTERS = tuple(sorted(BYTE_LETTERS))


def learned(texts, size, **options):
    return learn_bytepair_vocabulary(texts, size, progress=False, **options)


def test_merges_go_by_frequency():
    # Words: "ab" once, " ab" four times, " ac" three times. The space and "a" meet 7 times, then
    # " a" and "b" 4 times, " a" and "c" 3 times, and "a" and "b" at the start once.
    vocabulary = learned(["ab ab ab ab ab ac ac ac"], 264)
    assert vocabulary.merges == (("Ġ", "a"), ("Ġa", "b"), ("Ġa", "c"))
    merged = ("Ġa", "Ġab", "Ġac")
    assert vocabulary.tokens == ("<s>", "<pad>", "</s>", "<unk>", *LETTERS, *merged, "<mask>")


def test_the_size_is_exact_and_the_ids_are_robertas():
    for size in (261, 270, 280):
        vocabulary = learned(TEXTS, size)
        assert isinstance(vocabulary, BytePairVocabulary)
        assert len(vocabulary) == size
        assert vocabulary.special_ids.tolist() == [1, 3, 0, 2, size - 1]
        assert len(vocabulary.merges) == size - 261


def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one():
    assert learned(TEXTS, 280).merges[:9] == learned(TEXTS, 270).merges


def test_the_tokenizer_takes_it_and_knows_every_byte():
    vocabulary = learned(TEXTS, 290)
    tokenizer = BytePairTokenizer(vocabulary)
    ids = tokenizer(["The lowest, NEWEST! 中é\x00", "low"])
    assert vocabulary.unknown_id not in ids.flat_values
    assert [vocabulary.token_of(i) for i in ids[1]] == ["low"]


def test_too_little_text_gives_what_there_is_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        vocabulary = learned(["ab ab ba"], 1000)
    assert vocabulary.merges == (("a", "b"),)
    assert "The texts have only 262 pieces that occur 2 times or more, not 1,000." in caplog.text


def test_min_frequency():
    merges = learned(["ab ba"], 1000, min_frequency=1).merges
    assert merges == (("a", "b"), ("b", "a"), ("Ġ", "ba"))
    assert learned(["ab ba"], 1000).merges == ()


def test_any_iterable_read_once_and_no_further_than_needed(monkeypatch):
    monkeypatch.setattr(learn_bytepair, "CHARACTERS_AT_A_TIME", 100)
    read = []

    def lines():
        for i in range(1000):
            read.append(i)
            yield "0123456789"

    learned(lines(), 265, max_characters=300)
    assert len(read) == 30


DETERMINISTIC = """
from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
texts = [f"{a}{b}{c} {c}{b}" for a in "abcdeé" for b in "fghi中" for c in "jklmn'"]
print(learn_bytepair_vocabulary(texts, 400, progress=False).fingerprint)
"""


def test_another_process_learns_the_same(capsys):
    command = [sys.executable, "-c", DETERMINISTIC]
    environment = os.environ | {"PYTHONHASHSEED": "12345", "CUDA_VISIBLE_DEVICES": ""}
    fingerprint = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    exec(DETERMINISTIC, {})
    assert capsys.readouterr().out == fingerprint != ""


def test_words_are_those_of_the_tokenizer():
    texts = ["Don't\r\n\r\nSTOP  — don't!", "", "naïve\x00 \ud800"]
    words = ["Don", "'t", "\r\n\r", "\n", "STOP", " ", " —", " don", "'t", "!", "naïve", "\x00"]
    expected = Counter(word.encode() for word in [*words, " \ufffd\ufffd\ufffd"])
    assert count_bytepair_words(texts) == expected


def test_more_words_than_memory_is_for(caplog, monkeypatch):
    monkeypatch.setattr(learn_bytepair, "CHARACTERS_AT_A_TIME", 10)
    texts = [" often often", *(f" rare{chr(97 + i)}" for i in range(10)), " often late"]
    with caplog.at_level(logging.INFO):
        words = count_bytepair_words(texts, max_words=4)
    assert words[b" often"] == 3
    assert words[b" late"] == 1
    assert len(words) <= 5
    assert "different words: dropped those counted 1 times or fewer so far." in caplog.text


@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_no_text(texts):
    with pytest.raises(ValueError, match=r"no word to learn .* texts are empty\. Give other texts"):
        learned(texts, 1000)


def test_no_room():
    with pytest.raises(ValueError, match=r"must be at least 261, the special .* byte, got 260\."):
        learned(TEXTS, 260)


def test_one_string_is_not_texts():
    with pytest.raises(TypeError, match=r"iterable of strings, got a single one: wrap it in \[\]"):
        learned("a text", 1000)
    with pytest.raises(TypeError, match=r"`texts` must hold strings, got bytes\."):
        learned([b"a text"], 1000)


def test_progress_goes_to_standard_error_and_can_be_turned_off(capfd):
    learn_bytepair_vocabulary(TEXTS, 270)
    out, error = capfd.readouterr()
    assert out == ""
    assert "Counting words: 0.0 M characters, 16 different words" in error
    learned(TEXTS, 270)
    assert capfd.readouterr() == ("", "")
