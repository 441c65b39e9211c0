import pytest

from keras_bert_kit.evaluation.question_baselines import question_baselines

CONTEXT = (
    "The bridge was designed by Maria Lopez. It opened in 1932 after six years. "
    "Its U.S. sister opened in 1950."
)


def answer(question, context=CONTEXT):
    return question_baselines(["q"], [question], [context])["sliding window"]["q"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who was the bridge designed by?", "Maria Lopez"),
        ("In which year did the U.S. sister open?", "opened"),
        ("When did the sister that opened in the U.S. do so?", "1950"),
    ],
)
def test_the_answer_is_in_the_sentence_that_shares_most(question, expected):
    assert answer(question) == expected


def test_answers_are_pieces_of_the_context():
    for question in ("What?", "", "bridge", "谁"):
        assert answer(question) in CONTEXT


def test_nothing_to_answer_with():
    assert answer("Who?", "") == ""
    assert answer("Who?", "?!") == ""
    assert answer("Paris", "Paris.") == ""


def test_an_answer_is_of_six_words_at_most():
    assert answer("one", "one alpha beta gamma delta epsilon zeta eta") == (
        "alpha beta gamma delta epsilon zeta"
    )


def test_chinese_sentences_end_without_a_space():
    assert answer("桥", "桥，甲。乙，丙。") == "甲"


def test_data_without_unanswerable_questions():
    found = question_baselines(["a", "b"], ["x", "y"], ["c", "d"])
    assert found["always no answer"] == {"a": "", "b": ""}
    assert list(question_baselines(["a"], ["x"], ["c"], may_be_unanswerable=False)) == [
        "sliding window"
    ]


def test_what_cannot_be_answered():
    with pytest.raises(ValueError, match="an id, a question and a context each; received 1, 0 and"):
        question_baselines(["a"], [], ["c"])
    with pytest.raises(ValueError, match="Each id must come once; received 'a' 2 times"):
        question_baselines(["a", "a"], ["x", "y"], ["c", "d"])
