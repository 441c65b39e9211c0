"""Classes are listed as people count, and a name that training did not see does not pass."""

import logging

import numpy as np
import pytest

from keras_bert_kit.data.labels import label_ids, names_of, tag_ids


@pytest.mark.parametrize(
    "expected",
    [
        ("1", "2", "10"),
        ("-1", "0", "0.5", "1", "2"),
        ("negative", "neutral", "positive"),
        ("not_entailment", "note"),
        ("1", "2 stars", "10 stars", "label 9", "label 10"),
        ("01", "1", "１"),  # different names of one number keep a fixed order
        ("entailment", "中性", "积极"),
    ],
)
def test_names_are_in_the_order_of_a_person(expected):
    assert names_of(reversed(expected * 2)) == expected


def test_names_of_several_labels_and_of_none():
    assert names_of([("b",), ("a", "b"), ()]) == ("a", "b")
    assert names_of([]) == ()


def test_ids_are_the_places_of_the_names():
    ids, kept = label_ids(("1", "2", "10"), ["10", "1", "2"], "dev.tsv", [2, 3, 4])
    np.testing.assert_array_equal(ids, [2, 0, 1])
    assert ids.dtype == np.int32
    assert kept == [0, 1, 2]


def test_ids_of_several_labels_are_ones_in_a_row():
    ids, kept = label_ids(("a", "b", "c"), [("c", "a"), (), ("b",)], "dev.tsv", [2, 3, 4])
    np.testing.assert_array_equal(ids, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert ids.dtype == np.int32
    assert kept == [0, 1, 2]


def test_an_unknown_label_is_said_with_its_rows_and_the_known_ones():
    labels = ["pos", "neutral", "Neg", "neutral"]
    with pytest.raises(ValueError) as error:
        label_ids(("neg", "pos"), labels, "dev.tsv", [2, 5, 6, 9])
    assert str(error.value) == (
        "3 of 4 rows of dev.tsv (rows 5, 6, 9) have a label that is not known: 'neutral' (2), "
        "'Neg' (1). Known are: 'neg', 'pos'. 'Neg' and 'neg' differ in case. Correct them, add "
        "such rows to the training data, or leave them out with `--on-bad skip`, in Python "
        '`on_unknown="skip"`.'
    )


def test_a_long_message_is_cut():
    names = [f"class {i}" for i in range(30)]
    with pytest.raises(ValueError, match=r"\(rows 1, 2, 3, 4, 5, ...\).*'class 19', ... \(30 in"):
        label_ids(names, ["x"] * 7, "dev.tsv", range(1, 8))


def test_rows_with_unknown_labels_are_left_out_where_asked_and_counted(caplog):
    with caplog.at_level(logging.WARNING):
        ids, kept = label_ids(
            ("a", "b"), [("a",), ("a", "x"), ("b",)], "d", [1, 2, 3], on_unknown="skip"
        )
    np.testing.assert_array_equal(ids, [[1, 0], [0, 1]])
    assert kept == [0, 2]
    assert "Left out: 1 of 3 rows of d (row 2) have a label that is not known: 'x'" in caplog.text


def test_nothing_is_left():
    with pytest.raises(ValueError, match=r"'x' \(1\). Known are: 'a'. No row is left."):
        label_ids(("a",), ["x"], "dev.tsv", [1], on_unknown="skip")


def test_a_misspelt_choice():
    with pytest.raises(ValueError, match="`on_unknown` must be one of error, skip; received 'no'"):
        label_ids(("a",), ["a"], "dev.tsv", [1], on_unknown="no")


def test_ids_of_tags():
    ids, kept = tag_ids(("O", "B-X"), [["B-X", "O"], [], ["O"]], "dev.conll", [1, 4, 5])
    assert [row.tolist() for row in ids] == [[1, 0], [], [0]]
    assert {row.dtype for row in ids} == {np.dtype(np.int32)}
    assert kept == [0, 1, 2]
    with pytest.raises(ValueError, match="have a tag that is not known: 'B-Y'"):
        tag_ids(("O", "B-X"), [["B-Y", "O"]], "dev.conll", [1])
