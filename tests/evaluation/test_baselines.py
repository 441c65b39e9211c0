import math

import numpy as np
import pytest

from keras_bert_kit.evaluation.baselines import (
    commonest_rate,
    majority_rate,
    unigram_entropy,
    unigram_loss,
    wilson_interval,
)


def test_the_entropy_of_equal_counts_is_the_logarithm_of_their_number():
    assert unigram_entropy([3, 3, 3, 3]) == pytest.approx(math.log(4), rel=1e-12)


def test_the_entropy_by_hand():
    # p = 1/2, 1/4, 1/4: H = (1/2) ln 2 + 2 (1/4) ln 4 = (3/2) ln 2.
    assert unigram_entropy([2, 1, 0, 1]) == pytest.approx(1.5 * math.log(2), rel=1e-12)


def test_the_entropy_is_the_mean_loss_of_predicting_the_frequencies():
    tokens = np.array([0, 2, 2, 1, 2, 0, 2])
    frequencies = {0: 2 / 7, 1: 1 / 7, 2: 4 / 7}
    loss = sum(-math.log(frequencies[token]) for token in tokens.tolist()) / 7
    assert unigram_entropy(np.bincount(tokens, minlength=5)) == pytest.approx(loss, rel=1e-12)


def test_the_entropy_of_one_token_is_zero_without_a_sign():
    assert math.copysign(1.0, unigram_entropy([0, 9])) == 1.0
    assert unigram_entropy([0, 9]) == 0.0


def test_counts_do_not_overflow_in_a_narrow_type():
    counts = np.full(100, 1000, np.float16)
    assert unigram_entropy(counts) == pytest.approx(math.log(100), rel=1e-12)
    assert commonest_rate(counts) == pytest.approx(0.01, rel=1e-12)


def test_the_commonest_token_is_right_as_often_as_it_occurs():
    assert commonest_rate([5, 3, 0, 2]) == 0.5


def test_the_majority_of_labels():
    assert majority_rate([0, 1, 1, 0, 1]) == 0.6
    assert majority_rate(np.array([7, 7, 7])) == 1.0
    assert majority_rate(label for label in ("a", "b", "a", "c")) == 0.5


@pytest.mark.parametrize("baseline", [unigram_entropy, commonest_rate])
def test_counts_that_are_none_are_refused(baseline):
    with pytest.raises(ValueError, match="`counts` must not be negative, received -2"):
        baseline([3, -2])
    with pytest.raises(ValueError, match="`counts` are all zero: a baseline needs at least one"):
        baseline([0, 0])
    with pytest.raises(ValueError, match="`counts` are all zero"):
        baseline([])


def test_no_labels_are_refused():
    with pytest.raises(ValueError, match="`labels` is empty: a majority needs at least one label"):
        majority_rate([])


def test_the_interval_by_hand():
    # p = 0.8, n = 10, z = 1.959964, z^2 = 3.841459: the centre is 0.8 + 0.1920729 = 0.9920729, the
    # margin 1.959964 sqrt(0.016 + 0.0096036) = 0.3136154, and both are divided by 1.3841459.
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.4901625, abs=1e-6)
    assert high == pytest.approx(0.9433178, abs=1e-6)


def test_the_ends_are_where_the_score_test_just_rejects():
    # Wilson's interval holds the rates q with |p - q| <= z sqrt(q (1 - q) / n).
    z = 2.5758293035489004  # the normal quantile of 0.995
    for end in wilson_interval(37, 120, confidence=0.99):
        assert abs(37 / 120 - end) == pytest.approx(z * math.sqrt(end * (1 - end) / 120), rel=1e-9)


@pytest.mark.parametrize(("successes", "expected"), [(0, (0.0, 0.277533)), (10, (0.722467, 1.0))])
def test_the_interval_stays_within_zero_and_one(successes, expected):
    # At p = 0 the upper end is z^2 / (n + z^2) = 3.841459 / 13.841459.
    interval = wilson_interval(successes, 10)
    assert interval == pytest.approx(expected, abs=1e-6)
    assert interval[0] >= 0.0
    assert interval[1] <= 1.0


def test_the_interval_covers_the_true_rate_as_often_as_it_says():
    random = np.random.default_rng(0)
    successes = random.binomial(200, 0.3, size=4000)
    ends = np.array([wilson_interval(number, 200, confidence=0.9) for number in successes])
    covered = np.mean((ends[:, 0] <= 0.3) & (ends[:, 1] >= 0.3))
    # The coverage of discrete outcomes swings about the nominal one by a point or two.
    assert 0.88 < covered < 0.92


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "`total` must be positive, received 0"),
        ((1, float("nan")), "`total` must be positive, received nan"),
        ((11, 10), "`successes` must be between 0 and `total`, received 11 of 10"),
        ((-1, 10), "`successes` must be between 0 and `total`, received -1 of 10"),
        ((5, 10, 95), "`confidence` must be between 0 and 1, received 95"),
    ],
)
def test_impossible_rates_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        wilson_interval(*arguments)


def test_unigram_loss_is_the_cross_entropy_under_smoothed_frequencies():
    # q = (2, 4, 1) / 7
    expected = -(math.log(2 / 7) + 2 * math.log(4 / 7) + math.log(1 / 7)) / 4
    assert unigram_loss([1, 2, 1], [1, 3, 0]) == pytest.approx(expected, rel=1e-12)


def test_unigram_loss_is_at_least_the_entropy():
    counts = [5, 3, 2]
    assert unigram_loss(counts, [500_000, 300_000, 200_000]) == pytest.approx(
        unigram_entropy(counts), abs=1e-5
    )
    assert unigram_loss(counts, [1, 2, 3]) > unigram_entropy(counts)


def test_unigram_loss_scores_the_first_ids_of_the_vocabulary():
    assert unigram_loss([0, 1], [0, 0, 0, 0]) == pytest.approx(math.log(4))


def test_unigram_loss_refuses_what_it_cannot_score():
    with pytest.raises(ValueError, match="There is no token to score: all counts are 0"):
        unigram_loss([0, 0], [1, 1])
    with pytest.raises(ValueError, match="3 tokens to score, but training counts of only 2"):
        unigram_loss([1, 1, 1], [1, 1])
