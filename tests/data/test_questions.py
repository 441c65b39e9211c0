"""Answers that do not stand where they are said to are found, and said by id."""

import logging
from pathlib import Path

import numpy as np
import pytest
from tiny_rows import rows_of

from keras_bert_kit.data.questions import Questions, questions
from keras_bert_kit.data.rows import read_rows

SHARED = Path(__file__).parents[3] / "shared" / "data" / "squad"
CONTEXT = "北京 is big. Rome is old. Old is good."


def table(answers, **columns):
    num_rows = len(answers)
    return rows_of(
        source="train.json",
        **{
            "id": [f"q{i}" for i in range(1, num_rows + 1)],
            "question": ["What is it?"] * num_rows,
            "context": [CONTEXT] * num_rows,
            "answers": answers,
            **columns,
        },
    )


def given(*pairs):
    return {"text": [text for text, _ in pairs], "answer_start": [start for _, start in pairs]}


def test_answers_of_squad_1_1(caplog):
    with caplog.at_level(logging.INFO):
        found = questions(table([given(("Rome", 11), ("Rome is", 11))], title=["Cities"]))
    assert found == Questions(
        ["q1"],
        ["What is it?"],
        [CONTEXT],
        [[("Rome", 11), ("Rome is", 11)]],
        ["Cities"],
        [2],
        "train.json",
    )
    assert len(found) == 1
    assert "train.json: 0 of 1 questions have no answer, as in SQuAD 1.1." in caplog.text


def test_answers_of_squad_2_0(caplog):
    rows = table([given(("Rome", 11)), given()], is_impossible=[False, True])
    with caplog.at_level(logging.INFO):
        found = questions(rows)
    assert found.answers == [[("Rome", 11)], []]
    assert "1 of 2 questions have no answer, as in SQuAD 2.0." in caplog.text
    assert found.select([1]).answers == [[]]
    assert found.select([1]).numbers == [3]


@pytest.mark.parametrize(
    "answers",
    [
        {"text": np.array(["Rome"]), "answer_start": np.array([11], np.int32)},
        {"text": ["Rome"], "answer_start": [np.int64(11)]},
        [{"text": "Rome", "answer_start": 11}],
        np.array([{"text": "Rome", "answer_start": 11}]),
    ],
    ids=["arrays", "numbers of NumPy", "a list", "an array"],
)
def test_the_forms_that_other_readers_give(answers):
    found = questions(table([answers])).answers
    assert found == [[("Rome", 11)]]
    assert type(found[0][0][1]) is int


def test_offsets_count_characters_not_bytes():
    # In bytes of UTF-8 "Rome" is four further on.
    with pytest.raises(ValueError) as error:
        questions(table([given(("Rome", 15))]))
    assert str(error.value) == (
        "1 of 1 rows of train.json cannot be used: train.json, line 2: question 'q1': the answer "
        "'Rome' should be at 15, where there is ' is '; it stands only at 11. Correct them, or "
        'leave them out with `on_bad="skip"`.'
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (("old", 11), "'old' should be at 11, where there is 'Rom'; it stands only at 19"),
        (
            ("is", 0),
            "'is' should be at 0, where there is '北京'; it stands at several other places",
        ),
        (("rome", 11), "where there is 'Rome'; the context does not hold it"),
        (("good.", 99), "'good.' should be at 99, where there is ''; it stands only at 31"),
        (("good", -5), "'good' should be at -5, .*; it stands only at 31"),
        (("", 3), "an answer must be a text, received ''"),
        ((None, 3), "an answer must be a text, received None"),
        (("Rome", None), "the place of 'Rome' must be a whole number, received None"),
        (("Rome", "12"), "the place of 'Rome' must be a whole number, received 12"),
        (("Rome", True), "the place of 'Rome' must be a whole number, received True"),
    ],
)
def test_broken_answers(answer, message):
    with pytest.raises(ValueError, match=f"question 'q1': .*{message}"):
        questions(table([given(answer)]))


