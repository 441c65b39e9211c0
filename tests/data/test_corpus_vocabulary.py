"""Vocabularies of both kinds from files of documents."""

from keras_bert_kit.data.corpus_vocabulary import learn_corpus_vocabulary
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary


def test_both_kinds(corpus_folder):
    pieces = learn_corpus_vocabulary(corpus_folder, 80, lowercase=False, alphabet_size=50)
    assert isinstance(pieces, Vocabulary)
    assert "star" in pieces.tokens
    assert isinstance(
        learn_corpus_vocabulary(corpus_folder, 330, byte_pair=True), BytePairVocabulary
    )


def test_nothing_is_learned_from_excluded_texts(corpus_folder):
    bread = ExcludedTexts([str(corpus_folder / "bread.txt")])
    assert "bread" not in learn_corpus_vocabulary(corpus_folder, 80, exclude=bread).tokens
