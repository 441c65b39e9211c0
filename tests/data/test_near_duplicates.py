"""Keys are shared as the similarity of two texts says, which is computed here one by one."""

import random

import numpy as np
import pytest

from keras_bert_kit.data.near_duplicates import NearDuplicates


def jaccard(one, other):
    """Of the sets of five words in a row, by the definition."""
    first, second = (
        {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
        for words in (one.split(), other.split())
    )
    return len(first & second) / len(first | second)


def text_of(num_words, seed):
    words = random.Random(seed)
    return " ".join(f"w{words.randrange(10_000)}" for _ in range(num_words))


def changed(text, num_words, seed=0):
    """The text with other words at some places, far from each other."""
    words = text.split()
    for number in range(num_words):
        words[(2 * number + 1) * len(words) // (2 * num_words)] = f"other{seed}{number}"
    return " ".join(words)


def share_a_key(finder, one, other):
    return bool(set(finder.keys([one])) & set(finder.keys([other])))


@pytest.mark.parametrize("num_changed", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_share_a_key(num_changed, seed):
    text = text_of(400, seed)
    other = changed(text, num_changed)
    assert jaccard(text, other) > 0.92
    assert share_a_key(NearDuplicates(0.8), text, other)


@pytest.mark.parametrize("num_changed", [30, 60])
@pytest.mark.parametrize("seed", range(5))
def test_others_do_not(num_changed, seed):
    text = text_of(400, seed)
    other = changed(text, num_changed)
    assert jaccard(text, other) < 0.5
    assert not share_a_key(NearDuplicates(0.8), text, other)


def test_a_signature_agrees_in_as_many_places_as_the_sets_are_alike():
    finder = NearDuplicates(0.8, num_hashes=4096)
    text = text_of(400, 0)
    for num_changed in (2, 8, 20):
        other = changed(text, num_changed)
        one, two = (finder._signature(finder._shingles([each])) for each in (text, other))
        similarity = jaccard(text, other)
        deviation = np.sqrt(similarity * (1 - similarity) / 4096)
        assert abs((one == two).mean() - similarity) < 4 * deviation


def test_the_probability_is_that_of_the_keys():
    finder = NearDuplicates(0.5, num_hashes=24)
    found = []
    for seed in range(300):
        text = text_of(120, seed)
        found.append(share_a_key(finder, text, changed(text, 10, seed)))
    expected = finder.probability(jaccard(text_of(120, 1), changed(text_of(120, 1), 10, 1)))
    assert 0.2 < expected < 0.8
    assert abs(np.mean(found) - expected) < 4 * np.sqrt(expected * (1 - expected) / 300)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_the_probability_rises_at_the_threshold(threshold):
    finder = NearDuplicates(threshold)
    assert finder.bands * finder.rows <= 256
    assert finder.probability(threshold - 0.2) < 0.1
    assert finder.probability(threshold + 0.09) > 0.7


def test_case_punctuation_and_lines_do_not_count():
    finder = NearDuplicates()
    keys = finder.keys(["It rained, and", "We STAYED in!"])
    assert keys == finder.keys(["it rained and we stayed in"])
    assert len(keys) == finder.bands == len(set(keys))


def test_chinese_characters_are_words():
    finder = NearDuplicates(0.8)
    text = "".join(chr(0x4E00 + number) for number in range(200))
    assert share_a_key(finder, text, text[:100] + "\u8d77" + text[101:])
    assert not share_a_key(finder, text, text[::-1])


def test_short_texts_have_one_shingle_and_texts_without_words_no_key():
    finder = NearDuplicates()
    assert finder.keys(["One two."]) == finder.keys(["one two"])
    assert not share_a_key(finder, "one two", "one two three")
    assert finder.keys(["...", "!"]) == []
    assert finder.keys([]) == []


def test_keys_are_the_same_on_every_machine():
    first = NearDuplicates(0.8).keys(["It rained. We stayed in."])[0]
    assert first.hex() == "2a13fcc3bb923fa481724b79"


@pytest.mark.parametrize("threshold", [0, 1, 1.5, -0.1])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ValueError, match=f"must be between 0 and 1. Received: {threshold}"):
        NearDuplicates(threshold)
