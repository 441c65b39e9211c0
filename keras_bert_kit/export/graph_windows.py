"""Windows over texts inside the graph, for many texts at once: as in `data.inputs` and its like."""

from typing import NamedTuple

import tensorflow as tf


class Windows(NamedTuple):
    """F windows over the tokens of R texts, text by text; each has one or more.

    Attributes:
        rows: `(F,)` int64, the text.
        starts: `(F,)` int32, the first token.
        stops: `(F,)` int32, the one after the last.
        numbers: `(F,)` int32, which window of its text it is.
    """

    rows: tf.Tensor
    starts: tf.Tensor
    stops: tf.Tensor
    numbers: tf.Tensor


def windows(lengths: tf.Tensor, room: tf.Tensor, stride: int | None) -> Windows:
    """Windows of at most `room` tokens, as `data.inputs.windows`.

    Args:
        lengths: `(R,)` int32, the tokens of each text.
        room: `(R,)` int32, most tokens of a window.
        stride: tokens from the beginning of one to that of the next.

    Example:
        >>> found = windows(tf.constant([10, 3]), tf.constant([4, 4]), 3)
        >>> list(zip(found.rows.numpy().tolist(), found.starts.numpy().tolist()))
        [(0, 0), (0, 3), (0, 6), (1, 0)]
    """
    step = tf.maximum(1, room // 2) if stride is None else tf.fill(tf.shape(room), stride)
    last = tf.maximum(0, lengths - room)  # where the last one begins
    tf.debugging.assert_less_equal(
        tf.where(last > 0, step, 0),
        room,
        "Windows are further apart than they are long: text between them would be lost.",
    )
    numbers = tf.ragged.range(1 + (last + step - 1) // step)  # (R, None)
    rows = numbers.value_rowids()
    starts = tf.minimum(numbers.flat_values * tf.gather(step, rows), tf.gather(last, rows))
    stops = tf.minimum(starts + tf.gather(room, rows), tf.gather(lengths, rows))
    return Windows(rows, starts, stops, numbers.flat_values)


def beginnings(lengths: tf.Tensor, room: tf.Tensor) -> Windows:
    """The first `room` tokens of each text, as if that were its only window."""
    zeros = tf.zeros_like(lengths)
    rows = tf.range(tf.size(lengths, tf.int64))
    return Windows(rows, zeros, tf.minimum(lengths, room), zeros)


def whole_word_windows(sizes: tf.RaggedTensor, room: int, stride: int | None) -> Windows:
    """Windows that begin and end where words do, as `data.window_context.whole_word_windows`.

    Args:
        sizes: ragged `(R, None)` int32, tokens of each word, at most `room`.
        room: most tokens of a window.
        stride: tokens from the beginning of one to that of the next, or a few less.

    Example:
        >>> found = whole_word_windows(tf.ragged.constant([[2, 3, 1, 1, 2]]), 5, 3)
        >>> list(zip(found.starts.numpy().tolist(), found.stops.numpy().tolist()))
        [(0, 5), (2, 7), (5, 9)]
    """
    stride = max(1, room // 2) if stride is None else stride
    counts = tf.cast(sizes.row_lengths(), tf.int32)
    dense = sizes.to_tensor()  # (R, W)
    borders = tf.pad(tf.cumsum(dense, axis=1), [[0, 0], [1, 0]])  # (R, W + 1)
    is_border = tf.sequence_mask(counts + 1, tf.shape(borders)[1])
    borders = tf.where(is_border, borders, tf.int32.max)  # past the end of a text

    def border(number):
        return tf.gather(borders, number, batch_dims=1)

    def at_or_before(token):
        """The last border that is not after a token."""
        return tf.searchsorted(borders, token[:, None], side="right")[:, 0] - 1

    def go_on(step, first, last, found):
        reached = at_or_before(border(first) + room)
        # The last window ends with the text and is as full as words allow.
        fullest = tf.searchsorted(borders, (border(counts) - room)[:, None], side="left")[:, 0]
        first = tf.where(reached >= counts, fullest, first)
        is_new = (reached > last) & (last < counts)
        starts, stops = border(first), border(tf.maximum(reached, 0))
        found = found.write(step, tf.stack([tf.cast(is_new, tf.int32), starts, stops], axis=1))
        following = tf.maximum(first + 1, at_or_before(starts + stride))
        first = tf.minimum(tf.where(is_new, following, first + 1), counts)
        return step + 1, first, tf.where(is_new, reached, last), found

    zeros = tf.zeros_like(counts)
    _, _, _, found = tf.while_loop(
        lambda step, first, last, found: (step == 0) | tf.reduce_any(last < counts),
        go_on,
        (0, zeros, zeros - 1, tf.TensorArray(tf.int32, 0, True, element_shape=(None, 3))),
    )
    is_new, starts, stops = tf.unstack(tf.transpose(found.stack(), (1, 0, 2)), axis=2)  # (R, K)
    is_new = is_new == 1
    numbers = tf.cumsum(tf.cast(is_new, tf.int32), axis=1) - 1
    return Windows(tf.where(is_new)[:, 0], *(x[is_new] for x in (starts, stops, numbers)))


def richest_windows(
    found: Windows, num_rows: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor, stops: tf.Tensor
) -> tf.Tensor:
    """For each place the window with most text around it, as `data.window_context` has it.

    Args:
        found: the windows.
        num_rows: how many texts there are, int64.
        rows: `(N,)` int64, the text of each place.
        starts: `(N,)` int32, its first token.
        stops: `(N,)` int32, the one after its last.

    Returns:
        `(N,)` int32, the number of the window among those of the text.
    """

    def by_row(values):
        ragged = tf.RaggedTensor.from_value_rowids(values, found.rows, num_rows, validate=False)
        return ragged.to_tensor(-1)  # (R, K)

    firsts, ends = by_row(found.starts), by_row(found.stops)

    def look_from(number, best, chosen):
        """One window of each text after the other: all at once would be places times windows."""
        first, stop = (tf.gather(windows[:, number], rows) for windows in (firsts, ends))
        context = tf.cast(tf.minimum(starts - first, stop - stops), tf.float64)
        context += 0.01 * tf.cast(stop - first, tf.float64)
        is_inside = (first >= 0) & (starts >= first) & (stops <= stop)
        is_better = is_inside & (context > best)
        chosen = tf.where(is_better, number, chosen)
        return number + 1, tf.where(is_better, context, best), chosen

    none = -tf.ones(tf.shape(starts), tf.float64)
    _, _, chosen = tf.while_loop(
        lambda number, best, chosen: number < tf.shape(firsts)[1],
        look_from,
        (0, none, tf.zeros_like(starts)),
    )
    return chosen
