import json
import logging
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.evaluation.squad_metrics import (
    answer_f1,
    exact_match,
    normalize_answer,
    question_scores,
    squad_metrics,
)

# Made by make_squad_golden.py with the official scripts.
GOLDEN = json.loads(Path(__file__).with_name("squad_golden.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat", "cat"),
        ("a an the", ""),
        ("The", ""),
        ("theory of Anna", "theory of anna"),  # articles within words stay
        ("bathe an anthem", "bathe anthem"),
        ("the-cat", "thecat"),  # punctuation goes first and leaves no space
        ("a-the", "athe"),
        ("a.", ""),
        ("U.S.A.", "usa"),
        ("A. B.", "b"),
        ("...", ""),
        ("!?%$", ""),
        ("the–cat", "–cat"),  # an en dash is no ASCII punctuation, and ends a word
        ("“the” end", "“ ” end"),
        ("don't", "dont"),
        ("a_the", "athe"),  # an underscore is punctuation
        ("  one\t two\n", "one two"),
        ("one\u00a0two\u2003three", "one two three"),
        ("ÄRGER", "ärger"),
        ("中国", "中国"),
        ("10,000", "10000"),
        ("", ""),
    ],
)
def test_the_clean_up_by_hand(text, expected):
    assert normalize_answer(text) == expected


@pytest.mark.parametrize(
    ("reference", "answer", "exact", "f1"),
    [
        ("the Norman dynasty", "Norman dynasty!", 1, 1),
        ("Norman dynasty", "dynasty Norman", 0, 1),  # F1 knows no order
        ("one two", "two three", 0, 1 / 2),
        ("one two three", "three", 0, 1 / 2),  # 2 * 1 / (3 + 1)
        ("yes", "yes yes yes", 0, 1 / 2),  # a repeated word counts once: 2 * 1 / (1 + 3)
        ("yes yes", "yes yes yes", 0, 4 / 5),
        ("1066–1087", "1066-1087", 0, 0),  # an en dash stays, a hyphen goes
        ("1066-1087", "10661087", 1, 1),
        ("cat", "", 0, 0),
        ("", "", 1, 1),
        ("", "the", 1, 1),
        ("the", "a", 1, 1),
    ],
)
def test_scores_by_hand(reference, answer, exact, f1):
    assert exact_match(reference, answer) == exact
    assert answer_f1(reference, answer) == pytest.approx(f1, abs=1e-15)


def test_answers_without_words_get_no_f1_in_version_1_1():
    assert answer_f1("the", "a") == 1.0
    assert answer_f1("the", "a", version="1.1") == 0.0
    metrics = squad_metrics({"q": ["the"]}, {"q": "a"}, version="1.1")
    assert (metrics["exact_match"], metrics["f1"]) == (1.0, 0.0)


def test_the_best_of_several_references_counts():
    references = {"q": ["in 1066", "1066", "1066", "the year 1066"]}
    metrics = squad_metrics(references, {"q": "year 1066"})
    assert (metrics["exact_match"], metrics["f1"]) == (1.0, 1.0)
    metrics = squad_metrics(references, {"q": "about year 1066"})
    # "year 1066" shares 2 of 2 and 3 words: 4 / 5; "1066" 2 / 4.
    assert (metrics["exact_match"], metrics["f1"]) == (0.0, pytest.approx(0.8))


def test_questions_without_an_answer():
    references = {"a": ["cat"], "b": [], "c": [], "d": []}
    metrics = squad_metrics(references, {"a": "cat sat", "b": "", "c": "cat", "d": "the ..."})
    assert metrics == {
        "exact_match": 2 / 4,  # "the ..." has no words, and so is an empty answer
        "f1": pytest.approx((2 / 3 + 1 + 0 + 1) / 4),
        "has_answer_exact_match": 0.0,
        "has_answer_f1": pytest.approx(2 / 3),
        "no_answer_accuracy": pytest.approx(2 / 3),
        "questions": 4,
        "no_answer_questions": 3,
    }


def test_a_reference_without_words_is_an_answer_that_only_an_empty_one_matches():
    # The script drops such references but still counts the question as one with an answer.
    metrics = squad_metrics({"q": ["The"]}, {"q": ""})
    assert metrics["has_answer_exact_match"] == 1.0
    assert metrics["no_answer_accuracy"] is None
    withheld = squad_metrics({"q": ["The"]}, {"q": ""}, {"q": 2.0})
    assert withheld["has_answer_exact_match"] == 0.0


