"""Tests of models that get new words and longer texts."""

import numpy as np
import pytest
from tiny_models import tiny_pretraining_model

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.extend import extend_positions, extend_vocabulary
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TABLE = "embeddings/token/table"


def values(bundle, path):
    return next(np.asarray(w.value) for w in bundle.model.weights if w.path == path)


@pytest.fixture(scope="module")
def bundle():
    tokens = [*SPECIAL_TOKENS, "he", "##pa", "##titis", "a", "na", "##ive"]
    return Bundle(WordPieceTokenizer(Vocabulary(tokens)), tiny_pretraining_model())


@pytest.fixture(scope="module")
def extended(bundle):
    return extend_vocabulary(bundle, ["Hepatitis", "naïve", "a"])


def test_a_new_word_is_one_token(bundle, extended):
    assert bundle.tokenizer("a hepatitis").numpy().tolist() == [8, 5, 6, 7]
    assert extended.tokenizer("a Hepatitis, naive").numpy().tolist() == [8, 11, 1, 12]
    assert extended.tokenizer.vocabulary.tokens[11:] == ("hepatitis", "naive")


def test_its_vector_is_the_mean_of_its_pieces(bundle, extended):
    before, after = values(bundle, TABLE), values(extended, TABLE)
    np.testing.assert_array_equal(after[:11], before)
    np.testing.assert_allclose(after[11], before[[5, 6, 7]].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(after[12], before[[9, 10]].mean(axis=0), rtol=1e-6)


def test_and_so_is_its_bias(bundle, extended):
    before, after = (values(b, "masked_lm/output_bias") for b in (bundle, extended))
    np.testing.assert_allclose(after[11], before[[5, 6, 7]].mean(), rtol=1e-6)


def test_the_old_bundle_stays(bundle, extended):
    assert len(bundle.tokenizer.vocabulary) == len(values(bundle, TABLE)) == 11
    assert extended.labels == bundle.labels


def test_words_of_byte_level_bpe_are_found_before_it_splits():
    letters = ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "f", "l", "u", "<mask>", "a", "b"]
    bundle = Bundle(
        BytePairTokenizer(BytePairVocabulary(letters, merges=[])),
        tiny_pretraining_model(
            next_sentence=False, pooler=False, num_segments=0, position_offset=2
        ),
    )
    extended = extend_vocabulary(bundle, ["flu"])
    assert extended.tokenizer("a flu").numpy().tolist() == [9, 4, 11]
    before, after = values(bundle, TABLE), values(extended, TABLE)
    np.testing.assert_allclose(after[11], before[[5, 6, 7]].mean(axis=0), rtol=1e-6)


def test_spare_rows_of_a_table_are_used_first(bundle):
    spare = Bundle(
        WordPieceTokenizer(Vocabulary(bundle.tokenizer.vocabulary.tokens[:10])), bundle.model
    )
    extended = extend_vocabulary(spare, ["hepatitis"])
    assert values(extended, TABLE).shape == (11, 8)
    assert extended.tokenizer("hepatitis").numpy().tolist() == [10]


def test_a_word_that_is_split_before_is_refused(bundle):
    with pytest.raises(ValueError, match=r"'covid-19' cannot be one token: the tokenizer splits"):
        extend_vocabulary(bundle, ["covid-19"])


def test_nothing_new_is_refused(bundle):
    with pytest.raises(ValueError, match="There is no new word: each is one token already"):
        extend_vocabulary(bundle, ["a"])


@pytest.mark.parametrize("words", [[""], ["  "], [3]])
def test_what_is_no_word_is_refused(bundle, words):
    with pytest.raises(ValueError, match="Each word must be a string that is not empty"):
        extend_vocabulary(bundle, words)


def test_longer_texts(bundle):
    assert extend_positions(bundle, 40).encoder.config["max_sequence_length"] == 40
