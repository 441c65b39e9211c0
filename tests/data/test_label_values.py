"""One label, however it is written, is one class; what is no label is said to be none."""

import numpy as np
import pytest

from keras_bert_kit.data.label_values import class_label, number_label, several_labels


@pytest.mark.parametrize(
    "value",
    ["1", " 1\r", 1, 1.0, np.int64(1), np.float32(1), np.array(1), np.str_("1")],
    ids=repr,
)
def test_a_class_has_one_name_however_it_is_written(value):
    assert class_label(value) == "1"
    assert type(class_label(value)) is str


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("中性", "中性"),
        ("none", "none"),  # a class that data sets do have
        (2.5, "2.5"),
        (-1, "-1"),
        (True, "true"),
        (np.bool_(False), "false"),
    ],
)
def test_names_of_classes(value, expected):
    assert class_label(value) == expected


def test_indices_become_the_names_that_the_source_has():
    assert [class_label(i, ("neg", "pos")) for i in (0, 1.0, "pos")] == ["neg", "pos", "pos"]
    with pytest.raises(ValueError, match=r"the label 2 is none of 2 classes$"):
        class_label(2, ("neg", "pos"))
    with pytest.raises(ValueError, match=r"label -1 is none of 2 classes \(-1 is how TFDS marks"):
        class_label(-1, ("neg", "pos"))


@pytest.mark.parametrize("value", [None, float("nan"), np.nan, "", "  ", "nan", "NaN"])
def test_what_is_no_label(value):
    with pytest.raises(ValueError, match="there is no label"):
        class_label(value)


@pytest.mark.parametrize("value", [float("inf"), {"a": 1}, [1]])
def test_what_cannot_be_a_label(value):
    with pytest.raises(ValueError, match="the label must be a string or a whole number, received"):
        class_label(value)


@pytest.mark.parametrize("value", ["5.000", 5, 5.0, np.float32(5), " 5 "])
def test_numbers(value):
    assert number_label(value) == 5.0
    assert type(number_label(value)) is float


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "there is no label"),
        ("", "there is no label"),
        ("high", "the label 'high' is not a number$"),
        ("3,5", r"'3,5' is not a number \(numbers are written with a point\)"),
        ("1_0", "'1_0' is not a number"),
        (True, "True is not a number"),
        ([1.0], r"\[1.0\] is not a number"),
        ("nan", "the label is nan, which is not a finite number"),
        (float("inf"), "the label is inf, which is not a finite number"),
    ],
)
def test_what_is_no_number(value, message):
    with pytest.raises(ValueError, match=message):
        number_label(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sad,angry", ("sad", "angry")),
        (" sad , angry ", ("sad", "angry")),
        (["b", "a", "b"], ("b", "a")),
        (("a",), ("a",)),
        (np.array([1, 2]), ("1", "2")),
        (3, ("3",)),
        ([], ()),
        ("", ()),
        ("['joy', 'anger']", ("joy", "anger")),
        ("[27]", ("27",)),
        ("[]", ()),
        ("['joy' 'anger']", ("joy", "anger")),  # as pandas writes arrays
        ("[ 0 27]", ("0", "27")),
        ("['joy'\n 'it, too']", ("joy", "it, too")),
        ("('joy', 'anger')", ("joy", "anger")),
        ("{'joy'}", ("joy",)),
        ("[URL]", ("[URL]",)),
        ("(other)", ("(other)",)),
        ("[x], y", ("[x]", "y")),
    ],
)
def test_several_labels(value, expected):
    assert several_labels(value) == expected


@pytest.mark.parametrize("value", ["[joy, anger]", "['joy', None]", "['joy]", "[True False]"])
def test_what_looks_like_a_list_is_no_name(value):
    with pytest.raises(ValueError, match="looks like a list that cannot be read: write it as"):
        several_labels(value)


def test_the_separator_and_names_of_the_source():
    assert several_labels("a, b|c", "|") == ("a, b", "c")
    assert several_labels([1, 0], class_names=("joy", "fear")) == ("fear", "joy")


@pytest.mark.parametrize("value", [None, float("nan"), "nan", "a,,b", "a,", [None]])
def test_what_is_no_list_of_labels(value):
    with pytest.raises(ValueError, match="there is no label"):
        several_labels(value)
