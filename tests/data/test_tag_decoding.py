"""The likeliest tags against all sequences there are, in NumPy and in the graph."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.data.tag_decoding import likeliest_tags, transitions_of
from keras_bert_kit.data.tag_schemes import detect_scheme
from keras_bert_kit.export import graph_tags

LABELS = ("O", "B-X", "I-X", "B-Y", "I-Y")
RULES = transitions_of("IOB2", LABELS)
RANDOM = np.random.default_rng(0)


def random_rows(lengths):
    """Probabilities that hardly decide anything, so that the rules do."""
    lengths = np.array(lengths)
    return RANDOM.dirichlet(np.ones(len(LABELS)), lengths.sum()).astype(np.float32), lengths


def in_iob2(tags):
    return not detect_scheme([list(tags)], "IOB2").faults["IOB2"]


def test_of_all_sequences_in_iob2_it_is_the_likeliest():
    for _ in range(40):
        said, lengths = random_rows(RANDOM.integers(0, 5, size=3))
        found, at = likeliest_tags(said, lengths, RULES), 0
        for length in lengths:
            every = itertools.product(range(len(LABELS)), repeat=int(length))
            right = [ids for ids in every if in_iob2([LABELS[i] for i in ids])]
            rows = said[at : at + length]
            best = max(right, key=lambda ids: np.prod(rows[np.arange(len(ids)), list(ids)]))
            assert tuple(found[at : at + length]) == best
            at += length


def test_many_rows_at_once_are_as_each_by_itself(monkeypatch):
    said, lengths = random_rows(RANDOM.integers(0, 30, size=50))
    together = likeliest_tags(said, lengths, RULES)
    monkeypatch.setattr("keras_bert_kit.data.tag_decoding.WORDS_AT_ONCE", 64)
    np.testing.assert_array_equal(likeliest_tags(said, lengths, RULES), together)
    rows = np.split(said, np.cumsum(lengths)[:-1])
    alone = [likeliest_tags(row, np.array([len(row)]), RULES) for row in rows]
    np.testing.assert_array_equal(np.concatenate(alone), together)
    assert all(in_iob2(LABELS[i] for i in one) for one in alone)


def test_a_model_that_is_sure_of_nonsense_still_gets_tags():
    said = np.tile(np.eye(5)[2], (3, 1))  # I-X, and nothing else at all
    assert likeliest_tags(said, np.array([3]), RULES).tolist() in ([1, 2, 2], [0, 1, 2])


@pytest.mark.parametrize("rules", [RULES, None])
def test_the_graph_finds_the_same(rules):
    function = tf.function(
        lambda said, lengths: graph_tags.likeliest_tags(
            tf.RaggedTensor.from_row_lengths(said, lengths), rules
        ),
        input_signature=[tf.TensorSpec((None, 5)), tf.TensorSpec((None,), tf.int64)],
    )
    for lengths in ([], [0], [1], [0, 7, 0], [3, 1, 12, 0, 5]):
        said, lengths = random_rows(np.array(lengths, np.int64))
        found = function(said, lengths).numpy()
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, likeliest_tags(said, lengths, rules))


def test_tags_without_a_type_and_other_schemes():
    rules = transitions_of("IOB2", ["O", "B", "I"])
    assert rules.astype(int).tolist() == [[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0]]
    with pytest.raises(ValueError, match="`scheme` must be 'IOB2' or None; received 'BIOES'"):
        transitions_of("BIOES", LABELS)
