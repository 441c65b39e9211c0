import math

import numpy as np
import pytest

from keras_bert_kit.evaluation.text_features import ENOUGH_ROWS, TextFeatures, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I am 5 !", ["i", "am", "5", "!"]),
        ("don't", ["don", "'", "t"]),
        ("我喜欢BERT。", ["我", "喜", "欢", "bert", "。"]),
        ("ひらカタ", ["ひ", "ら", "カ", "タ"]),
        ("हिन्दी है", ["हिन्दी", "है"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("snake_case 😀", ["snake_case", "😀"]),
        (" \n\t", []),
    ],
)
def test_words(text, words):
    assert words_of(text) == words


def test_rows_are_tf_idf_by_its_formula():
    texts = ["a b", "a a c"]
    row = TextFeatures(texts).transform(["a a b unseen"]).toarray()[0]
    # Words and pairs by alphabet: a, a a, a b, a c, b, c. Document frequency 2 for a, else 1.
    once = 1 + math.log(3 / 2)
    expected = np.array([(1 + math.log(2)) * 1.0, once, once, 0, once, 0])
    np.testing.assert_allclose(row, expected / np.linalg.norm(expected), rtol=1e-6)


def test_a_pair_has_both_rows_their_distance_product_and_overlaps():
    features = TextFeatures(["a b"], ["a c d"])
    row = features.transform(["a b"], ["a c d"]).toarray()[0]
    first, second, distance, product = np.split(row[:-6], 4)
    np.testing.assert_allclose(np.linalg.norm(first), 1)
    np.testing.assert_allclose(distance, abs(first - second))
    np.testing.assert_allclose(product, first * second)
    assert row[-6] == pytest.approx(first @ second)
    # One of two words, one of three, one of four in all; lengths of 2 and 3.
    np.testing.assert_allclose(row[-4:], [1 / 2, 1 / 3, 1 / 4, 2 / 3])


def test_empty_pairs_overlap_in_nothing():
    row = TextFeatures(["a"], [""]).transform([""], [""]).toarray()[0]
    assert not row.any()


def test_texts_without_a_word_have_a_column_all_the_same():
    features = TextFeatures(["", " "])
    assert features.transform(["", "new"]).toarray().tolist() == [[0.0], [0.0]]


def test_many_rows_leave_out_what_one_text_has_unless_it_is_all_there_is():
    texts = ["shared"] * (ENOUGH_ROWS - 1) + ["single"]
    assert list(TextFeatures(texts).phrases.vocabulary_) == ["shared"]
    different = [f"word{i}" for i in range(ENOUGH_ROWS)]
    assert len(TextFeatures(different).phrases.vocabulary_) == ENOUGH_ROWS
