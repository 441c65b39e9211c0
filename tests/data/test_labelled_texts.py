"""Rows become labelled texts, or an error that names the row, the column and the way out."""

import logging
from pathlib import Path

import pytest
from tiny_rows import rows_of

from keras_bert_kit.data.labelled_texts import LabelledTexts, check_trainable, labelled_texts
from keras_bert_kit.data.rows import read_rows

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAN = float("nan")


def test_texts_and_labels_keep_their_order_and_place():
    examples = labelled_texts(rows_of(text=["好。", "Bad.\n"], label=["pos", "neg"]))
    assert examples == LabelledTexts(
        ["好。", "Bad.\n"], None, ["pos", "neg"], [2, 3], "train.tsv", None
    )
    assert len(examples) == 2


def test_a_table_that_once_had_a_gap_has_the_same_classes():
    assert labelled_texts(rows_of(text=["a", "b"], label=["1.0", "0"])).labels == ["1", "0"]
    assert labelled_texts(rows_of(text=["a", "b"], label=["1.0", "1.1"])).labels == ["1.0", "1.1"]


def test_a_group_is_one_value():
    with pytest.raises(ValueError, match="'film' must be one value, received"):
        labelled_texts(rows_of(text=["a"], label=[1], film=[["f"]]), group="film")


def test_select_takes_all_columns():
    examples = labelled_texts(
        rows_of(a=["a", "b", "c"], b=["x", "y", "z"], label=[1, 0, 1], film=["f", "g", "f"]),
        text="a",
        pair="b",
        group="film",
    )
    assert examples.select([2, 0]) == LabelledTexts(
        ["c", "a"], ["z", "x"], ["1", "1"], [4, 2], "train.tsv", ["f", "f"]
    )


@pytest.mark.parametrize(
    ("names", "text", "pair"),
    [
        (["id", "sentence1", "sentence2"], "sentence1", "sentence2"),
        (["#1 ID", "#2 ID", "#1 String", "#2 String"], "#1 String", "#2 String"),
        (["premise", "hypothesis"], "premise", "hypothesis"),
        (["question1", "question2"], "question1", "question2"),
        (["question", "sentence"], "question", "sentence"),
        (["sentence"], "sentence", None),
        (["review"], "review", None),
        (["sentence1", "review"], "review", None),  # half of a pair is none
    ],
)
def test_usual_names_are_found_and_said(names, text, pair, caplog):
    columns = {name: [f"text of {name}"] for name in names}
    with caplog.at_level(logging.INFO):
        examples = labelled_texts(rows_of(**columns, label=["x"]))
    assert examples.texts == [f"text of {text}"]
    assert examples.pairs == (None if pair is None else [f"text of {pair}"])
    assert f"train.tsv: {text!r} is taken as the text" in caplog.text
    assert (f" and {pair!r} as the second text." in caplog.text) == (pair is not None)


def test_a_column_of_the_default_name_comes_before_usual_names(caplog):
    rows = rows_of(sentence=["no"], text=["yes"], label=["x"])
    with caplog.at_level(logging.INFO):
        assert labelled_texts(rows).texts == ["yes"]
    assert not caplog.text


def test_a_pair_that_was_asked_for_stands():
    rows = rows_of(sentence1=["a"], sentence2=["b"], other=["c"], label=["x"])
    examples = labelled_texts(rows, pair="other")
    assert (examples.texts, examples.pairs) == (["a"], ["c"])
    assert labelled_texts(rows_of(sentence=["a"], review=["b"]), pair="sentence", with_labels=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "has no column 'text'. Its columns: 'a', 'b'. Say which one to take with `text`"),
        ({"text": "c"}, "train.tsv has no column 'c'. Its columns: 'a', 'b'.*with `text`"),
        ({"text": "a", "pair": "c"}, "has no column 'c'.*take with `pair`"),
        ({"text": "a"}, "has no column 'label'. Its columns: 'a', 'b'.*`label`"),
        ({"text": "a", "label": "b", "group": "c"}, "has no column 'c'.*`group`"),
        ({"kind": "classes"}, "`kind` must be one of single_label, multi_label, regression; rec"),
        ({"on_empty": "drop"}, "`on_empty` must be one of keep, skip, error; received 'drop'"),
        ({"on_bad": "drop"}, "`on_bad` must be one of error, skip; received 'drop'"),
    ],
)
def test_columns_and_options_that_there_are_not(options, message):
    with pytest.raises(ValueError, match=message):
        labelled_texts(rows_of(a=["x"], b=["y"]), **options)


