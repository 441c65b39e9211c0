"""Chooses tokens to predict and replaces them: single tokens, whole words or spans of words."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_bert_kit.text.vocabulary import Vocabulary

UNITS = ("token", "word", "span")
SPECIAL, BEGINS_WORD, CONTINUES_WORD = 0, 1, 2


@dataclass(frozen=True)
class Masking:
    """How to mask.

    Args:
        rate: the share of a row's tokens to predict, special tokens counted as in the original.
        mask_rate: the share of them that become `[MASK]`.
        random_rate: the share that become a random token; the rest stay as they are.
        unit: what is chosen at once: a `"token"` (a piece of a word), a whole `"word"`, or a
            `"span"` of 1 to `max_span_words` words, n of them with a probability of 1/n, scaled.
        max_span_words: the longest span.

    Raises:
        ValueError: if a share is not one, the two shares exceed 1, or `unit` is unknown.

    Example:
        >>> Masking(unit="span", max_span_words=2).span_probabilities.round(3).tolist()
        [0.667, 0.333]

    Reference:
        [Devlin et al. 2018, section 3.1](https://arxiv.org/abs/1810.04805); whole words: the README
        of the authors' repository; spans: [Lan et al. 2019, section 4.1](https://arxiv.org/abs/1909.11942)
    """

    rate: float = 0.15
    mask_rate: float = 0.8
    random_rate: float = 0.1
    unit: str = "word"
    max_span_words: int = 3

    def __post_init__(self):
        """Refuses options out of range."""
        if not 0 < self.rate <= 1:
            raise ValueError(f"`rate` must lie in (0, 1]; received {self.rate}.")
        for name in ("mask_rate", "random_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` must lie in [0, 1]; received {getattr(self, name)}.")
        if self.mask_rate + self.random_rate > 1:
            raise ValueError(
                "`mask_rate` and `random_rate` must not exceed 1 together; received "
                f"{self.mask_rate} and {self.random_rate}."
            )
        if self.unit not in UNITS:
            raise ValueError(f"`unit` must be one of {', '.join(UNITS)}; received {self.unit!r}.")
        if self.max_span_words < 1:
            raise ValueError(f"`max_span_words` must be positive; received {self.max_span_words}.")

    @property
    def span_probabilities(self) -> np.ndarray:
        """The probability of a span of 1, 2, ... words, `(max_span_words,)` float64."""
        weights = 1 / np.arange(1, self.max_span_words + 1)
        return weights / weights.sum()


def mask_tokens(
    token_ids: tf.Tensor,
    padding_mask: tf.Tensor,
    vocabulary: Vocabulary,
    max_predictions: int,
    seed: tf.Tensor,
    masking: Masking = Masking(),
) -> dict[str, tf.Tensor]:
    """Masks a batch of rows: the same `seed` masks the same rows alike, wherever it runs.

    Groups of tokens (`masking.unit`) are taken in random order, and one that does not fit into
    `min(max_predictions, max(1, round(rate * tokens)))` any more is skipped. Special tokens and
    padding are never chosen nor drawn as a random token, and no word or span reaches over them.

    Args:
        token_ids: `(B, T)` int32.
        padding_mask: `(B, T)` bool or int, 1 where there is a token.
        vocabulary: whose `is_continuation`, `special_ids` and `mask_id` to go by.
        max_predictions: the number of predictions M of every row, of which some may be void.
        seed: `(2,)` int, for instance the seed of the run and the number of the batch.
        masking: the rates and the unit.

    Returns:
        `token_ids (B, T)` int32 with the replacements, `mask_positions (B, M)` int32 ascending,
        `mask_ids (B, M)` int32 the tokens that were there, `mask_weights (B, M)` float32: 1, or 0
        for the void ones at the end of a row, whose position and id are 0.

    Raises:
        ValueError: if `max_predictions` is not in 1 to T, or no token is left to draw at random.

    Example:
        >>> from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
        >>> vocabulary = Vocabulary([*SPECIAL_TOKENS, "un", "##do", "it"])
        >>> row = tf.constant([[2, 5, 6, 7, 3, 0]])  # [CLS] un ##do it [SEP] [PAD]
        >>> masking = Masking(rate=0.5, mask_rate=1, random_rate=0)
        >>> masked = mask_tokens(row, row > 0, vocabulary, 2, [0, 2], masking)
        >>> masked["token_ids"].numpy().tolist(), masked["mask_ids"].numpy().tolist()
        ([[2, 4, 4, 7, 3, 0]], [[5, 6]])
    """
    token_ids = tf.cast(token_ids, tf.int32)
    padding_mask = tf.cast(padding_mask, tf.bool)
    most = token_ids.shape[1]  # None where the number of tokens is not known yet
    if not 1 <= max_predictions <= (most or max_predictions):
        raise ValueError(
            f"`max_predictions` must lie between 1 and the {most} tokens of a row; received "
            f"{max_predictions}."
        )
    # The seeds that a split gives depend on the type of the first one.
    seeds = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int64), 4))
    kind = tf.gather(_kinds(vocabulary), token_ids)  # (B, T)
    eligible = padding_mask & (kind != SPECIAL)
    begins = _begins_group(kind, eligible, masking, seeds[0])

    num_tokens = tf.reduce_sum(tf.cast(padding_mask, tf.float64), axis=1, keepdims=True)
    wanted = tf.cast(tf.round(num_tokens * masking.rate), tf.int32)  # half to even, as Python's
    budget = tf.minimum(tf.maximum(wanted, 1), max_predictions)  # (B, 1)
    chosen = eligible & _choose(begins, eligible, budget, seeds[1])

    coin = _uniform(seeds[2], tf.shape(token_ids))
    drawn = _random_tokens(vocabulary, tf.shape(token_ids), seeds[3])
    replaced = tf.where(coin < masking.mask_rate, vocabulary.mask_id, drawn)
    is_replaced = chosen & (coin < masking.mask_rate + masking.random_rate)

    # The largest of T - position come first: ascending positions, and the void ones at the end.
    length = tf.shape(token_ids)[1]
    from_end = tf.where(chosen, length - tf.range(length), 0)
    from_end = tf.math.top_k(from_end, max_predictions).values  # (B, M)
    is_prediction = from_end > 0
    positions = tf.where(is_prediction, length - from_end, 0)
    return {
        "token_ids": tf.where(is_replaced, replaced, token_ids),
        "mask_positions": positions,
        "mask_ids": tf.where(is_prediction, tf.gather(token_ids, positions, batch_dims=1), 0),
        "mask_weights": tf.cast(is_prediction, tf.float32),
    }


def _begins_group(kind, eligible, masking: Masking, seed) -> tf.Tensor:
    """Whether a group of tokens begins at a position, `(B, T)` bool."""
    if masking.unit == "token":
        return eligible
    follows = tf.pad(eligible[:, :-1], [[0, 0], [1, 0]])
    begins_word = eligible & ((kind == BEGINS_WORD) | ~follows)
    if masking.unit == "word":
        return begins_word
    # Lengths drawn one after the other divide the words of a row into spans (a renewal process).
    limits = tf.constant(np.cumsum(masking.span_probabilities)[:-1], tf.float32)
    draws = _uniform(seed, tf.shape(kind))
    lengths = 1 + tf.reduce_sum(tf.cast(draws[:, :, None] >= limits, tf.int32), axis=2)
    word = tf.cumsum(tf.cast(begins_word, tf.int32), axis=1) - 1
    span = tf.searchsorted(tf.cumsum(lengths, axis=1), word, side="right")
    is_new = span != tf.pad(span[:, :-1], [[0, 0], [1, 0]], constant_values=-1)
    return begins_word & (is_new | ~follows)


def _choose(begins, eligible, budget, seed) -> tf.Tensor:
    """Takes groups in random order while they fit; `(B, T)` bool, of use where eligible."""
    shape = tf.shape(begins)
    row = tf.range(shape[0])[:, None] * shape[1]
    group = row + tf.maximum(tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1, 0)  # (B, T)
    # A place for each group, flat: B * T of them; those without a group have size 0.
    sizes = tf.math.unsorted_segment_sum(tf.cast(eligible, tf.int32), group, tf.reduce_prod(shape))
    order = row + tf.math.top_k(_uniform(seed, shape), shape[1]).indices
    taken = tf.cast(_fill_greedily(tf.gather(sizes, order), budget), tf.int32)
    taken = tf.scatter_nd(order[:, :, None], taken, tf.reduce_prod(shape, keepdims=True))
    return tf.gather(taken, group) > 0


def _fill_greedily(sizes: tf.Tensor, budget: tf.Tensor) -> tf.Tensor:
    """Takes the items of each row from left to right, but for those that do not fit any more.

    Each round takes the longest prefix that fits and drops all later items larger than what it
    leaves: the first of them is the one that a loop would skip next. As many rounds as there are
    skips of a different size: two or three.
    """

    def is_over(total, sizes):
        return tf.reduce_any(total[:, -1:] > budget)

    def drop(total, sizes):
        fits = total <= budget
        left = budget - tf.reduce_max(tf.where(fits, total, 0), axis=1, keepdims=True)
        sizes = tf.where(fits | (sizes <= left), sizes, 0)
        return tf.cumsum(sizes, axis=1), sizes

    _, sizes = tf.while_loop(is_over, drop, (tf.cumsum(sizes, axis=1), sizes))
    return sizes > 0


def _uniform(seed, shape) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, alg="philox")


def _random_tokens(vocabulary, shape, seed) -> tf.Tensor:
    """Random tokens, special ones apart."""
    ordinary = np.setdiff1d(np.arange(len(vocabulary)), vocabulary.special_ids).astype(np.int32)
    if not len(ordinary):
        raise ValueError("The vocabulary has nothing but special tokens: there is nothing to mask.")
    draws = tf.random.stateless_uniform(shape, seed, 0, len(ordinary), tf.int32, alg="philox")
    return tf.gather(ordinary, draws)


def _kinds(vocabulary) -> np.ndarray:
    """Per id, whether it is special, begins a word or continues one; `(V,)` int8."""
    kinds = np.where(vocabulary.is_continuation, CONTINUES_WORD, BEGINS_WORD).astype(np.int8)
    kinds[vocabulary.special_ids] = SPECIAL
    return kinds
