import logging

import pytest

from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.questions import Questions
from keras_bert_kit.tasks.example_splits import split_examples
from keras_bert_kit.tasks.question_task import QuestionTask
from keras_bert_kit.tasks.text_task import TextTask


def texts(count, groups=None, prefix="text", source="train.tsv"):
    labels = ["a", "b"] * (count // 2)
    names = [f"{prefix} {i}" for i in range(count)]
    return LabelledTexts(names, None, labels, list(range(1, count + 1)), source, groups)


def test_what_is_missing_is_cut_from_training_each_class_in_its_share():
    task, train, dev, test = split_examples(TextTask(), texts(100), dev_share=0.1)
    assert [len(train), len(dev), len(test)] == [80, 10, 10]
    assert dev.labels.count("a") == test.labels.count("a") == 5
    assert not set(train.texts) & set(dev.texts + test.texts)
    assert task.labels == ("a", "b")


def test_given_rows_are_left_as_they_are():
    _, train, dev, test = split_examples(TextTask(), texts(100), test=texts(10, prefix="test"))
    assert [len(train), len(dev), len(test)] == [90, 10, 10]
    assert test.texts[0] == "test 0"


def test_groups_stay_together():
    groups = [f"film {i // 4}" for i in range(100)]
    _, train, dev, test = split_examples(TextTask(), texts(100, groups))
    assert not set(train.groups) & set(dev.groups + test.groups)


def test_questions_about_one_text_stay_together():
    contexts = [f"context {i // 5}" for i in range(50)]
    rows = Questions(
        [str(i) for i in range(50)],
        ["who?"] * 50,
        contexts,
        [[("context", 0)]] * 50,
        [""] * 50,
        list(range(50)),
        "train.json",
    )
    _, train, dev, _ = split_examples(QuestionTask(), rows)
    assert not set(train.contexts) & set(dev.contexts)


def test_duplicates_are_told_of_and_dropped_from_training_when_asked(caplog):
    test = texts(10, prefix="TEXT")  # the same texts in capitals
    with caplog.at_level(logging.WARNING):
        kept = split_examples(TextTask(), texts(100), test=test)
    assert "10 rows of test have a text of" in caplog.text
    dropped = split_examples(TextTask(), texts(100), test=test, drop_duplicates=True)
    assert len(kept.train) + len(kept.dev) - len(dropped.train) - len(dropped.dev) == 10
    assert len(dropped.test) == 10


def test_fewer_training_rows_and_the_same_others():
    everything = split_examples(TextTask(), texts(100))
    some = split_examples(TextTask(), texts(100), limit=20)
    assert len(some.train) == 20
    assert (some.dev.texts, some.test.texts) == (everything.dev.texts, everything.test.texts)
    assert set(some.train.texts) <= set(everything.train.texts)


def test_an_unknown_label_is_an_error_or_left_out():
    dev = LabelledTexts(["x", "y"], None, ["a", "c"], [2, 3], "dev.tsv")
    with pytest.raises(ValueError, match=r"dev\.tsv.*'c'"):
        split_examples(TextTask(), texts(100), dev)
    splits = split_examples(TextTask(on_bad="skip"), texts(100), dev)
    assert splits.dev.texts == ["x"]


def test_a_set_that_is_left_empty_is_refused():
    dev = texts(10)
    with pytest.raises(ValueError, match=r"No rows are left in dev\. Are their texts those of"):
        split_examples(TextTask(), texts(100), dev, dev, drop_duplicates=True)
    with pytest.raises(ValueError, match="`limit` must be at least 1; received 0"):
        split_examples(TextTask(), texts(100), limit=0)


def test_a_share_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match=r"`dev_share` is 0\.5: dev and test would leave no row"):
        split_examples(TextTask(), texts(10), dev_share=0.5)