def test_columns_may_be_given_by_position():
    rows = rows_of(id=["i"], a=["x"], b=["y"], c=["z"])
    examples = labelled_texts(rows, text=2, pair="1", label=-1)
    assert (examples.texts, examples.pairs, examples.labels) == (["y"], ["x"], ["z"])


def test_no_rows():
    with pytest.raises(ValueError, match=r"There are no rows in train\.tsv"):
        labelled_texts(rows_of(text=[], label=[]))


BAD = {
    "text": ["a", None, "c", NAN, "e", 7, "g"],
    "label": ["x", "x", NAN, "x", "", "x", "y"],
}


def test_bad_rows_are_all_named_at_once():
    with pytest.raises(ValueError) as error:
        labelled_texts(rows_of(**BAD))
    assert str(error.value) == (
        "5 of 7 rows of train.tsv cannot be used: train.tsv, line 3: 'text' must be a string, "
        "received None; train.tsv, line 4: there is no label (nan); train.tsv, line 5: 'text' must "
        "be a string, received nan; train.tsv, line 6: there is no label (''); train.tsv, line 7: "
        "'text' must be a string, received 7. Correct them, or leave them out with "
        '`on_bad="skip"`.'
    )


def test_bad_rows_are_left_out_where_asked_and_counted(caplog):
    with caplog.at_level(logging.WARNING):
        examples = labelled_texts(rows_of(**BAD), on_bad="skip")
    assert (examples.texts, examples.labels, examples.numbers) == (["a", "g"], ["x", "y"], [2, 8])
    assert "Left out: 5 of 7 rows of train.tsv cannot be used: train.tsv, line 3" in caplog.text


def test_only_bad_rows():
    rows = rows_of(text=["a"] * 7, label=[None] * 7)
    with pytest.raises(ValueError, match=r"7 of 7 .*; and 2 more. No row is left\."):
        labelled_texts(rows, on_bad="skip")


def test_labels_are_neither_asked_for_nor_checked_where_there_need_be_none():
    assert labelled_texts(rows_of(text=["a"]), with_labels=False).labels is None
    assert labelled_texts(rows_of(text=["a"], label=[None]), with_labels=False).labels is None


def test_labels_of_each_kind():
    rows = rows_of(text=["a", "b"], label=["1.5", "2"])
    assert labelled_texts(rows, kind="regression").labels == [1.5, 2.0]
    assert labelled_texts(rows).labels == ["1.5", "2"]
    rows = rows_of(text=["a", "b"], label=["sad;angry", "joy"])
    examples = labelled_texts(rows, kind="multi_label", label_separator=";")
    assert examples.labels == [("sad", "angry"), ("joy",)]
    rows = rows_of(text=["a", "b"], label=[0, 1], class_names={"label": ("neg", "pos")})
    assert labelled_texts(rows).labels == ["neg", "pos"]
    with pytest.raises(ValueError, match="`label_separator` is empty: give what stands between"):
        labelled_texts(rows, kind="multi_label", label_separator="")


def test_a_word_among_numbers_is_named():
    rows = rows_of(text=["a", "b"], label=["1.5", "high"])
    with pytest.raises(ValueError, match=r"train\.tsv, line 3: the label 'high' is not a number"):
        labelled_texts(rows, kind="regression")


def test_rows_with_none_of_the_labels_are_counted(caplog):
    rows = rows_of(text=["a", "b"], label=[["x"], []])
    with caplog.at_level(logging.INFO):
        assert labelled_texts(rows, kind="multi_label").labels == [("x",), ()]
    assert "1 of 2 rows have none of the labels" in caplog.text


