"""Tests of tokenizer and model as one thing, on a model that a recipe has just trained."""

import shutil

import numpy as np
import pytest

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.card import cloze_table


@pytest.fixture(scope="module")
def bundle(tiny_run):
    return Bundle.from_pretrained(tiny_run[0])


def test_fills_every_mask_of_every_text(bundle):
    texts = ["a star is far [MASK].", "warm [MASK] is [MASK]. we eat bread."]
    filled = bundle.fill_mask(texts, top_k=3)
    assert [[len(fillings) for fillings in masks] for masks in filled] == [[3], [3, 3]]
    for masks in filled:
        for fillings in masks:
            shares = [share for _, share in fillings]
            assert shares == sorted(shares, reverse=True)
            assert 0 < sum(shares) <= 1


def test_top_k_may_exceed_the_vocabulary(bundle):
    ((fillings,),) = bundle.fill_mask(["[MASK]"], top_k=10_000)
    assert len(fillings) == len(bundle.tokenizer.vocabulary)
    assert sum(share for _, share in fillings) == pytest.approx(1, abs=1e-5)


def test_a_text_gives_the_same_alone_and_in_a_batch(bundle):
    short, long = "a [MASK].", "the baker bakes bread . warm [MASK] is soft . a baker wakes early ."
    (alone,) = bundle.fill_mask([short])
    together, _ = bundle.fill_mask([short, long])
    assert [token for token, _ in alone[0]] == [token for token, _ in together[0]]
    np.testing.assert_allclose([s for _, s in alone[0]], [s for _, s in together[0]], atol=1e-6)


def test_a_text_without_a_mask_is_refused(bundle):
    with pytest.raises(ValueError, match=r"There is no \[MASK\] to fill in 'no blank here'"):
        bundle.fill_mask(["no blank here"])


def test_a_text_that_is_too_long_is_refused(bundle):
    with pytest.raises(ValueError, match=r"A text has 73 tokens .* reads at most 64"):
        bundle.fill_mask(["[MASK] " + "a " * 70])


def test_packs_texts_and_pairs(bundle):
    inputs = bundle.pack(["a star", "a"], pairs=["bread", "a star"])
    tokens = [
        [bundle.tokenizer.vocabulary.token_of(i) for i in row]
        for row in inputs["token_ids"].numpy()
    ]
    assert tokens == [
        ["[CLS]", "a", "star", "[SEP]", "bread", "[SEP]"],
        ["[CLS]", "a", "[SEP]", "a", "star", "[SEP]"],
    ]
    assert inputs["segment_ids"].numpy().tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]]
    assert bundle.pack([""])["token_ids"].shape == (1, 3)


@pytest.mark.parametrize(("texts", "pairs"), [([], None), (["a"], []), (["a"], ["b", "c"])])
def test_pairs_must_go_with_texts(bundle, texts, pairs):
    with pytest.raises(ValueError, match=f"received {len(texts)} texts and"):
        bundle.pack(texts, pairs)


def test_a_text_alone_is_no_list_of_texts(bundle):
    with pytest.raises(TypeError, match="must be lists of strings; received a single one"):
        bundle.pack("a star")


def test_no_text_has_nothing_to_fill_in(bundle):
    with pytest.raises(ValueError, match="There is no text to fill in: give one or more"):
        bundle.fill_mask([])


def test_a_model_without_the_head_fills_no_mask(bundle):
    other = Bundle(bundle.tokenizer, bundle.encoder)
    with pytest.raises(ValueError, match="has no masked-token head, only sequence_output"):
        other.fill_mask(["a [MASK]"])


def test_internals_are_those_of_the_text(bundle):
    internals = bundle.internals("a star is [MASK] .")
    assert internals.tokens == ["[CLS]", "a", "star", "is", "[MASK]", ".", "[SEP]"]
    assert internals.mask_positions == [4]
    assert internals.hidden_states.shape == (3, 7, 128)
    assert internals.attention.shape == (2, 2, 7, 7)
    np.testing.assert_allclose(internals.attention.sum(axis=-1), 1, atol=1e-5)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no model: it has neither config\.json nor"):
        Bundle.from_pretrained(tmp_path)


def test_another_vocabulary_is_refused(tiny_run, tmp_path):
    folder = shutil.copytree(
        tiny_run[0], tmp_path / "run", ignore=shutil.ignore_patterns("shards", "logs")
    )
    with (folder / "vocab.txt").open("a") as file:
        file.write("onemore\n")
    with pytest.raises(ValueError, match="is not the one that the model was trained"):
        Bundle.from_pretrained(folder)


def test_cloze_table_marks_the_answer_and_lists_fillings(bundle):
    vocabulary = bundle.tokenizer.vocabulary
    ids = bundle.tokenizer("warm [MASK] is soft .", special_tokens=True).numpy().tolist()
    table = cloze_table(bundle, [(ids, vocabulary.id_of("bread"))])
    row = table.splitlines()[2]
    assert row.startswith("| warm **bread** is soft. | ")
    assert row.count(",") >= 4


def test_cloze_table_of_nothing_is_a_heading():
    assert cloze_table(None, []).splitlines() == ["| sentence | fillings |", "| --- | --- |"]
