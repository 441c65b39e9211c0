"""Sentences of tagged words from rows: checked, and in IOB2 whatever they came in."""

import logging
from pathlib import Path

import numpy as np
import pytest
from tiny_rows import rows_of

from keras_bert_kit.data.rows import read_rows
from keras_bert_kit.data.tag_schemes import entities
from keras_bert_kit.data.tagged_words import TaggedWords, labels_of_tags, tagged_words

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAN = float("nan")


def test_iob2_stays_as_it_is_and_is_said(caplog):
    words, tags = [["在", "北", "京"], ["Hi"]], [["O", "B-LOC", "I-LOC"], ["O"]]
    with caplog.at_level(logging.INFO):
        examples = tagged_words(rows_of(tokens=words, tags=tags))
    assert examples == TaggedWords(words, tags, [2, 3], "train.tsv", "IOB2")
    assert len(examples) == 2
    assert "train.tsv: the tags are IOB2: 1 entities; letters B 1, I 1, O 2;" in caplog.text
    assert "WARNING" not in caplog.text
    assert examples.select([1]) == TaggedWords([["Hi"]], [["O"]], [3], "train.tsv", "IOB2")


def test_another_scheme_is_converted_and_said(caplog):
    rows = rows_of(tokens=[["a", "b", "c"]], tags=[["S-X", "B-X", "E-X"]])
    with caplog.at_level(logging.INFO):
        examples = tagged_words(rows)
    assert examples.tags == [["B-X", "B-X", "I-X"]]
    assert examples.scheme == "IOB2"
    assert "the tags are BIOES: 2 entities; letters B 1, E 1, S 1;" in caplog.text
    assert "They are converted to IOB2." in caplog.text
    assert "WARNING" in caplog.text


def test_faults_of_iob2_are_counted_and_stay(caplog):
    tags = [["B-X", "I-X"], ["O", "I-X"], ["B-X", "O"]]
    rows = rows_of(tokens=[["a", "b"]] * 3, tags=tags)
    with caplog.at_level(logging.WARNING):
        assert tagged_words(rows).tags == tags
    assert (
        "train.tsv: 1 tags of 1 sentences break the rules of IOB2 (train.tsv, line 3). They stay "
        'as they are; `scheme="IOB1"` makes B of each I that begins an entity.' in caplog.text
    )
    assert tagged_words(rows, scheme="IOB1").tags[1] == ["O", "B-X"]


def test_faults_of_another_scheme_are_counted_too(caplog):
    rows = rows_of(tokens=[["a", "b"]] * 2, tags=[["S-X", "B-X"], ["S-X", "O"]])
    with caplog.at_level(logging.WARNING):
        assert tagged_words(rows).tags == [["B-X", "B-X"], ["B-X", "O"]]
    assert (
        "1 tags of 1 sentences break the rules of BIOES (train.tsv, line 2). They are read as"
        in (caplog.text)
    )


def test_numbers_become_the_names_of_the_source():
    names = {"tags": ("O", "B-LOC", "I-LOC")}
    rows = rows_of(tokens=[["a", "b", "c"]], tags=[np.array([0, 1, 2])], class_names=names)
    assert tagged_words(rows).tags == [["O", "B-LOC", "I-LOC"]]
    rows = rows_of(tokens=[["a"]], tags=[["O"]], class_names=names)  # by name already
    assert tagged_words(rows).tags == [["O"]]
    rows = rows_of(tokens=[["a"]], tags=[[3]], class_names=names)
    with pytest.raises(ValueError, match="line 2: tag 1: the label 3 is none of 3 classes"):
        tagged_words(rows)


def test_entities_without_a_type():
    rows = rows_of(tokens=[["a", "b", "c"], ["d"]], tags=[["I", "I", "O"], ["O"]])
    examples = tagged_words(rows)
    assert (examples.tags, examples.scheme) == ([["B-_", "I-_", "O"], ["O"]], "IOB2")
    assert labels_of_tags(examples.tags) == ("O", "B-_", "I-_")
    rows = rows_of(tokens=[["a", "b"]], tags=[["B", "I"]])
    assert tagged_words(rows, scheme="IOB2").tags == [["B-_", "I-_"]]
    assert tagged_words(rows, scheme="plain").tags == [["B", "I"]]


def test_parts_of_speech_are_plain_tags(caplog):
    rows = rows_of(tokens=[["She", "runs"]], tags=[["PRP", "VBZ"]])
    with caplog.at_level(logging.INFO):
        examples = tagged_words(rows)
    assert (examples.tags, examples.scheme) == ([["PRP", "VBZ"]], "plain")
    assert "the tags are plain tags, which mark no entities." in caplog.text


