"""From bytes of UTF-8 to characters of Python's strings."""

import random

import numpy as np
import pytest

from keras_bert_kit.text.characters import character_offsets, well_formed


@pytest.mark.parametrize(
    "text", ["", "ascii", "naïve", "\U0001f469\u200d\U0001f467", "a\U00020000é"]
)
def test_text_without_lone_surrogates_stays(text):
    assert well_formed(text) is text


def test_halves_of_surrogate_pairs_become_replacement_characters():
    assert well_formed("\ud83dé\udc00\udc00") == "\ufffdé\ufffd\ufffd"


@pytest.mark.parametrize("seed", range(20))
def test_offsets_of_random_texts(seed):
    chance = random.Random(seed)
    text = "".join(chr(chance.randrange(chance.choice([128, 2048, 0x110000]))) for _ in range(30))
    text = well_formed(text)
    expected = list(range(len(text) + 1))
    offsets = [len(text[:at].encode()) for at in expected]
    assert character_offsets(text, np.array(offsets)).tolist() == expected


def test_offsets_keep_their_shape():
    offsets = character_offsets("é é", np.array([[0, 2], [3, 5]], np.int32))
    assert offsets.tolist() == [[0, 1], [2, 3]]
    assert character_offsets("ab", np.zeros((0, 2), np.int32)).shape == (0, 2)
    assert character_offsets("ab", [1]).dtype == np.int64
