import tensorflow as tf
from tiny_bundles import odd_texts

from keras_bert_kit.data import entities
from keras_bert_kit.export.graph_words import characters_before, split_words

TEXTS = [text.replace("\ud83d", "") for text in odd_texts(3, 300, 30)]


def test_words_are_those_of_python():
    found = split_words(tf.constant([text.encode() for text in TEXTS]))
    texts, starts, ends = (values.to_list() for values in found)
    for row, text in enumerate(TEXTS):
        words, first, stop = entities.split_words(text)
        assert [word.decode() for word in texts[row]] == words
        assert (starts[row], ends[row]) == (first, stop)


def test_characters_before_every_character():
    rows, at, expected = [], [], []
    for row, text in enumerate(TEXTS):
        for count in range(len(text) + 1):
            rows.append(row)
            at.append(len(text[:count].encode()))
            expected.append(count)
    texts = tf.constant([text.encode() for text in TEXTS])
    found = characters_before(texts, tf.constant(rows, tf.int64), tf.constant(at))
    assert found.numpy().tolist() == expected
