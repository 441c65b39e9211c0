"""Tags that are numbers, whatever the source."""

import pytest

from keras_bert_kit.data.class_names import tag_column, with_named_tags
from keras_bert_kit.data.squad_rows import is_impossible
from keras_bert_kit.data.unreadable_rows import UnreadableRows


def test_the_column_that_becomes_the_tags():
    assert tag_column({"ner": (), "tags": (), "ner_tags": ()}) == "tags"
    assert tag_column({"ner": (), "pos": ()}) == "ner"
    assert tag_column({"pos": ()}) is None


def test_the_new_name_is_said(caplog):
    caplog.set_level("INFO")
    list(with_named_tags([(1, {"ner": [0]})], {"ner": ("O",)}, "a.parquet", UnreadableRows()))
    assert "a.parquet: the tags in the column `ner` are called `tags`." in caplog.text


@pytest.mark.parametrize(
    ("given", "answers", "expected"),
    [
        (True, {"text": ["x"]}, True),
        (False, {"text": []}, False),
        (None, {"text": []}, True),
        (None, {"text": ["x"]}, False),
        (None, None, False),
    ],
)
def test_whether_a_question_has_no_answer(given, answers, expected):
    assert is_impossible(given, answers) is expected
