from dataclasses import replace

import numpy as np
import pytest
from tiny_models import tiny_encoder

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.tag_schemes import begun
from keras_bert_kit.data.tagged_words import TaggedWords
from keras_bert_kit.tasks import tagging_task
from keras_bert_kit.tasks.tagging_task import SentenceTags, TaggingTask, right_words
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "##b", "c", "d", "e", "f"]))
ROWS = TaggedWords([["ab", "c"], ["d"]], [["B-PER", "O"], ["B-LOC"]], [1, 4], "train.conll", "IOB2")


def test_the_first_piece_of_a_word_has_its_tag_and_the_others_weigh_nothing():
    task = TaggingTask(InputOptions(8, "windows")).with_labels_of(ROWS)
    assert task.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    model = task.model(tiny_encoder(), ROWS)
    _, y, weights = next(iter(task.batches(ROWS, model, TOKENIZER).one_pass()))
    # [CLS] a ##b c [SEP]
    assert np.array(weights["tags"])[0].tolist()[:5] == [0.0, 1.0, 0.0, 1.0, 0.0]
    assert np.array(y["tags"])[0][[1, 3]].tolist() == [3, 0]


def test_there_is_a_tag_and_a_probability_for_every_word():
    task = TaggingTask(InputOptions(8, "windows")).with_labels_of(ROWS)
    found = task.predict(task.model(tiny_encoder(), ROWS), TOKENIZER, ROWS)
    assert [len(sentence.tags) for sentence in found] == [2, 1]
    assert [len(sentence.probabilities) for sentence in found] == [2, 1]
    assert {tag for sentence in found for tag in sentence.tags} <= set(task.labels)


def test_the_likeliest_tags_that_follow_the_scheme_are_given():
    task = TaggingTask(InputOptions(8, "windows")).with_labels_of(ROWS)
    assert task.tag_scheme == "IOB2"
    model = task.model(tiny_encoder(), ROWS)
    kernel, bias = model.get_layer("tagger").weights[-2:]
    kernel.assign(0 * kernel)
    bias.assign([2.0, 1.0, 0.0, 0.0, 2.1])  # I-PER of every word, but for the rules
    assert [one.tags for one in task.predict(model, TOKENIZER, ROWS)] == [["O", "O"], ["O"]]
    bias.assign([0.0, 0.0, 0.0, 1.9, 2.1])
    found = task.predict(model, TOKENIZER, ROWS)
    assert [one.tags for one in found] == [["B-PER", "I-PER"], ["B-PER"]]
    share = np.exp(1.9) / np.exp([0.0, 0.0, 0.0, 1.9, 2.1]).sum()
    assert found[1].probabilities == pytest.approx([share])


def test_an_entity_that_nothing_begins_begins_itself(monkeypatch):
    task = replace(TaggingTask().with_labels_of(ROWS), tag_scheme=None)  # a model from elsewhere
    ids = [[task.labels.index("I-PER")] * 2, [task.labels.index("I-LOC")]]
    monkeypatch.setattr(tagging_task, "tag", lambda *_: (ids, [None, None]))
    found = task.predict(task.model(tiny_encoder(), ROWS), TOKENIZER, ROWS)
    assert [sentence.tags for sentence in found] == [["B-PER", "I-PER"], ["B-LOC"]]
    assert task.metrics(ROWS, found)["entities_predicted"] == 2


def test_entities_are_measured_and_words():
    task = TaggingTask().with_labels_of(ROWS)
    found = [SentenceTags(["B-PER", "O"]), SentenceTags(["O"])]
    metrics = task.metrics(ROWS, found)
    assert (metrics["precision"], metrics["recall"]) == (1.0, 0.5)
    assert task.score(ROWS, found)(np.arange(2))["f1"] == metrics["f1"]
    assert task.metric == "f1"


def test_plain_tags_are_measured_by_words():
    rows = TaggedWords([["a", "c"], ["d"]], [["NN", "VB"], ["NN"]], [1, 4], "x", "plain")
    task = TaggingTask().with_labels_of(rows)
    assert (task.labels, task.metric, task.tag_scheme) == (("NN", "VB"), "accuracy", None)
    baselines = task.baselines(rows, rows, 0)
    assert baselines["commonest tag"][0].tags == ["NN", "NN"]
    assert task.metrics(rows, baselines["commonest tag of each word"])["accuracy"] == 1.0
    found = [SentenceTags(["NN", "NN"]), SentenceTags(["NN"])]
    assert task.metrics(rows, found)["accuracy"] == pytest.approx(2 / 3)
    assert "cross_entropy" not in task.metrics(rows, found)  # probabilities are not known
    assert task.score(rows, found)(np.array([0, 0]))["accuracy"] == 0.5


def test_the_regression_follows_the_scheme_too():
    words = [["b", "c", "c", "c"], ["d"]] * 8  # "c" always goes on
    tags = [["B-X", "I-X", "I-X", "I-X"], ["O"]] * 8
    rows = TaggedWords(words, tags, list(range(len(words))), "x", "IOB2")
    test = TaggedWords([["c", "c"], ["c"]], [["O", "O"], ["O"]], [1, 2], "y", "IOB2")
    task = TaggingTask().with_labels_of(rows)
    found = task.baselines(rows, test, 0)["logistic regression on word features"]
    for sentence in found:
        assert begun(sentence.tags) == sentence.tags
    by_itself = replace(task, tag_scheme=None).baselines(rows, test, 0)
    found = by_itself["logistic regression on word features"]
    assert any(begun(sentence.tags) != sentence.tags for sentence in found)


def test_a_single_tag_is_refused():
    rows = TaggedWords([["a"]], [["O"]], [1], "train.conll", "IOB2")
    with pytest.raises(ValueError, match=r"All words of train\.conll have the tag 'O'"):
        TaggingTask().with_labels_of(rows)


def test_an_unknown_tag_is_an_error_or_its_sentence_is_left_out():
    dev = TaggedWords([["a"], ["c"]], [["B-ORG"], ["O"]], [1, 3], "dev.conll", "IOB2")
    with pytest.raises(ValueError, match=r"dev\.conll.*'B-ORG'"):
        TaggingTask().with_labels_of(ROWS).known(dev)
    assert TaggingTask(on_bad="skip").with_labels_of(ROWS).known(dev).words == [["c"]]


def test_right_words_by_sentence():
    right, words = right_words([["O", "O"], []], [["O", "B-X"], []])
    assert (right.tolist(), words.tolist()) == ([1, 0], [2, 0])
