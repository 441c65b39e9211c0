"""Texts, or pairs of them, to inputs of an encoder, and what is said of inputs back to texts."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.features import Features, num_special
from keras_bert_kit.data.inputs import HEAD_SHARE, InputOptions, Window, windows
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
    chunks = []
    for first in range(0, len(texts), ROWS_PER_CALL):
        columns = [texts] if pairs is None else [texts, pairs]
        segments = [
            tokenizer([well_formed(t) for t in column[first : first + ROWS_PER_CALL]])
            for column in columns
        ]
        lengths = np.stack([s.row_lengths().numpy() for s in segments], axis=1)  # (R, S)
        kept = _kept_lengths(segments, room, options.long_texts).astype(np.int64)
        if options.long_texts == "windows":
            rows, starts, sizes = _windows_of(lengths, kept, room, options.stride)
            num_cut = (lengths - kept)[:, :-1].sum(axis=1)  # of the last segment nothing is lost
        else:
            rows, starts, sizes = np.arange(len(kept)), np.zeros_like(kept), kept
            num_cut = (lengths - kept).sum(axis=1)
        places = [
            _places(starts[:, i], sizes[:, i], lengths[rows, i], options.long_texts)
            + np.repeat(segment.row_splits.numpy()[rows], sizes[:, i])
            for i, segment in enumerate(segments)
        ]
        tokens = [s.values.numpy()[at] for s, at in zip(segments, places, strict=True)]
        joined = _join(tokens, sizes, vocabulary, num_segments)
        chunks.append((*joined, rows + first, num_cut))
    token_ids, segment_ids, sizes, rows, num_cut = (
        np.concatenate([np.zeros(0, np.int64), *parts])
        for parts in (zip(*chunks, strict=True) if chunks else [()] * 5)
    )
    return Features(
        token_ids.astype(np.int32),
        segment_ids.astype(np.int32),
        np.concatenate([[0], np.cumsum(sizes)]),
        rows.astype(np.int32),
        len(num_cut),
        num_cut.astype(np.int32),
    )


def _windows_of(lengths: np.ndarray, kept: np.ndarray, room: int, stride: int | None):
    """The row of each input, and where in its segments `(F, S)` it starts and how much it takes.

    All segments but the last are the same in every window of a row.
    """
    rooms = room - kept[:, :-1].sum(axis=1)
    spans = [
        # A short B may have less room than a stride, or none, beside a long A.
        windows(length, room, stride) if length > room else [Window(0, length)]
        for length, room in zip(lengths[:, -1].tolist(), rooms.tolist(), strict=True)
    ]
    rows = np.repeat(np.arange(len(spans)), [len(some) for some in spans])
    starts, sizes = np.zeros_like(kept)[rows], kept[rows]
    starts[:, -1], stops = np.array([span for some in spans for span in some]).T
    sizes[:, -1] = stops - starts[:, -1]
    return rows, starts, sizes


def _places(starts, sizes, lengths, long_texts: str) -> np.ndarray:
    """Where in its segment each token that is taken stands, of one input after the other."""
    places = np.repeat(starts, sizes) + _count_each(sizes)
    if long_texts == "head_tail":
        is_tail = _count_each(sizes) >= np.repeat((sizes * HEAD_SHARE).astype(int), sizes)
        places += is_tail * np.repeat(lengths - sizes, sizes)
    return places


def _join(tokens: list[np.ndarray], sizes: np.ndarray, vocabulary, num_segments: int):
    """What `join_segments` makes of each input, one after the other; and their lengths.

    Args:
        tokens: by segment, those of all inputs.
        sizes: `(F, S)`, how many tokens of each segment an input has.
        vocabulary: whose special tokens to put in.
        num_segments: how many segment ids the model knows.
    """
    num_tokens = sizes.sum(axis=1) + num_special(sizes.shape[1], vocabulary)
    at = np.cumsum(num_tokens) - num_tokens  # where each input starts
    token_ids = np.full(num_tokens.sum(), vocabulary.sep_id, np.int32)
    segment_ids = np.zeros_like(token_ids)
    token_ids[at] = vocabulary.cls_id
    at, position = at + 1, _count_each(num_tokens)
    ends = np.ones_like(num_tokens)
    for index, (some, size) in enumerate(zip(tokens, sizes.T, strict=True)):
        if index:  # the first [SEP] ends the segment before
            is_later = position > np.repeat(ends, num_tokens)
            segment_ids[is_later] = min(index, max(num_segments, 1) - 1)
            at, ends = at + vocabulary.separators_between, ends + vocabulary.separators_between
        token_ids[np.repeat(at, size) + _count_each(size)] = some
        at, ends = at + size, ends + size
    return token_ids, segment_ids, num_tokens


def _count_each(sizes: np.ndarray) -> np.ndarray:
    """0, 1, ... up to each of the sizes, one after the other.

    Example:
        >>> _count_each(np.array([2, 0, 3])).tolist()
        [0, 1, 0, 1, 2]
    """
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


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
