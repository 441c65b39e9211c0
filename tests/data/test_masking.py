import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.data.masking import Masking, _fill_greedily, mask_tokens
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
# Ids 5 to 104 begin a word, ids 105 to 154 continue one.
VOCABULARY = Vocabulary(
    [*SPECIAL_TOKENS, *(f"w{i}" for i in range(100)), *(f"##p{i}" for i in range(50))]
)
T, M = 64, 10
WORDS = Masking()


def random_rows(num_rows=2000, share_of_pieces=0.3, seed=0):
    """`[CLS] A [SEP] B [SEP] [PAD] ...` of random words, the rows 20 to T tokens long."""
    rng = np.random.default_rng(seed)
    pieces = rng.random((num_rows, T)) < share_of_pieces
    rows = np.where(
        pieces, rng.integers(105, 155, pieces.shape), rng.integers(5, 105, pieces.shape)
    )
    length = rng.integers(20, T + 1, num_rows)
    rows[:, 0] = CLS
    rows[np.arange(num_rows), length // 2] = SEP
    rows[np.arange(num_rows), length - 1] = SEP
    return np.where(np.arange(T) < length[:, None], rows, PAD).astype(np.int32)


def mask(rows, masking=WORDS, max_predictions=M, seed=(0, 0)):
    masked = mask_tokens(rows, rows != PAD, VOCABULARY, max_predictions, seed, masking)
    return {name: value.numpy() for name, value in masked.items()}


def chosen(masked, num_tokens=T):
    """Whether a position was chosen, `(B, T)` bool."""
    is_chosen = np.zeros((len(masked["mask_positions"]), num_tokens), bool)
    rows, slots = np.nonzero(masked["mask_weights"])
    is_chosen[rows, masked["mask_positions"][rows, slots]] = True
    return is_chosen


def words_of(row):
    """The words of a row as lists of positions."""
    words, previous = [], SEP
    for position, token in enumerate(row.tolist()):
        if token > MASK and (token < 105 or previous <= MASK):
            words.append([position])
        elif token > MASK:
            words[-1].append(position)
        previous = token
    return words


def test_exact_values_for_a_fixed_seed():
    rows = np.array([[CLS, 5, 105, 6, 7, SEP, 8, 106, 107, SEP, PAD, PAD]], np.int32)
    masked = mask(rows, Masking(rate=0.5), max_predictions=6, seed=(1, 3))
    # Half of the ten tokens are five: words of one, one, and three pieces. Of their tokens one has
    # become a random one.
    assert {name: value.tolist() for name, value in masked.items()} == {
        "token_ids": [[CLS, 5, 105, MASK, 64, SEP, MASK, MASK, MASK, SEP, PAD, PAD]],
        "mask_positions": [[3, 4, 6, 7, 8, 0]],
        "mask_ids": [[6, 7, 8, 106, 107, 0]],
        "mask_weights": [[1, 1, 1, 1, 1, 0]],
    }


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_the_rate_and_the_bound(unit):
    rows = random_rows()
    num_tokens = (rows != PAD).sum(axis=1)
    wanted = np.array([max(1, round(0.15 * int(n))) for n in num_tokens])
    assert wanted.max() == M
    for max_predictions in (M, 5):
        masked = mask(rows, Masking(unit=unit), max_predictions)
        counts = masked["mask_weights"].sum(axis=1)
        bound = np.minimum(wanted, max_predictions)
        assert (counts <= bound).all()
        # A word or span that does not fit is skipped for the next: hardly a place stays empty.
        assert counts.sum() > 0.995 * bound.sum()
        if unit == "token":
            assert (counts == bound).all()


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_special_tokens_and_padding_are_never_chosen(unit):
    rows = random_rows()
    rows[:, 3], rows[:, 7] = UNKNOWN, MASK
    masked = mask(rows, Masking(unit=unit))
    assert (rows[chosen(masked)] > MASK).all()
    assert (masked["token_ids"][~chosen(masked)] == rows[~chosen(masked)]).all()


def test_the_original_tokens_are_kept_and_void_predictions_are_zero():
    rows = random_rows()
    masked = mask(rows)
    positions, ids, weights = (masked[f"mask_{name}"] for name in ("positions", "ids", "weights"))
    is_void = weights == 0
    assert set(np.unique(weights)) == {0, 1}
    assert (np.take_along_axis(rows, positions, axis=1)[~is_void] == ids[~is_void]).all()
    assert (positions[is_void] == 0).all() and (ids[is_void] == 0).all()
    assert (np.diff(weights, axis=1) <= 0).all()  # void predictions come last
    assert (np.diff(np.where(is_void, T + np.arange(M), positions), axis=1) > 0).all()
    restored = masked["token_ids"].copy()
    rows_of, slots = np.nonzero(weights)
    restored[rows_of, positions[rows_of, slots]] = ids[rows_of, slots]
    assert (restored == rows).all()


@pytest.mark.parametrize(("mask_rate", "random_rate"), [(0.8, 0.1), (0.5, 0.3), (1, 0), (0, 1)])
def test_the_replacements(mask_rate, random_rate):
    rows = random_rows(4000)
    masked = mask(rows, Masking(mask_rate=mask_rate, random_rate=random_rate))
    where = chosen(masked)
    before, after = rows[where], masked["token_ids"][where]
    num = len(before)
    assert num > 20_000
    # Of 150 ordinary tokens, one is the token that was there.
    expected = {
        "mask": mask_rate,
        "random": random_rate * 149 / 150,
        "same": 1 - mask_rate - random_rate * 149 / 150,
    }
    found = {
        "mask": np.mean(after == MASK),
        "random": np.mean((after != MASK) & (after != before)),
        "same": np.mean(after == before),
    }
    for name, share in expected.items():
        assert abs(found[name] - share) <= 4 * (share * (1 - share) / num) ** 0.5, name


def test_random_tokens_are_uniform_over_the_ordinary_ones():
    rows = random_rows(4000)
    masked = mask(rows, Masking(mask_rate=0, random_rate=1))
    counts = np.bincount(masked["token_ids"][chosen(masked)], minlength=155)
    assert (counts[:5] == 0).all()
    expected = counts.sum() / 150
    assert ((counts[5:] - expected) ** 2 / expected).sum() < 221  # 149 degrees: p = 1e-4


def test_replacements_are_drawn_for_each_token_of_a_word():
    rows = random_rows(share_of_pieces=0.6)
    masked = mask(rows)
    is_mask = masked["token_ids"] == MASK
    is_chosen = chosen(masked)
    num_mixed = sum(
        len(set(is_mask[row, word].tolist())) == 2
        for row, words in enumerate(map(words_of, rows[:300]))
        for word in words
        if is_chosen[row, word[0]]
    )
    assert num_mixed > 50


@pytest.mark.parametrize("unit", ["word", "span"])
def test_whole_words_are_chosen_whole(unit):
    rows = random_rows(500)
    is_chosen = chosen(mask(rows, Masking(unit=unit)))
    for row, words in enumerate(map(words_of, rows)):
        assert sum(map(len, words)) == (rows[row] > MASK).sum()
        for word in words:
            assert len(set(is_chosen[row, word].tolist())) == 1


def test_tokens_are_chosen_one_by_one_on_request():
    rows = random_rows(500)
    is_chosen = chosen(mask(rows, Masking(unit="token")))
    assert any(
        len(set(is_chosen[row, word].tolist())) == 2
        for row, words in enumerate(map(words_of, rows))
        for word in words
    )


def test_a_word_does_not_reach_over_a_special_token():
    # Truncation may leave a continuation at the front of a segment: a word of its own.
    row = np.array([[CLS, 5, SEP, 105, 106, SEP]], np.int32)
    rows = np.repeat(row, 100, axis=0)
    positions = mask(rows, Masking(rate=1, unit="word"), max_predictions=2)["mask_positions"]
    assert {tuple(row) for row in positions.tolist()} == {(1, 0), (3, 4)}


@pytest.mark.parametrize("unit", ["token", "word"])
def test_every_position_is_as_likely(unit):
    rows = np.full((1, T), 5, np.int32)
    rows[0, 0] = rows[0, -1] = CLS
    counts = chosen(mask(np.repeat(rows, 5000, axis=0), Masking(unit=unit)))[:, 1:-1].sum(axis=0)
    # Draws without replacement: the variance is smaller than that of chi-square's Poisson.
    expected = counts.sum() / 62
    statistic = ((counts - expected) ** 2 / expected).sum() / (1 - 10 / 62)
    assert statistic < 111  # 61 degrees of freedom: p = 1e-4


def test_spans_have_the_lengths_of_albert():
    masking = Masking(unit="span", max_span_words=3)
    assert masking.span_probabilities == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    # Three tokens of a long row, each a word: one span of three; or spans of two and one in either
    # order, where longer ones that do not fit are skipped; or three spans of one.
    p1, p2, p3 = masking.span_probabilities
    expected = {3: p3, 2: p2 + p1 * p2 / (p1 + p2), 1: p1 * p1 / (p1 + p2)}
    rows = np.full((4000, 512), 5, np.int32)
    counts = dict.fromkeys(expected, 0)
    for positions in mask(rows, masking, max_predictions=3)["mask_positions"]:
        one, other = np.diff(positions) == 1
        counts[1 + one + other] += 1
    for length, share in expected.items():
        # Spans that happen to be neighbours look like a longer one: in one row of a hundred.
        assert abs(counts[length] / 4000 - share) < 4 * (share / 4000) ** 0.5 + 0.01


def test_longer_spans_than_words_allow():
    rows = random_rows(200)
    masked = mask(rows, Masking(unit="span", max_span_words=30))
    assert (masked["mask_weights"].sum(axis=1) > 0).mean() > 0.9


def test_the_greedy_fill_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    sizes = rng.integers(0, 8, (3000, 40))
    budget = rng.integers(1, 25, (3000, 1))
    expected = np.zeros(sizes.shape, bool)
    for row, (row_sizes, left) in enumerate(zip(sizes, budget[:, 0], strict=True)):
        for item, size in enumerate(row_sizes):
            if 0 < size <= left:
                expected[row, item] = True
                left -= size
    found = _fill_greedily(tf.constant(sizes, tf.int32), tf.constant(budget, tf.int32))
    assert (found.numpy() == expected).all()


def test_rows_without_an_ordinary_token_have_no_prediction():
    rows = np.array([[CLS, SEP, SEP, PAD], [CLS, UNKNOWN, MASK, SEP], [PAD] * 4], np.int32)
    masked = mask(rows, max_predictions=2)
    assert (masked["token_ids"] == rows).all()
    assert (masked["mask_weights"] == 0).all() and (masked["mask_positions"] == 0).all()


def test_the_mask_decides_what_is_padding():
    rows = np.full((200, 8), 5, np.int32)
    masked = mask_tokens(rows, np.arange(8) < [[3]] * 200, VOCABULARY, 8, [0, 0], Masking(rate=1))
    assert (masked["mask_weights"].numpy().sum(axis=1) == 3).all()


def test_the_seed_decides():
    rows = random_rows(50)
    first, again, other = (mask(rows, seed=seed)["token_ids"] for seed in [(1, 2), (1, 2), (1, 3)])
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_inside_tf_data_it_is_the_same(unit):
    rows, masking = random_rows(24), Masking(unit=unit)

    def masked(rows, seed):
        return mask_tokens(rows, rows != PAD, VOCABULARY, M, tf.stack([0, seed]), masking)

    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(8).enumerate()
    dataset = dataset.map(lambda number, rows: masked(rows, number))
    assert dataset.element_spec["mask_positions"].shape[1] == M
    for number, batch in enumerate(dataset.as_numpy_iterator()):
        expected = mask(rows[8 * number : 8 * number + 8], masking, seed=(0, number))
        assert all((batch[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0}, r"`rate` must lie in \(0, 1\]; received 0"),
        ({"mask_rate": 1.2}, r"`mask_rate` must lie in \[0, 1\]; received 1.2"),
        ({"random_rate": 0.3}, "must not exceed 1 together; received 0.8 and 0.3"),
        ({"unit": "words"}, "`unit` must be one of token, word, span; received 'words'"),
        ({"max_span_words": 0}, "`max_span_words` must be positive; received 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Masking(**options)


@pytest.mark.parametrize("max_predictions", [0, T + 1])
def test_more_predictions_than_tokens_are_refused(max_predictions):
    with pytest.raises(ValueError, match=f"1 and the 64 tokens.*received {max_predictions}"):
        mask(random_rows(1), max_predictions=max_predictions)


def test_a_vocabulary_of_special_tokens_is_refused():
    with pytest.raises(ValueError, match="nothing but special tokens: there is nothing to mask"):
        mask_tokens([[CLS, SEP]], [[1, 1]], Vocabulary(SPECIAL_TOKENS), 1, [0, 0])
