"""Tests of choosing sentences and masking one word of each."""

import numpy as np

from keras_bert_kit.data.cloze import cloze_sentences
from keras_bert_kit.data.shards import Shard
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", ".", "house", "##s", "garden", "1234"])
A, STOP, HOUSE, S, GARDEN, NUMBER = range(5, 11)


class Documents:
    """Stand-in for `Shards` with one shard, from lists of documents of sentences."""

    num_shards = 1

    def __init__(self, *documents):
        sentences = [sentence for document in documents for sentence in document]
        self._shard = Shard(
            np.concatenate(sentences).astype(np.uint16),
            np.cumsum([len(sentence) for sentence in sentences]),
            np.cumsum([len(document) for document in documents]),
        )

    def shard(self, index):
        return self._shard


def test_masks_the_word_nearest_to_the_middle():
    sentence = [HOUSE, *[A] * 5, GARDEN, *[A] * 5, HOUSE, STOP]
    assert cloze_sentences(Documents([sentence]), VOCABULARY, 10) == [
        ([HOUSE, *[A] * 5, VOCABULARY.mask_id, *[A] * 5, HOUSE, STOP], GARDEN)
    ]


def test_passes_over_short_words_numbers_and_words_of_several_pieces():
    sentence = [A] * 6 + [HOUSE, S, NUMBER] + [A] * 6 + [GARDEN]
    (masked,) = cloze_sentences(Documents([sentence]), VOCABULARY, 10)
    assert masked == ([*sentence[:-1], VOCABULARY.mask_id], GARDEN)


def test_takes_the_first_fitting_sentence_of_a_document():
    short, unknown = [HOUSE] * 9, [VOCABULARY.unknown_id] + [HOUSE] * 11
    long = [HOUSE] * 41
    fitting, later = [A] * 9 + [GARDEN], [A] * 9 + [HOUSE]
    document = [short, unknown, long, fitting, later]
    ((_, answer),) = cloze_sentences(Documents(document), VOCABULARY, 10)
    assert answer == GARDEN


def test_spreads_over_the_documents_and_passes_over_those_without():
    documents = [[[A] * 9 + [word]] for word in (HOUSE, A, GARDEN, HOUSE, A, GARDEN)]
    answers = [answer for _, answer in cloze_sentences(Documents(*documents), VOCABULARY, 2)]
    assert answers == [HOUSE, HOUSE]  # of HOUSE, GARDEN, HOUSE, GARDEN every second


def test_byte_pairs_show_their_words_too():
    vocabulary = BytePairVocabulary(
        ["<s>", "<pad>", "</s>", "<unk>", "Ġa", "Ġhouse", "s", "Ġgarden", "house", "<mask>"], []
    )
    # "house" without a space before it goes on with a word, and "s" after it too
    sentence = [4] * 4 + [5, 6, 4, 8, 7] + [4] * 4
    assert cloze_sentences(Documents([sentence]), vocabulary, 1) == [
        ([*sentence[:8], vocabulary.mask_id, *sentence[9:]], 7)
    ]
