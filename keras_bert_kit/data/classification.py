"""Texts, or pairs of them, to inputs of an encoder, and what is said of inputs back to texts."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.features import Features, join_segments, num_special
from keras_bert_kit.data.inputs import InputOptions, Window, head_and_tail, windows
from keras_bert_kit.data.packing import cut_longest
from keras_bert_kit.text.characters import well_formed

ROWS_PER_CALL = 2_000  # of the tokenizer: enough to work well, little enough to hold in memory


def encode_texts(
    texts: Sequence[str],
    tokenizer,
    options: InputOptions,
    pairs: Sequence[str] | None = None,
    num_segments: int = 2,
) -> Features:
    """Tokenises texts, or pairs of texts, and makes inputs of them: `[CLS] A [SEP] B [SEP]`.

    What is too long is cut as `options.long_texts` says. Of a pair, tokens come off the longer text
    until both fit; with `"windows"` A stands in every window, with what B does not need of the room
    but at least half of it, while B is cut into windows.

    Args:
        texts: R texts; an empty one gives an input of special tokens alone.
        tokenizer: strings to ids.
        options: how long inputs may be.
        pairs: for each text the one that follows it as another segment.
        num_segments: how many segment ids the model knows.

    Returns:
        The inputs, one a row, or several with `"windows"`.

    Raises:
        ValueError: if there are not as many pairs as texts, or no room for text.
    """
    if pairs is not None and len(pairs) != len(texts):
        raise ValueError(f"There must be a pair for each of {len(texts)} texts; got {len(pairs)}.")
    vocabulary = tokenizer.vocabulary
    room = options.sequence_length - num_special(1 if pairs is None else 2, vocabulary)
    if room < 2:
        raise ValueError(
            f"`sequence_length` {options.sequence_length} leaves room for {room} tokens of text "
            "beside the special tokens; make it longer."
        )
    token_ids, segment_ids, rows, num_cut = [], [], [], []
    for first in range(0, len(texts), ROWS_PER_CALL):
        columns = [texts] if pairs is None else [texts, pairs]
        segments = [
            tokenizer([well_formed(t) for t in column[first : first + ROWS_PER_CALL]])
            for column in columns
        ]
        kept = _kept_lengths(segments, room, options.long_texts)
        values = [segment.values.numpy() for segment in segments]
        splits = [segment.row_splits.numpy() for segment in segments]
        for at in range(len(kept)):
            tokens = [v[s[at] : s[at + 1]] for v, s in zip(values, splits, strict=True)]
            parts = [_cut(t, n, options.long_texts) for t, n in zip(tokens, kept[at], strict=True)]
            cut = sum(map(len, tokens)) - sum(map(len, parts))
            spans = [Window(0, len(parts[-1]))]
            if options.long_texts == "windows":
                before = sum(map(len, parts[:-1]))
                # A short B may have less room than a stride, or none, beside a long A.
                if len(tokens[-1]) > room - before:
                    spans = windows(len(tokens[-1]), room - before, options.stride)
                else:
                    spans = [Window(0, len(tokens[-1]))]
                parts[-1], cut = tokens[-1], sum(map(len, tokens[:-1])) - before
            for start, stop in spans:
                ids, of_segment = join_segments(
                    [*parts[:-1], parts[-1][start:stop]], vocabulary, num_segments
                )
                token_ids.append(ids)
                segment_ids.append(of_segment)
                rows.append(first + at)
            num_cut.append(cut)
    return Features.of(token_ids, segment_ids, rows, num_cut)


def _kept_lengths(segments: list[tf.RaggedTensor], room: int, long_texts: str) -> np.ndarray:
    """`(R, S)`: how many tokens each segment keeps."""
    lengths = tf.stack([tf.cast(s.row_lengths(), tf.int32) for s in segments], axis=1)
    if long_texts == "windows" and len(segments) == 2:
        # A short B leaves more than half of the room to A.
        room_of_a = tf.maximum(room // 2, room - lengths[:, 1])
        return tf.stack([tf.minimum(lengths[:, 0], room_of_a), lengths[:, 1]], axis=1).numpy()
    is_long = tf.reduce_sum(lengths, axis=1) > room
    kept = lengths.numpy()
    if tf.reduce_any(is_long):
        kept[is_long.numpy()] = cut_longest(lengths[is_long], room).numpy()
    return kept


def _cut(tokens: np.ndarray, num_kept: int, long_texts: str) -> np.ndarray:
    if long_texts == "head_tail":
        return tokens[head_and_tail(len(tokens), num_kept)]
    return tokens[:num_kept]


def row_weights(features: Features) -> np.ndarray:
    """`(F,)` float32: weights with which every row counts the same, however many inputs it has.

    Their mean is 1. They hold where a batch's loss is divided by the number of its inputs and not
    by the sum of their weights: `compile(mean_over_weights=False)`.
    """
    weights = 1.0 / features.window_counts[features.rows]
    return (weights / weights.mean()).astype(np.float32)


def pool_windows(features: Features, values: np.ndarray) -> np.ndarray:
    """The mean over the inputs of each row.

    Args:
        features: the inputs.
        values: `(F, C)`, for instance the probabilities of classes for each input.

    Returns:
        `(R, C)` float64.

    Example:
        >>> features = Features.of([[2, 3]] * 3, [[0, 0]] * 3, [0, 0, 1], [0, 0])
        >>> pool_windows(features, np.array([[0.2], [0.4], [1.0]])).round(6).tolist()
        [[0.3], [1.0]]
    """
    sums = np.zeros((features.num_rows, values.shape[1]))
    np.add.at(sums, features.rows, values)
    return sums / features.window_counts[:, None]
