"""Vocabularies from text."""

import logging
import subprocess
import sys
from collections import Counter

import pytest

from keras_bert_kit.text import learn
from keras_bert_kit.text.learn import count_words, learn_vocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest", "the low, new and wide!"] * 5


def learned(texts, size, **options):
    return learn_vocabulary(texts, size, progress=False, **options)


def test_merges_go_by_frequency():
    # Of five "ab" and three "ac": a+b first, then a+c; each character has a piece.
    vocabulary = learned(["ab ab ab ab ab ac ac ac"], 12)
    assert vocabulary.tokens == (*SPECIAL_TOKENS, "a", "b", "c", "##b", "##c", "ab", "ac")


def test_the_size_is_exact():
    for size in (40, 45, 50):
        vocabulary = learned(TEXTS, size)
        assert isinstance(vocabulary, Vocabulary)
        assert len(vocabulary) == size
        assert vocabulary.tokens[:5] == SPECIAL_TOKENS
        assert vocabulary.pad_id == 0


def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one():
    assert learned(TEXTS, 50).tokens[:40] == learned(TEXTS, 40).tokens


def test_the_tokenizer_takes_it():
    vocabulary = learned(TEXTS, 60)
    ids = WordPieceTokenizer(vocabulary)("The lowest, NEWEST!").numpy()
    pieces = [vocabulary.token_of(i) for i in ids]
    assert "".join(pieces).replace("##", "") == "thelowest,newest!"
    assert "[UNK]" not in pieces


def test_too_little_text_gives_what_there_is_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        vocabulary = learned(["ab ab ba"], 1000)
    assert vocabulary.tokens == (*SPECIAL_TOKENS, "a", "b", "##a", "##b", "ab")
    assert "The texts have only 10 pieces that occur 2 times or more, not 1,000." in caplog.text


def test_min_frequency():
    assert "ba" in learned(["ab ab ba"], 1000, min_frequency=1)


def test_cased_and_uncased():
    text = ["Élan É élan ÉLAN"] * 3
    assert set("elan") <= set(learned(text, 30).tokens)
    cased = learned(text, 30, lowercase=False)
    assert "É" in cased
    assert "e" not in cased


def test_any_iterable_read_once_and_no_further_than_needed(monkeypatch):
    monkeypatch.setattr(learn, "CHARACTERS_AT_A_TIME", 100)
    read = []

    def lines():
        for i in range(1000):
            read.append(i)
            yield "0123456789"

    learned(lines(), 30, max_characters=300)
    assert len(read) == 30


DETERMINISTIC = """
from keras_bert_kit.text.learn import learn_vocabulary
texts = [f"{a}{b}{c} {c}{b}" for a in "abcdeé" for b in "fghi中" for c in "jklmn'"]
print(learn_vocabulary(texts, 200, progress=False).fingerprint)
"""


def test_another_process_learns_the_same(capsys):
    command = [sys.executable, "-c", DETERMINISTIC]
    fingerprint = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exec(DETERMINISTIC, {})
    assert capsys.readouterr().out == fingerprint != ""


def test_words_are_those_of_the_tokenizer():
    texts = ["Don't\r\nSTOP — don't!", "中文 naïve\x00té ؝x", ""]
    words = {"don": 2, "'": 2, "t": 2, "stop": 1, "—": 1, "!": 1, "中": 1, "文": 1}
    # U+061D is punctuation to newer Unicode, a letter to BERT.
    assert count_words(texts) == Counter(words | {"naivete": 1, "؝x": 1})
    assert count_words(["Ab AB"], lowercase=False) == Counter({"Ab": 1, "AB": 1})


def test_windows_line_ends_make_no_difference():
    assert count_words(["a b\r\nc\r\n"]) == count_words(["a b\nc\n"]) == Counter("abc")


def test_words_too_long_are_left_out_and_counted(caplog):
    texts = ["a" * 100 + " " + "b" * 101 + " " + "é" * 100, "x " * 500_000, "c" * 1_000_000]
    with caplog.at_level(logging.INFO):
        words = count_words(texts)
    assert words == Counter({"a" * 100: 1, "e" * 100: 1, "x": 500_000})
    assert "2 words are too long for BERT and left out." in caplog.text


def test_more_words_than_memory_is_for(caplog, monkeypatch):
    monkeypatch.setattr(learn, "CHARACTERS_AT_A_TIME", 10)
    texts = ["often often", *(f"rare{i}" for i in range(10)), "often late"]
    with caplog.at_level(logging.INFO):
        words = count_words(texts, max_words=4)
    assert words["often"] == 3
    assert words["late"] == 1
    assert len(words) <= 5
    assert "different words: dropped those counted 1 times or fewer so far." in caplog.text


def test_rare_characters_are_left_out_with_their_words(caplog):
    with caplog.at_level(logging.INFO):
        vocabulary = learned(["aab ab b", "ab xa"], 20, alphabet_size=2, min_frequency=9)
    assert vocabulary.tokens == (*SPECIAL_TOKENS, "a", "b", "##a", "##b")
    message = "1 of 3 characters are not among the 2 commonest; the 1 words with them are left out"
    assert message in caplog.text


def test_a_small_vocabulary_keeps_room_for_both_pieces_of_a_character():
    vocabulary = learned(["abcabc abcabc cab", "defgh"], 12)  # room for three characters
    assert len(vocabulary) == 12
    assert {"a", "b", "c", "##a", "##b", "##c"} < set(vocabulary.tokens)


def test_no_word_of_the_commonest_characters():
    with pytest.raises(ValueError, match=r"the 3 commonest characters\. Make `vocabulary_size`"):
        learned(["abcdefgh"], 12)


@pytest.mark.parametrize("texts", [[], ["", " \n"], ["\x00\u200b"]])
def test_no_text(texts):
    with pytest.raises(ValueError, match=r"no word to learn .* texts are empty\. Give other texts"):
        learned(texts, 100)


def test_no_room():
    with pytest.raises(ValueError, match=r"must be at least 7, the special .*, got 6\."):
        learned(TEXTS, 6)


def test_one_string_is_not_texts():
    with pytest.raises(TypeError, match=r"iterable of strings, got a single one: wrap it in \[\]"):
        learned("a text", 100)
    with pytest.raises(TypeError, match=r"`texts` must hold strings, got bytes\."):
        learned([b"a text"], 100)


def test_progress_goes_to_standard_error_and_can_be_turned_off(capfd):
    learn_vocabulary(TEXTS, 40)
    out, error = capfd.readouterr()
    assert out == ""
    assert "Counting words: 0.0 M characters, 13 different words" in error
    learned(TEXTS, 40)
    assert capfd.readouterr() == ("", "")
