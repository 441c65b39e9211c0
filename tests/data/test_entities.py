"""Raw text to words, and tags of words to entities whose text stands in the original."""

import random

import pytest
from random_unicode import random_texts, tokenizer_of

from keras_bert_kit.data.entities import entities_of, split_words
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.tagging import encode_words
from keras_bert_kit.text.characters import well_formed

WHITE = set(" \t\n\r\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(c) for c in range(0x2000, 0x200B)
}


def entities(text, tags, confidences=None):
    _, starts, ends = split_words(text)
    return entities_of(text, starts, ends, tags, confidences or [0.5] * len(tags))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n", []),
        ("don't!?", ["don", "'", "t", "!", "?"]),
        ("東京tower", ["東", "京", "tower"]),
        ("a\u2028b\u3000c\x0bd", ["a", "b", "c\x0bd"]),  # BERT drops U+000B
        ("cafe\u0301 \ud83d", ["cafe\u0301", "\ud83d"]),
        ("\U00020000\U0001f469\u200d\U0001f467", ["\U00020000", "\U0001f469\u200d\U0001f467"]),
        ("[]^-\\", ["[", "]", "^", "-", "\\"]),
    ],
)
def test_words_are_those_of_berts_basic_tokenizer(text, expected):
    words, starts, ends = split_words(text)
    assert words == expected
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == expected


@pytest.mark.parametrize("seed", range(3))
def test_words_of_random_texts_leave_white_space_only(seed):
    for text in random_texts(seed, 200, 20):
        words, starts, ends = split_words(text)
        assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == words
        assert all(words)
        between = zip([0, *ends], [*starts, len(text)], strict=True)
        assert set("".join(text[a:b] for a, b in between)) <= WHITE


@pytest.mark.parametrize("kind", ["cased", "uncased"])
def test_pieces_of_random_texts_are_those_of_their_words(kind):
    texts = random_texts(8, 300, 20)
    rows = [split_words(text)[0] for text in texts]
    encoded = encode_words(rows, tokenizer_of(kind), InputOptions(10_000))
    whole = tokenizer_of(kind)([well_formed(text) for text in texts]).to_list()
    splits = encoded.features.splits
    for at, text in enumerate(texts):
        found = encoded.features.token_ids[splits[at] + 1 : splits[at + 1] - 1].tolist()
        assert found == whole[at], ascii(text)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-X", "I-X", "O"], [("X", "a b")]),
        (["B-X", "B-X", "I-X"], [("X", "a"), ("X", "b c")]),
        (["I-X", "I-X", "O"], [("X", "a b")]),  # lenient
        (["B-X", "I-Y", "I-Y"], [("X", "a"), ("Y", "b c")]),
        (["B-X", "O", "I-X"], [("X", "a"), ("X", "c")]),
        (["B-X-Y", "I-X-Y", "I-X"], [("X-Y", "a b"), ("X", "c")]),
        (["B", "I", "O"], [("_", "a b")]),
        (["NOUN", "NOUN", "I-X"], [("NOUN", "a"), ("NOUN", "b"), ("X", "c")]),
        (["X", "I-X", "I-X"], [("X", "a"), ("X", "b c")]),
    ],
)
def test_tags_to_entities(tags, expected):
    assert [(entity.label, entity.text) for entity in entities("a b c", tags)] == expected


def test_an_entity_is_as_sure_as_its_least_sure_word():
    (entity,) = entities("Ada  King", ["B-PER", "I-PER"], [0.75, 0.5])
    assert (entity.start, entity.end, entity.text, entity.probability) == (0, 9, "Ada  King", 0.5)


def test_another_number_of_tags_than_words_is_refused():
    with pytest.raises(ValueError, match="for each of 2 words; received 1 tags and 1 prob"):
        entities("a b", ["O"])


@pytest.mark.parametrize("seed", range(3))
def test_random_tags_give_the_entities_of_seqeval_and_their_text(seed):
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")
    chance = random.Random(seed)
    for text in random_texts(seed, 200, 20):
        _, starts, ends = split_words(text)
        tags = chance.choices(["O", "B-X", "I-X", "B-Y", "I-Y"], k=len(starts))
        found = entities(text, tags)
        assert all(entity.text == text[entity.start : entity.end] for entity in found)
        assert [(e.label, e.start, e.end) for e in found] == [
            (label, starts[first], ends[last]) for label, first, last in labeling.get_entities(tags)
        ]
