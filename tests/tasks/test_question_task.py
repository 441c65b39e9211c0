import pytest

from keras_bert_kit.data.answers import Answer
from keras_bert_kit.data.questions import Questions
from keras_bert_kit.tasks.question_task import QuestionTask


def questions(answers):
    count = len(answers)
    ids = [f"q{i}" for i in range(count)]
    return Questions(
        ids, ["who?"] * count, ["the cat sat"] * count, answers, [""] * count, ids, "dev.json"
    )


CAT = [("the cat", 0)]


def test_questions_without_answer_in_training_make_no_answer_possible():
    assert QuestionTask().with_labels_of(questions([CAT, CAT])).no_answer_threshold is None
    assert QuestionTask().with_labels_of(questions([CAT, []])).no_answer_threshold == 0.0


def test_the_threshold_is_the_one_that_is_best_for_development_rows():
    dev = questions([CAT, [], CAT, []])
    said = [Answer("the cat", 0, 7, 0.9, score) for score in (1.0, 3.0, 2.0, 4.0)]
    task = QuestionTask(no_answer_threshold=0.0)
    assert task.metrics(dev, said)["f1"] == 0.5  # all four scores are above 0: no answer given
    tuned = task.tuned(dev, said)
    assert 2.0 <= tuned.no_answer_threshold < 3.0
    assert tuned.metrics(dev, said)["f1"] == 1.0


def test_where_no_answer_at_all_is_best_none_is_given():
    dev = questions([[], [], CAT])
    said = [Answer("sat", 8, 11, 0.9, score) for score in (-1.0, -2.0, -3.0)]
    tuned = QuestionTask(no_answer_threshold=0.0).tuned(dev, said)
    assert tuned.metrics(dev, said)["no_answer_accuracy"] == 1.0


def test_without_such_questions_nothing_is_tuned():
    dev = questions([CAT])
    said = [Answer("cat", 4, 7, 0.9, 5.0)]
    task = QuestionTask()
    assert task.tuned(dev, said) is task
    assert task.metrics(dev, said)["exact_match"] == 1.0


def test_baselines_are_measured_as_they_are():
    dev = questions([CAT, []])
    task = QuestionTask(no_answer_threshold=-10.0)
    found = task.baselines(dev, dev, 0)
    assert task.metrics(dev, found["always no answer"])["exact_match"] == 0.5
    assert task.metrics(dev, found["sliding window"])["no_answer_accuracy"] == pytest.approx(0.0)
