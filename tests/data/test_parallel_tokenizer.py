"""Order, flatness, and what becomes of processes."""

from functools import partial

import numpy as np
import pytest
from splitting_tokenizer import cannot_start, word_split

from keras_bert_kit.data import parallel_tokenizer
from keras_bert_kit.data.parallel_tokenizer import (
    byte_pair,
    tokenize_documents,
    tokenize_in_order,
    word_piece,
)
from keras_bert_kit.text.bytepair_vocabulary import BYTE_LETTERS, BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rained.", "we", "slept."]
)
DOCUMENTS = [["it rained. We slept.", "it rained."], ["\x01"], ["é we"]]


def test_documents_become_flat_arrays():
    got = tokenize_documents(DOCUMENTS, word_split(VOCABULARY, True))
    assert got.tokens.tolist() == [5, 6, 1, 8, 5, 6, 1, 7]
    assert got.sentence_lengths.tolist() == [2, 2, 2, 2]
    assert got.sentence_counts.tolist() == [3, 0, 1]
    assert got.text_bytes.tolist() == [30, 1, 5]


def test_a_long_document_takes_several_calls_and_gives_the_same(monkeypatch):
    expected = tokenize_documents(DOCUMENTS, word_split(VOCABULARY, True))
    calls = []

    def tokenize(texts):
        calls.append(len(texts))
        return word_split(VOCABULARY, True)(texts)

    monkeypatch.setattr(parallel_tokenizer, "CALL_CHARACTERS", 20)
    got = tokenize_documents(DOCUMENTS, tokenize)
    assert calls == [3, 2]
    assert all(np.array_equal(one, other) for one, other in zip(got, expected, strict=True))


def test_word_pieces_of_the_real_tokenizer():
    tokenize = word_piece(VOCABULARY, lowercase=True)
    tokens, lengths = tokenize(["It we we", "", "zz it"])
    assert tokens.tolist() == [5, 7, 7, 1, 5]
    assert tokens.dtype == np.uint16
    assert lengths.tolist() == [3, 0, 2]


def test_byte_pairs_know_what_follows_another_sentence():
    letters = ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "i", "t", ".", "w", "e", "<mask>"]
    tokenize = byte_pair(BytePairVocabulary(letters, merges=[]))
    got = tokenize_documents([["It. We. It.", "we"]], tokenize, joint=" ")
    # "It." begins a paragraph and so has no space; there are no capitals in the vocabulary
    assert got.sentence_lengths.tolist() == [3, 4, 4, 2]
    assert got.tokens[-2:].tolist() == [8, 9]


@pytest.mark.parametrize("add_prefix_space", [False, True])
def test_byte_pairs_are_the_same_with_and_without_the_graph(monkeypatch, add_prefix_space):
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *BYTE_LETTERS, "ab", "abab", "Ġab", "<mask>"]
    merges = [("a", "b"), ("ab", "ab"), ("Ġ", "ab")]
    vocabulary = BytePairVocabulary(tokens, merges)
    texts = ["ab abab  ababab", "", "<mask> é\u3000中 ab's", "ab", "a\x00b"]
    expected = byte_pair(vocabulary, add_prefix_space)(texts)
    monkeypatch.setattr(parallel_tokenizer, "GRAPH_CHARACTERS", 0)
    got = byte_pair(vocabulary, add_prefix_space)(texts)
    assert got[0].dtype == expected[0].dtype == np.uint16
    assert got[1].dtype == expected[1].dtype
    assert [array.tolist() for array in got] == [array.tolist() for array in expected]


@pytest.mark.parametrize(("text", "is_in_graph"), [("a" * 299, True), ("a" * 300, False)])
def test_byte_pairs_of_very_long_words_are_not_made_in_the_graph(monkeypatch, text, is_in_graph):
    monkeypatch.setattr(parallel_tokenizer, "GRAPH_CHARACTERS", 0)
    monkeypatch.setattr(parallel_tokenizer, "_byte_pair_graph", lambda *_: "a graph")
    monkeypatch.setattr(
        parallel_tokenizer, "_flat", lambda tokenizer, _: lambda texts: tokenizer == "a graph"
    )
    vocabulary = BytePairVocabulary(["<s>", "<pad>", "</s>", "<unk>", "a", "<mask>"], merges=[])
    assert byte_pair(vocabulary)(["a", text]) == is_in_graph


def test_a_large_vocabulary_has_four_bytes_a_token():
    large = Vocabulary([*VOCABULARY.tokens, *(f"word{number}" for number in range(65_536))])
    assert word_piece(large, lowercase=True)(["word65535"])[0].dtype == np.int32


@pytest.mark.parametrize("num_processes", [1, 2])
def test_chunks_come_back_in_order(num_processes):
    chunks = [(number, [["it"] * (number + 1), ["SLEEP"] * (number % 2)]) for number in range(9)]
    chunks = [(label, [texts for texts in documents if texts]) for label, documents in chunks]
    make_tokenize = partial(word_split, VOCABULARY, True)
    got = list(tokenize_in_order(chunks, make_tokenize, num_processes))
    assert [label for label, _ in got] == list(range(9))
    assert [documents.sentence_counts[0] for _, documents in got] == list(range(1, 10))


def test_no_more_chunks_are_taken_than_are_in_flight():
    taken = []

    def chunks():
        for number in range(20):
            taken.append(number)
            yield number, [["it"]]

    results = tokenize_in_order(chunks(), partial(word_split, VOCABULARY, True), 2)
    next(results)
    assert len(taken) == 2 * parallel_tokenizer.CHUNKS_IN_FLIGHT
    results.close()


def test_a_process_that_dies_is_reported():
    chunks = [(0, [["it"]]), (1, [["DIE"]]), (2, [["it"]])]
    with pytest.raises(RuntimeError, match="A process that tokenises has died: it was killed, pe"):
        list(tokenize_in_order(chunks, partial(word_split, VOCABULARY, True), 2))


def test_an_error_while_reading_reaches_the_caller():
    def chunks():
        yield 0, [["it"]]
        raise ValueError("a.txt is not utf-8")

    with pytest.raises(ValueError, match=r"a\.txt is not utf-8"):
        list(tokenize_in_order(chunks(), partial(word_split, VOCABULARY, True), 2))


def test_why_a_process_cannot_start_reaches_the_caller():
    with pytest.raises(ImportError, match="No module named 'tensorflow_text'"):
        list(tokenize_in_order([(0, [["it"]])], cannot_start, 2))