@pytest.mark.parametrize("value", [None, NAN, ""])
def test_a_row_must_say_its_group(value):
    rows = rows_of(text=["a", "b"], label=["x", "y"], film=["f", value])
    with pytest.raises(ValueError, match="line 3: 'film' does not say which group it belongs to"):
        labelled_texts(rows, group="film")


def test_empty_texts_are_kept_and_counted(caplog):
    rows = rows_of(text=["a", " \u3000", ""], label=["x", "y", "x"])
    with caplog.at_level(logging.WARNING):
        assert labelled_texts(rows).texts == ["a", " \u3000", ""]
    assert (
        "2 of 3 rows have an empty text (train.tsv, line 3, train.tsv, line 4); they are kept."
        in caplog.text
    )
    with caplog.at_level(logging.WARNING):
        assert labelled_texts(rows, on_empty="skip").numbers == [2]
    assert "they are left out." in caplog.text
    with pytest.raises(ValueError, match=r"2 of 3 rows have an empty text .*`on_empty=\"keep\"`"):
        labelled_texts(rows, on_empty="error")


def test_an_empty_half_of_a_pair_is_an_empty_text():
    rows = rows_of(a=["a", "b"], b=["", "c"], label=["x", "y"])
    assert labelled_texts(rows, text="a", pair="b", on_empty="skip").texts == ["b"]


def test_only_empty_texts():
    with pytest.raises(ValueError, match=r"1 of 1 rows have an empty text .*No row is left"):
        labelled_texts(rows_of(text=[""], label=["x"]), on_empty="skip")


def examples_of(labels):
    return LabelledTexts(
        ["a"] * len(labels), None, labels, list(range(len(labels))), "train.tsv", None
    )


@pytest.mark.parametrize("labels", [["x", "x"], [2.5, 2.5], [("a", "b"), ("b", "a")]])
def test_one_label_teaches_nothing(labels):
    with pytest.raises(ValueError, match=r"All 2 rows of train\.tsv have the label .* tell apart"):
        check_trainable(examples_of(labels))


@pytest.mark.parametrize("labels", [None, []])
def test_training_needs_labels(labels):
    examples = LabelledTexts([], None, labels, [], "train.tsv")
    with pytest.raises(ValueError, match=r"train\.tsv has no labels, and training needs them"):
        check_trainable(examples)


def test_an_id_is_no_label():
    ids = [f"row-{i}" for i in range(60)]
    with pytest.raises(
        ValueError,
        match=r"looks like an id: of its 60 different values 60 occur once, for instance 'row-0', "
        r"'row-1', 'row-2'.*`label`, or `kind=",
    ):
        check_trainable(examples_of(ids))
    check_trainable(examples_of(ids[:50]))  # few enough
    check_trainable(examples_of(ids + ids[:30]))  # just half of them occur once
    check_trainable(examples_of([float(i) for i in range(60)]))
    check_trainable(examples_of([(name,) for name in ids]))


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("path", "options", "num_rows", "labels"),
    [
        ("amazon_reviews/musical_instruments.jsonl.xz", {"label": "stars"}, 10_261, set("12345")),
        ("sst2/dev.tsv", {}, 872, {"0", "1"}),
        ("rte/dev.tsv", {}, 277, {"entailment", "not_entailment"}),
        ("mrpc/test.txt", {"label": "Quality"}, 1_725, {"0", "1"}),
        ("stsb/dev.tsv", {"label": "score", "kind": "regression"}, 1_500, None),
    ],
)
def test_real_texts(path, options, num_rows, labels):
    if not (SHARED / path).exists():
        pytest.skip(f"there is no {SHARED / path}")
    rows = read_rows(SHARED / path, **({"format": "tsv"} if path.endswith(".txt") else {}))
    examples = labelled_texts(rows, **options)
    check_trainable(examples)
    assert len(examples) == num_rows
    if labels:
        assert set(examples.labels) == labels
    else:
        assert all(0 <= label <= 5 for label in examples.labels)
    num_empty = 7 if path.startswith("amazon") else 0
    assert len(labelled_texts(rows, on_empty="skip", **options)) == num_rows - num_empty
