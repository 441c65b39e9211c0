import math

import numpy as np
import pytest

from keras_bert_kit.evaluation.verdict import beats_best, verdict

BASELINES = {"majority": 0.5, "ridge": 0.8}
AHEAD = " It is ahead of majority."


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        (0.9, {}, "BERT beats ridge: accuracy 0.900 against 0.800."),
        (0.7, {}, "BERT does NOT beat ridge: accuracy 0.700 against 0.800." + AHEAD),
        (0.4, {}, "BERT does NOT beat ridge: accuracy 0.400 against 0.800."),
        (0.8, {}, "BERT does NOT beat ridge: accuracy 0.800 against 0.800." + AHEAD),
        (0.8001, {}, "BERT beats ridge: accuracy 0.8001 against 0.8000."),
        (
            0.9,
            {"difference_interval": (0.02, 0.18)},
            "BERT beats ridge: accuracy 0.900 against 0.800 (95 % interval of the difference 0.020 "
            "to 0.180).",
        ),
        (
            0.9,
            {"difference_interval": (-0.02, 0.18)},
            "BERT does NOT clearly beat ridge: accuracy 0.900 against 0.800, no better than chance "
            "difference (95 % interval of the difference -0.020 to 0.180)." + AHEAD,
        ),
        (
            0.7,
            {"difference_interval": (-0.18, -0.02)},
            "BERT does NOT beat ridge: accuracy 0.700 against 0.800 (95 % interval of the "
            "difference -0.180 to -0.020). It is ahead of majority.",
        ),
        (
            [0.9, 0.8, 0.85],
            {},
            "BERT does NOT clearly beat ridge: accuracy 0.850 ± 0.050 over 3 seeds against 0.800, "
            "no better than chance difference (within the deviation between seeds). It is ahead of "
            "majority.",
        ),
        (
            0.9,
            {"difference_interval": (0.02, 0.18), "num_rows": 12},
            "BERT does NOT clearly beat ridge: accuracy 0.900 against 0.800, no better than chance "
            "difference (95 % interval of the difference 0.020 to 0.180), on no more than 12 rows."
            + AHEAD,
        ),
        (0.9, {"num_rows": 20}, "BERT beats ridge: accuracy 0.900 against 0.800."),
        (
            np.array([0.9, 0.92]),
            {"name": "bert-tiny"},
            "bert-tiny beats ridge: accuracy 0.910 ± 0.014 over 2 seeds against 0.800.",
        ),
    ],
)  # fmt: skip
def test_sentences(model, options, sentence):
    assert verdict("accuracy", model, BASELINES, **options) == sentence


def test_an_error_should_be_low():
    found = verdict("error", 0.6, {"mean": 1.0, "ridge": 0.5}, higher_is_better=False)
    assert found == "BERT does NOT beat ridge: error 0.600 against 0.500. It is ahead of mean."
    assert verdict("error", 0.4, {"mean": 1.0}, higher_is_better=False).startswith("BERT beats")


def test_an_undefined_baseline_is_passed_over():
    found = verdict("pearson", 0.6, {"mean": None, "cosine": math.nan, "ridge": 0.5})
    assert found == "BERT beats ridge: pearson 0.600 against 0.500."


@pytest.mark.parametrize(
    ("model", "baselines", "options", "word"),
    [
        (0.9, BASELINES, {}, "yes"),
        (0.8, BASELINES, {}, "no"),
        (0.9, BASELINES, {"difference_interval": (-0.02, 0.18)}, "not clearly"),
        ([0.9, 0.8, 0.85], BASELINES, {"difference_interval": (0.01, 0.09)}, "not clearly"),
        (0.4, {"mean": 1.0, "ridge": 0.5}, {"higher_is_better": False}, "yes"),
        (0.9, BASELINES, {"num_rows": 19}, "not clearly"),
        (0.7, BASELINES, {"num_rows": 19}, "no"),
        (None, BASELINES, {}, None),
        (0.9, {"mean": None}, {}, None),
    ],
)
def test_the_same_in_a_word(model, baselines, options, word):
    assert beats_best(model, baselines, **options) == word


def test_nothing_to_compare():
    assert verdict("f1", 0.6, {"mean": None}) == (
        "BERT has the f1 0.600; there is no baseline to set it against."
    )
    for model in (None, math.nan, [0.5, None]):
        assert verdict("f1", model, BASELINES) == (
            "The f1 of BERT is not defined on these rows: there is no verdict."
        )
