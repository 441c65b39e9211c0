"""Tests of learning a vocabulary."""

import pytest

from keras_bert_kit.text.learn import learn_vocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest"] * 5


def learn(texts=TEXTS, size=60, **options):
    return learn_vocabulary(texts, size, progress=False, **options)


def test_starts_with_the_special_tokens_and_learns_words():
    vocabulary = learn()
    assert vocabulary.tokens[:5] == SPECIAL_TOKENS
    assert {"low", "new", "wide"} <= set(vocabulary.tokens)


def test_the_same_text_gives_the_same_vocabulary():
    assert learn().tokens == learn(iter(TEXTS)).tokens


def test_has_the_size_asked_for_when_the_text_permits():
    assert len(learn(size=40)) == 40


def test_case_and_accents():
    assert "Élan" in learn(["Élan Élan"], lowercase=False).tokens
    assert "elan" in learn(["Élan Élan"]).tokens


def test_a_text_with_few_pieces_gives_fewer_and_says_so(caplog):
    assert len(learn(["a b"] * 3, 50)) < 50
    assert "not 50" in caplog.text


@pytest.mark.parametrize("texts", [[], ["", " \r\n\t"]])
def test_text_without_a_word_is_refused(texts):
    with pytest.raises(ValueError, match="There is no word to learn a vocabulary from"):
        learn(texts)


def test_no_room_for_a_piece_is_refused():
    with pytest.raises(ValueError, match="`vocabulary_size` must be at least 7"):
        learn(size=6)


def test_one_string_is_refused():
    with pytest.raises(TypeError):
        learn("a single text")


def test_words_that_are_too_long_are_not_learned():
    assert all(len(token) <= 100 for token in learn(["x" * 5000 + " short"] * 5).tokens)