def test_usual_names_are_found_and_said(caplog):
    rows = rows_of(words=[["a"]], ner_tags=[["O"]])
    with caplog.at_level(logging.INFO):
        assert tagged_words(rows).words == [["a"]]
    assert "train.tsv: 'words' is taken as the words." in caplog.text
    assert "train.tsv: 'ner_tags' is taken as the tags." in caplog.text


def test_missing_columns():
    with pytest.raises(ValueError, match=r"has no column 'tokens'. Its columns: 'a'.*`words`"):
        tagged_words(rows_of(a=[["x"]]))
    with pytest.raises(ValueError, match=r"has no column 'tags'. Its columns: 'tokens'.*`tags`"):
        tagged_words(rows_of(tokens=[["x"]]))
    with pytest.raises(ValueError, match=r"has no column 'pos'.*`tags`"):
        tagged_words(rows_of(tokens=[["x"]], tags=[["O"]]), tags="pos")


def test_words_without_tags():
    examples = tagged_words(rows_of(tokens=[["a"], ["b"]]), with_tags=False)
    assert examples == TaggedWords([["a"], ["b"]], None, [2, 3], "train.tsv", None)
    assert examples.select([1]).tags is None


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        (["a", "b"], ["O"], "there are 2 words and 1 tags"),
        (["a"], ["O", "O"], "there are 1 words and 2 tags"),
        ([], [], "the sentence has no words"),
        (["a", ""], ["O", "O"], "word 2 is '', which is empty or white space"),
        (["\u3000", "a"], ["O", "O"], r"word 1 is '\\u3000', which is empty or white space"),
        (["a", None], ["O", "O"], "word 2 must be a string, received None"),
        ("a b", ["O", "O"], "words must be a list of strings, received 'a b'"),
        (None, ["O"], "words must be a list of strings, received None"),
        (["a"], "O", "tags must be a list, received 'O'"),
        (["a"], None, "tags must be a list, received None"),
        (["a"], [None], r"tag 1: there is no label \(None\)"),
        (["a"], [NAN], r"tag 1: there is no label \(nan\)"),
    ],
)
def test_bad_sentences(words, tags, message, caplog):
    rows = rows_of(tokens=[["x"], words], tags=[["O"], tags])
    with pytest.raises(ValueError, match=f"1 of 2 rows .* train.tsv, line 3: {message}"):
        tagged_words(rows)
    with caplog.at_level(logging.WARNING):
        examples = tagged_words(rows, on_bad="skip")
    assert (examples.words, examples.tags, examples.numbers) == ([["x"]], [["O"]], [2])
    assert "Left out: 1 of 2 rows of train.tsv cannot be used" in caplog.text


def test_a_slip_in_a_tag_is_an_error():
    with pytest.raises(ValueError, match="different tags are neither 'O' nor like 'B-PER': '0'"):
        tagged_words(rows_of(tokens=[["a", "b"]], tags=[["B-X", "0"]]))


def test_a_model_knows_both_letters_of_every_type():
    assert labels_of_tags([["O"], ["B-B 2", "O", "B-B 10"]]) == (
        "O",
        "B-B 2",
        "I-B 2",
        "B-B 10",
        "I-B 10",
    )
    assert labels_of_tags([["B-X"]]) == ("O", "B-X", "I-X")
    assert labels_of_tags([]) == ("O",)


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("path", "num_sentences", "num_entities", "types"),
    [
        (
            "wnut17/train.conll",
            3_394,
            1_975,
            ["corporation", "creative-work", "group", "location", "person", "product"],
        ),
        ("wikiann_en/dev.txt.xz", 10_000, 14_146, ["LOC", "ORG", "PER"]),
        ("uner_ewt/dev.iob2", 2_001, 966, ["LOC", "ORG", "PER"]),
    ],
)
def test_real_sentences(path, num_sentences, num_entities, types):
    """The number of entities is that of lines that `grep` finds with a tag of B."""
    if not (SHARED / path).exists():
        pytest.skip(f"there is no {SHARED / path}")
    rows = read_rows(SHARED / path, format="conll")
    examples = tagged_words(rows)
    assert len(examples) == num_sentences
    assert examples.tags == rows.columns["tags"]
    assert examples.scheme == "IOB2"
    assert labels_of_tags(examples.tags)[1::2] == tuple(f"B-{name}" for name in types)
    assert sum(len(entities(sentence)) for sentence in examples.tags) == num_entities
