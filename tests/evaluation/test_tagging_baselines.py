import pytest

from keras_bert_kit.evaluation.tagging_baselines import tagging_baselines, word_shape

LOGISTIC = "logistic regression on word features"
COMMONEST = "commonest tag of each word"
WORDS = [["Mr", "Smith", "went", "to", "Paris", "."], ["Mr", "Jones", "went", "to", "Rome", "."]]
TAGS = [["O", "B-PER", "O", "O", "B-LOC", "O"]] * 2


def test_three_taggers():
    found = tagging_baselines(WORDS * 20, TAGS * 20, [["Mr", "Brown", "went", "to", "Rome"], []])
    assert list(found) == ["no entities", COMMONEST, LOGISTIC]
    assert found["no entities"] == [["O"] * 5, []]
    assert found[COMMONEST] == [["O", "O", "O", "O", "B-LOC"], []]
    # "Brown" was never seen: the word before it and its capital tell.
    assert found[LOGISTIC] == [["O", "B-PER", "O", "O", "B-LOC"], []]


def test_the_commoner_tag_wins():
    found = tagging_baselines([["May"], ["May"], ["May"]], [["O"], ["B-PER"], ["B-PER"]], [["May"]])
    assert found[COMMONEST] == [["B-PER"]]


def test_tags_all_the_same_are_said(caplog):
    found = tagging_baselines([["a", "b"]], [["O", "O"]], [["c"], []])
    assert found[LOGISTIC] == [["O"], []]
    assert "All training words have the tag O" in caplog.text


def test_odd_words():
    words = [["", "我", "x" * 1000, "$", "\n"]] * 3
    found = tagging_baselines(words, [["O", "B-PER", "O", "O", "O"]] * 3, words)
    assert [len(tags) for tags in found[LOGISTIC]] == [5, 5, 5]


def test_nothing_to_tag():
    assert tagging_baselines(WORDS, TAGS, [[], []])[LOGISTIC] == [[], []]
    assert tagging_baselines(WORDS, TAGS, [])[LOGISTIC] == []


@pytest.mark.parametrize(
    ("word", "shape"),
    [("", ""), ("USA", "X"), ("iPhone", "xXx"), ("3,000.50", "0,0.0"), ("--", "-"), ("ß", "x")],
)
def test_shapes(word, shape):
    assert word_shape(word) == shape


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        ([], [], "`train_words` holds no word"),
        ([[]], [[]], "`train_words` holds no word"),
        ([["a"]], [], "one list for each of the 1 sentences; received 0"),
        ([["a"], ["b", "c"]], [["O"], ["O"]], "sentence 2 of the training rows has 2 words and 1"),
    ],
)
def test_what_cannot_be_learned(words, tags, message):
    with pytest.raises(ValueError, match=message):
        tagging_baselines(words, tags, [["a"]])
