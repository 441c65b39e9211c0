import math

import pytest

from keras_bert_kit.evaluation.scores import Score, format_apart, format_number, results_table


def test_mean_and_deviation_over_seeds():
    score = Score.of_seeds([1.0, 2.0, 6.0], low=0.5, high=7.0)
    assert (score.value, score.low, score.high, score.seeds) == (3.0, 0.5, 7.0, 3)
    assert score.deviation == pytest.approx(math.sqrt(7))  # (4 + 1 + 9) / 2
    assert str(score) == "3.000 ± 2.646 [0.500, 7.000]"


def test_one_seed_has_no_deviation():
    assert Score.of_seeds([0.5]).deviation is None


@pytest.mark.parametrize("values", [[], [None], [0.5, None], [0.5, math.nan]])
def test_a_seed_without_a_number_leaves_none(values):
    assert str(Score.of_seeds(values)) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (-0.25, "-0.250"), (-0.0004, "0.000"), (99.5, "99.500"), (1234.6, "1,235")],
)
def test_numbers(value, text):
    assert format_number(value) == text


def test_numbers_that_differ_do_not_look_alike():
    assert format_apart(0.80001, 0.80002) == ("0.80001", "0.80002")
    assert format_apart(0.5, 0.5 + 1e-9) == ("0.500000", "0.500000")


def test_a_table_has_a_column_for_everybody():
    results = {"a": {"BERT": 0.5}, "b": {"majority": None, "BERT": Score(math.nan)}}
    assert results_table(results).splitlines() == [
        "|     |  BERT | majority |",
        "| --- | ----: | -------: |",
        "| a   | 0.500 |        - |",
        "| b   |     - |        - |",
    ]


@pytest.mark.parametrize("results", [{}, {"accuracy": {}}])
def test_no_results(results):
    with pytest.raises(ValueError, match="`results` is empty: expected at least one metric"):
        results_table(results)
