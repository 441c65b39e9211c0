"""Bad rows are gathered before anybody hears of them."""

import pytest
from tiny_rows import rows_of

from keras_bert_kit.data.row_checks import BadRows, check_choice, column_name, first_places


def test_good_rows_are_those_that_nothing_was_said_of():
    bad = BadRows(rows_of(text=["a", "b", "c"]), "skip")
    assert bad.good() == [0, 1, 2]
    bad.add(1, "it is late")
    bad.add(1, "a second reason")
    assert bad.good() == [0, 2]
    assert bad.reasons == {1: "it is late"}


def test_places_are_those_of_the_rows():
    rows = rows_of(text=list("abcdefgh"))
    assert first_places(rows, [1, 3]) == "train.tsv, line 3, train.tsv, line 5"
    assert first_places(rows, range(8)).endswith("train.tsv, line 6, ...")


def test_columns_by_name_and_position():
    rows = rows_of(text=["a"], label=["x"])
    assert column_name(rows, "label", "label") == column_name(rows, -1, "label") == "label"
    with pytest.raises(ValueError, match=r"no column 'stars'. Its .* take with `label`\.$"):
        column_name(rows, "stars", "label")


def test_choices():
    check_choice("mode", "a", ("a", "b"))
    with pytest.raises(ValueError, match="`mode` must be one of a, b; received 'c'"):
        check_choice("mode", "c", ("a", "b"))