def test_a_threshold_withholds_answers():
    references = {"a": ["cat"], "b": [], "c": ["dog"]}
    predictions = {"a": "cat", "b": "cat", "c": "dog"}
    scores = {"a": -3.0, "b": 2.0, "c": 1.0}
    # Withheld above the threshold, not at it.
    assert squad_metrics(references, predictions, scores, 1.0)["exact_match"] == 1.0
    assert squad_metrics(references, predictions, scores, 0.9)["exact_match"] == 2 / 3
    assert squad_metrics(references, predictions, scores, 2.0)["exact_match"] == 2 / 3


def test_the_best_threshold_by_hand():
    references = {"a": ["cat"], "b": [], "c": ["big dog"], "d": []}
    predictions = {"a": "cat", "b": "cat", "c": "dog", "d": ""}
    scores = {"a": -2.0, "b": 0.5, "c": 0.25, "d": 3.0}
    metrics = squad_metrics(references, predictions, scores, threshold=-9.0)
    # All withheld: 2 of 4. With a: 3. With c: 3 exact, and 3 2/3 of F1. With b: one less.
    assert (metrics["best_exact_match"], metrics["best_exact_match_threshold"]) == (3 / 4, -2.0)
    assert metrics["best_f1"] == pytest.approx((3 + 2 / 3) / 4)
    assert metrics["best_f1_threshold"] == 0.25
    assert metrics["exact_match"] == 2 / 4


def test_a_best_threshold_that_answers_nothing_is_said(caplog):
    metrics = squad_metrics({"a": ["cat"], "b": []}, {"a": "dog", "b": ""}, {"a": -2.0, "b": 1.0})
    assert metrics["best_f1_threshold"] == 0.0
    assert "than to answer no question at all" in caplog.text


@pytest.mark.parametrize("case", GOLDEN, ids=range(len(GOLDEN)))
def test_the_numbers_of_the_official_script(case):
    found = squad_metrics(
        case["references"], case["predictions"], case["no_answer_scores"], case["threshold"]
    )
    expected = case["official_2"]
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    # The script leaves out what the kit says is None.
    assert {name for name, value in found.items() if value is None} == {
        "has_answer_exact_match",
        "has_answer_f1",
        "no_answer_accuracy",
    } - set(expected)
    if "official_1" in case:
        found = squad_metrics(case["references"], case["predictions"], version="1.1")
        expected = case["official_1"]
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_the_golden_cases_are_of_every_kind():
    kinds = [
        (all(case["references"].values()), any(case["references"].values())) for case in GOLDEN
    ]
    assert {(True, True), (False, True)} <= set(kinds)
    assert any("official_1" in case for case in GOLDEN)


def test_scores_of_each_question():
    scores = question_scores({"b": [], "a": ["big cat"]}, {"a": "cat", "b": ""})
    nan = np.nan
    np.testing.assert_array_equal(scores["exact_match"], [1, 0])
    np.testing.assert_allclose(scores["f1"], [1, 2 / 3])
    np.testing.assert_array_equal(scores["no_answer_accuracy"], [1, nan])
    np.testing.assert_array_equal(scores["has_answer_exact_match"], [nan, 0])


def test_without_answers_the_scores_of_answers_are_none(caplog):
    metrics = squad_metrics({"q": []}, {"q": ""})
    assert metrics["has_answer_f1"] is None
    assert "no question has an answer" in caplog.text


def test_predictions_for_other_questions_are_counted(caplog):
    with caplog.at_level(logging.WARNING):
        squad_metrics({"q": ["cat"]}, {"q": "cat", "x": "dog", "y": ""})
    assert "`predictions` has 2 ids that are no question: left out." in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, {}), "`references` is empty: a metric needs at least one question"),
        (
            ({"a": ["x"], "b": [], "c": []}, {"b": ""}),
            "`predictions` has nothing for 2 of 3 questions: a, c. Predict an empty text",
        ),
        (
            ({str(i): [] for i in range(9)}, {}),
            "nothing for 9 of 9 questions: 0, 1, 2, 3, 4 and 4 more",
        ),
        (({"a": ["x"]}, {"a": None}), "must be texts, received None for question a"),
        (
            ({"a": ["x"], "b": []}, {"a": "", "b": ""}, {"a": 1.0}),
            "`no_answer_scores` has nothing for 1 of 2 questions: b. Give a score for every",
        ),
        (
            ({"a": ["x"]}, {"a": ""}, {"a": float("nan")}),
            "`no_answer_scores` is NaN for 1 questions: a",
        ),
        (
            ({"a": ["x"], "b": []}, {"a": "", "b": ""}, None, 1.0, "1.1"),
            "1.1 has an answer to every question, received none for 1: b. Score them with",
        ),
        (({"a": []}, {"a": ""}, None, 1.0, "2"), "`version` must be one of 2.0, 1.1, received '2'"),
    ],
)
def test_what_cannot_be_scored_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        squad_metrics(*arguments)
