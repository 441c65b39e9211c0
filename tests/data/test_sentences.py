"""The splitter on the prose that it is for, and on text that must not slow it down or stop it."""

import logging
import time

import pytest

from keras_bert_kit.data import sentences as sentences_file
from keras_bert_kit.data.sentences import BLOCK_CHARACTERS, sentences, split_sentences


@pytest.mark.parametrize(
    "expected",
    [
        ["Mr. and Mrs. Bennet called on Dr. Grantly at St. Paul's.", "He was out."],
        ["J. R. R. Tolkien met C. S. Lewis.", "E. M. Forster did not."],
        ["The U.S. Senate met in Washington, D.C. on Jan. 6, 1921.", "It rose at noon."],
        ["He lives in the U.S.", "She does not."],
        ["He paid $3.50, i.e. 2.5 percent more, e.g. in cash.", "Nobody else did."],
        ["He paused... and went on.", "Then he stopped...", "Nothing moved."],
        ['"Stop!" he cried.', '"Why?" she asked.', '"Because I say so."'],
        ['"You are late," said Col. Fitzwilliam.', '"I am," said Darcy.'],
        ["‘What is it?’ cried Alice.", "The Rabbit did not answer."],
        ["Sir W. Scott wrote it.", "Prof. Lee et al. disagree."],
        ["His son, John Jr., was born c. 1820 on Mt. Kenya.", "What next?!", "No one knew."],
    ],
)
def test_novels_and_encyclopedias_are_cut_where_a_reader_would(expected):
    assert split_sentences(" ".join(expected)) == expected


def test_a_quotation_stays_in_one_piece():
    assert split_sentences('He said: "Yes. No. Perhaps." Then he left.') == [
        'He said: "Yes. No. Perhaps."',
        "Then he left.",
    ]


def test_chinese_without_spaces_is_cut_at_its_own_full_stops():
    assert split_sentences("你好。今天天气很好！你去哪里？") == [
        "你好。",
        "今天天气很好！",
        "你去哪里？",
    ]


@pytest.mark.parametrize(
    "line", ["A sentence without a full stop", "One.", "- a list item", "3.14"]
)
def test_a_line_with_one_sentence_stays_whole(line):
    assert split_sentences(line) == [line]


def test_paragraphs_of_a_document_never_share_a_sentence():
    assert sentences(["It rained, and", "it rained. We left."]) == [
        "It rained, and",
        "it rained.",
        "We left.",
    ]


def test_wide_spaces_do_not_stop_the_splitter_and_stay_in_the_text():
    # sentencex 1.0.32 panics on this text as it stands.
    assert split_sentences("He met J.\u00a0Smith.\u2003She met A.\u3000Lee.") == [
        "He met J.\u00a0Smith.",
        "She met A.\u3000Lee.",
    ]


def test_a_panic_of_the_splitter_leaves_the_paragraph_whole_and_says_so(monkeypatch, caplog):
    class PanicException(BaseException):
        pass

    def segment(language, text):
        raise PanicException("index out of range")

    monkeypatch.setattr(sentences_file.sentencex, "segment", segment)
    with caplog.at_level(logging.WARNING):
        assert split_sentences("One. Two.") == ["One. Two."]
    assert "Left whole, as sentencex could not split it (index out of range)" in caplog.text


@pytest.mark.parametrize(
    "unit", ["Here is a sentence of some length. ", "word ", "x", "你好。", "你好", '"A b. ', ". "]
)
def test_a_line_of_a_million_characters_takes_a_moment_and_loses_nothing(unit):
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    start = time.process_time()
    found = split_sentences(text)
    assert time.process_time() - start < 20  # a second or two; quadratic would be hours
    assert "".join("".join(found).split()) == "".join(text.split())
    assert max(map(len, found)) <= BLOCK_CHARACTERS


def test_a_sentence_across_two_blocks_is_not_cut():
    sentence = "This sentence has fifty characters, count them all."
    assert split_sentences(" ".join([sentence] * 200)) == [sentence] * 200


def test_what_follows_another_sentence_of_its_paragraph_may_be_marked():
    document = ["It rained. We stayed in.", "Then the sun came out."]
    assert sentences(document, joint=" ") == [
        "It rained.",
        " We stayed in.",
        "Then the sun came out.",
    ]
