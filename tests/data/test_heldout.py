"""Which documents are held out, and that it is no accident."""

import random

import pytest

from keras_bert_kit.data import heldout
from keras_bert_kit.data.corpus import Corpus
from keras_bert_kit.data.heldout import choose_heldout


@pytest.fixture
def corpus(tmp_path):
    def corpus(*documents):
        (tmp_path / "corpus.txt").write_text("\n\n".join(documents))
        return Corpus(tmp_path / "corpus.txt")

    return corpus


def chosen(corpus, fraction, seed=0):
    is_heldout = choose_heldout(corpus, fraction, seed)
    return [document[0] for _, document in corpus.documents() if is_heldout(document)]


HUNDRED = [f"Document number {number}." for number in range(100)]


@pytest.mark.parametrize(
    ("fraction", "count"), [(0, 0), (0.001, 1), (0.01, 1), (0.05, 5), (0.5, 50), (0.999, 99)]
)
def test_a_small_corpus_gives_its_share_and_at_least_one_document(corpus, fraction, count):
    assert len(chosen(corpus(*HUNDRED), fraction)) == count


def test_the_order_of_documents_does_not_matter_and_the_seed_does(corpus):
    first = chosen(corpus(*HUNDRED), 0.1)
    shuffled = random.Random(1).sample(HUNDRED, 100)
    assert sorted(chosen(corpus(*shuffled), 0.1)) == sorted(first)
    assert sorted(chosen(corpus(*HUNDRED), 0.1, seed=1)) != sorted(first)


def test_a_larger_fraction_keeps_what_is_held_out(corpus):
    assert set(chosen(corpus(*HUNDRED), 0.05)) < set(chosen(corpus(*HUNDRED), 0.2))


def test_copies_of_a_document_fall_on_the_same_side(corpus):
    found = chosen(corpus(*HUNDRED, *HUNDRED), 0.1)
    assert len(found) == 20
    assert found[:10] == found[10:]


def test_two_documents_give_one_to_each_side(corpus):
    for fraction in (0.0001, 0.5, 0.9999):
        assert len(chosen(corpus("a", "b"), fraction)) == 1


def test_beyond_the_sample_the_fraction_is_of_all_hashes(corpus, monkeypatch):
    monkeypatch.setattr(heldout, "SAMPLE_DOCUMENTS", 50)
    many = [f"Document number {number}." for number in range(5000)]
    found = chosen(corpus(*many), 0.1)
    assert 0.08 < len(found) / 5000 < 0.12  # three standard deviations are 0.013


def test_beyond_the_sample_both_sides_have_a_document_of_the_sample(corpus, monkeypatch):
    monkeypatch.setattr(heldout, "SAMPLE_CHARACTERS", 100)
    assert len(chosen(corpus(*HUNDRED), 1e-9)) >= 1
    assert len(chosen(corpus(*HUNDRED), 1 - 1e-9)) <= 99


def test_one_document_only(corpus):
    with pytest.raises(ValueError, match=r"single document: none can be held out\. Separate docum"):
        choose_heldout(corpus("one line\nanother"), 0.1)


def test_one_document_many_times(corpus):
    with pytest.raises(ValueError, match="single document, 3 times over: none can be held out"):
        choose_heldout(corpus("a", "a", "a"), 0.1)
