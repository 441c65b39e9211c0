"""Texts that are in two splits are found whatever their case and spaces, and can be left out."""

import json
import logging
import lzma
from pathlib import Path

import pytest

from keras_bert_kit.data.duplicates import Repeated, duplicates_across, without_duplicates
from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.questions import Questions
from keras_bert_kit.data.rows import read_rows
from keras_bert_kit.data.tagged_words import TaggedWords, tagged_words

SHARED = Path(__file__).parents[3] / "shared" / "data"


def examples_of(texts, labels=None, pairs=None, first=2):
    numbers = list(range(first, first + len(texts)))
    return LabelledTexts(texts, pairs, labels, numbers, "a.tsv")


def test_case_and_white_space_make_no_difference():
    splits = {"train": ["Straße  frei\n", "other"], "test": ["strasse\u3000FREI", "new", "Other "]}
    found = duplicates_across(splits)
    assert found.repeated == [
        Repeated({"train": [0], "test": [0]}, False),
        Repeated({"train": [1], "test": [2]}, False),
    ]
    assert found.across == found.repeated
    assert found
    assert found.num_shared("test", "train") == 2
    assert not duplicates_across(splits, exact=True)


def test_what_is_said():
    found = duplicates_across(
        {
            "train": examples_of(["a", "b", "B", "c"], ["x", "x", "y", "x"]),
            "dev": ["d", "a", "A"],
            "test": examples_of(["c", "a", "e"], ["y", "x", "x"], first=100),
        }
    )
    assert str(found) == (
        "1 rows of train repeat a text of it (at 4); 1 of 1 texts have labels that differ\n"
        "2 rows of dev have a text of train (at 3)\n"
        "2 rows of test have a text of train (at 101, 100); 1 of 2 texts have labels that differ\n"
        "1 rows of dev repeat a text of it (at 3)\n"
        "1 rows of test have a text of dev (at 101)"
    )
    assert found.num_shared("dev", "train") == 2
    assert found.num_shared("train", "dev") == 1
    assert [found.num_repeats(name) for name in ("train", "dev", "test")] == [1, 1, 0]
    assert len(found.across) == 2
    assert [text.rows for text in found.contradictory] == [
        {"train": [1, 2]},
        {"train": [3], "test": [0]},
    ]
    assert str(duplicates_across({"train": ["a"], "test": ["b"]})) == "no text occurs twice"


def test_many_rows_are_not_all_listed():
    found = duplicates_across({"train": list("abcdefg"), "test": list("abcdefg")})
    assert str(found) == "7 rows of test have a text of train (at 1, 2, 3, 4, 5, ...)"


def test_of_pairs_both_texts_count():
    train = examples_of(["a", "b"], pairs=["x", "y"])
    test = examples_of(["a", "B"], pairs=["y", "Y"])
    assert duplicates_across({"train": train, "test": test}).num_shared("test", "train") == 1


def test_the_order_of_several_labels_is_no_contradiction():
    splits = {"a": examples_of(["t", "t"], [("x", "y"), ("y", "x")])}
    assert duplicates_across(splits).contradictory == []


def test_numbers_that_differ_a_little_are_no_contradiction():
    assert duplicates_across({"a": examples_of(["t", "t"], [1.0, 1.2])}).contradictory == []


def test_sentences_of_tagged_words():
    train = TaggedWords([["New", "York"], ["Rome"]], [["B-X", "I-X"], ["O"]], [1, 4], "a", "IOB2")
    test = TaggedWords([["rome"], ["new", "york"]], [["O"], ["O", "O"]], [1, 3], "b", "IOB2")
    found = duplicates_across({"train": train, "test": test})
    assert [(text.rows, text.contradictory) for text in found.repeated] == [
        ({"train": [0], "test": [1]}, True),
        ({"train": [1], "test": [0]}, False),
    ]
    bare = TaggedWords([["Rome"]], None, [1], "c")
    assert duplicates_across({"train": train, "test": bare}).num_shared("test", "train") == 1


def test_questions_are_the_same_on_the_same_context_only():
    def asked(context):
        return Questions(["q"], ["Who?"], [context], [[("it", 0)]], [""], [1], "a")

    found = duplicates_across({"a": asked("it is"), "b": asked("It is"), "c": asked("it was")})
    assert [text.rows for text in found.repeated] == [{"a": [0], "b": [0]}]
    assert found.contradictory == []


def test_a_lone_surrogate_is_a_text_too():
    assert duplicates_across({"a": ["\ud800"], "b": ["\ud800"]}).num_shared("b", "a") == 1


def test_the_last_split_is_kept_whole(caplog):
    splits = {"unsup": ["a", "b", "c", "c"], "train": ["b", "d", "e", "e"], "test": ["D", "a", "d"]}
    with caplog.at_level(logging.INFO):
        kept = without_duplicates(splits)
    assert kept == {"unsup": [2], "train": [0, 2], "test": [0, 1]}
    assert "3 of 4 rows of 'unsup' are left out as duplicates." in caplog.text
    kept = without_duplicates(splits, within=False)
    assert duplicates_across(splits).kept == kept
    assert kept == {"unsup": [2, 3], "train": [0, 2, 3], "test": [0, 1, 2]}
    assert without_duplicates({"a": ["x", "X"]}, exact=True) == {"a": [0, 1]}


def texts_of(path):
    if not (SHARED / path).exists():
        pytest.skip(f"there is no {SHARED / path}")
    with lzma.open(SHARED / path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


@pytest.mark.corpora
def test_reviews_that_are_in_both_halves_of_imdb():
    """The counts are those that the description of the data gives."""
    train, test = texts_of("imdb/train.jsonl.xz"), texts_of("imdb/test.jsonl.xz")
    for exact in (True, False):
        found = duplicates_across({"train": train, "test": test}, exact=exact)
        assert found.num_shared("test", "train") == 123
        assert found.num_repeats("train") == 96
    kept = without_duplicates({"train": train, "test": test}, within=False)
    assert len(kept["test"]) == 25_000
    assert not {train[i] for i in kept["train"]} & set(test)


@pytest.mark.corpora
def test_repeated_reviews_of_amazon():
    texts = texts_of("amazon_reviews/musical_instruments.jsonl.xz")
    assert duplicates_across({"all": texts}, exact=True).num_repeats("all") == 6
    # Four more that differ in case or white space
    assert duplicates_across({"all": texts}).num_repeats("all") == 10


@pytest.mark.corpora
def test_sentences_that_are_in_both_halves_of_wikiann():
    folder = SHARED / "wikiann_en"
    if not folder.exists():
        pytest.skip(f"there is no {folder}")
    splits = {
        name: tagged_words(read_rows(folder / f"{name}.txt.xz", format="conll"))
        for name in ("train", "test")
    }
    assert duplicates_across(splits, exact=True).num_shared("test", "train") == 283
    assert duplicates_across(splits).num_shared("test", "train") == 284  # one by its case