def test_the_first_five_are_named_and_the_others_counted(caplog):
    rows = table([given(("Rome", 0))] * 7 + [given(("Rome", 11))])
    with pytest.raises(ValueError, match=r"7 of 8 rows .*'q1'.*'q5'.*; and 2 more\.") as error:
        questions(rows)
    assert "'q6'" not in str(error.value)
    with caplog.at_level(logging.WARNING):
        found = questions(rows, on_bad="skip")
    assert found.ids == ["q8"]
    assert "Left out: 7 of 8 rows of train.json cannot be used: train.json, line 2" in caplog.text


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (None, "`answers` must hold lists named 'text' and 'answer_start'"),
        ("Rome", "`answers` must hold lists named"),
        (["Rome"], "`answers` must hold lists named"),
        ({"text": ["Rome"]}, "`answers` must hold lists named"),
        ({"text": ["a", "b"], "answer_start": [1]}, "there are 2 answers and 1 places of answers"),
    ],
)
def test_answers_that_cannot_be_read(answers, message):
    with pytest.raises(ValueError, match=message):
        questions(table([answers]))


def test_answers_and_their_mark_must_agree():
    with pytest.raises(ValueError, match="it has 1 answers, but its `is_impossible` is True"):
        questions(table([given(("Rome", 11))], is_impossible=[True]))
    with pytest.raises(ValueError, match="it has 0 answers, but its `is_impossible` is False"):
        questions(table([given(), given(("Rome", 11))], is_impossible=[False, False]))


def test_a_test_set_without_its_answers():
    with pytest.raises(ValueError, match=r"None of the 2 questions .*`with_answers=False`"):
        questions(table([given(), given()]))
    found = questions(table([given(), given()]), with_answers=False)
    assert found.answers is None
    assert found.select([0]).answers is None
    assert questions(table([given()], is_impossible=[True])).answers == [[]]


def test_ids_must_differ():
    rows = table([given(("Rome", 11))] * 3, id=["a", "b", "a"])
    with pytest.raises(
        ValueError,
        match=r"1 ids of train.json occur more than once: 'a' \(2 times\)\. 'a' is at train.json, "
        r"line 2, train.json, line 4\.",
    ):
        questions(rows, on_bad="skip")


def test_rows_without_ids_are_numbered(caplog):
    rows = rows_of(question=["a?", "b?"], context=["A", "B"])
    with caplog.at_level(logging.INFO):
        assert questions(rows, with_answers=False).ids == ["1", "2"]
    assert "has no column 'id': questions are named by their number" in caplog.text


@pytest.mark.parametrize("column", ["question", "context", "answers"])
def test_missing_columns(column):
    rows = table([given(("Rome", 11))])
    del rows.columns[column]
    with pytest.raises(ValueError, match=f"train.json has no column {column!r}. Its columns: 'id'"):
        questions(rows)


@pytest.mark.parametrize(("column", "value"), [("question", "  "), ("context", None)])
def test_texts_must_be_there(column, value):
    rows = table([given(("Rome", 11))], **{column: [value]})
    with pytest.raises(ValueError, match=f"'q1': {column!r} must be a text, received {value!r}"):
        questions(rows)


def test_titles_may_be_missing():
    assert questions(table([given(("Rome", 11))])).titles == [""]
    assert questions(table([given(("Rome", 11))], title=[None])).titles == [""]


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "num_questions", "num_impossible"),
    [
        ("train-subset-v1.1.json.xz", 8_105, 0),
        ("dev-half-v2.0.json.xz", 6_078, 3_168),
        ("dev-half-answerable-v1.1.json.xz", 2_910, 0),
    ],
)
def test_real_questions(name, num_questions, num_impossible):
    if not (SHARED / name).exists():
        pytest.skip(f"there is no {SHARED / name}")
    found = questions(read_rows(SHARED / name))
    assert len(found) == num_questions
    assert sum(not answers for answers in found.answers) == num_impossible
