"""Packs segments of tokens into rows `[CLS] A [SEP] B [SEP] [PAD] ...`, in graph, with no loop."""

from collections.abc import Sequence

import tensorflow as tf

from keras_bert_kit.text.vocabulary import Vocabulary


def pack_segments(
    segments: tf.RaggedTensor | Sequence[tf.RaggedTensor],
    vocabulary: Vocabulary,
    sequence_length: int,
    num_segments: int = 2,
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Packs one segment or several per row, and cuts the longest until they fit.

    Between two segments there are as many `[SEP]` as the model was trained with: one in BERT, two
    in RoBERTa (`<s> A </s></s> B </s>`).

    What does not fit comes off the end of the longest segment, token by token (of equally long
    ones, off the last), so that a short question keeps all its words beside a long paragraph.

    Args:
        segments: one ragged `(B, None)` int tensor per segment, as a tokenizer gives them, or the
            only one.
        vocabulary: whose `cls_id`, `sep_id` and `pad_id` to put in.
        sequence_length: the number of tokens T of every row.
        num_segments: how many segment ids the model knows; with 1, they are all 0.

    Returns:
        The batch `{token_ids, segment_ids, padding_mask}`, each `(B, T)` int32, and the number of
        tokens cut off each row, `(B,)` int32: log it where it is not 0.

    Raises:
        ValueError: if a segment is not ragged, or `sequence_length` has no room beside the special
            tokens.

    Example:
        >>> from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
        >>> vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "b", "c"])
        >>> question, text = tf.ragged.constant([[5]]), tf.ragged.constant([[6, 7, 6, 7]])
        >>> batch, num_cut = pack_segments([question, text], vocabulary, sequence_length=7)
        >>> batch["token_ids"].numpy().tolist(), num_cut.numpy().tolist()
        ([[2, 5, 3, 6, 7, 6, 3]], [1])
    """
    if isinstance(segments, tf.RaggedTensor):
        segments = [segments]
    for segment in segments:
        if not isinstance(segment, tf.RaggedTensor) or segment.shape.rank != 2:
            raise ValueError(
                f"`segments` must be ragged, of shape (B, None); received {segment!r}. "
                "`tf.RaggedTensor.from_tensor` makes a dense tensor ragged."
            )
    segments = _with_separators(segments, vocabulary.separators_between)
    room = sequence_length - 1 - len(segments)
    if room < 1:
        raise ValueError(
            f"`sequence_length` must have room for {1 + len(segments)} special tokens and at least "
            f"one more; received {sequence_length}."
        )
    lengths = tf.stack([tf.cast(s.row_lengths(), tf.int32) for s in segments], axis=1)  # (B, S)
    starts, before = [], 0
    for segment in segments:
        starts.append(tf.cast(segment.row_starts(), tf.int32) + before)
        before += tf.size(segment.flat_values)
    kept = cut_longest(lengths, room)
    batch = pack_spans(
        tf.concat([segment.flat_values for segment in segments], axis=0),
        tf.stack(starts, axis=1),
        kept,
        vocabulary,
        sequence_length,
        num_segments,
    )
    return batch, tf.reduce_sum(lengths - kept, axis=1)


def _with_separators(segments, count: int) -> list[tf.RaggedTensor]:
    """Segments with empty ones between them, each of which brings a `[SEP]` more."""
    nothing = segments[0][:, :0]
    spaced = [segments[0]]
    for segment in segments[1:]:
        spaced += [*[nothing] * (count - 1), segment]
    return spaced


def pack_spans(
    values: tf.Tensor,
    starts: tf.Tensor,
    lengths: tf.Tensor,
    vocabulary: Vocabulary,
    sequence_length: int,
    num_segments: int = 2,
) -> dict[str, tf.Tensor]:
    """Packs spans of a flat tensor, S to a row; those of a row need not be neighbours.

    Args:
        values: the token ids that the spans lie in, one after the other.
        starts: `(B, S)` int32, where in `values` each segment begins.
        lengths: `(B, S)` int32, its tokens; -1 for no such segment, which gets no `[SEP]` either.
        vocabulary: whose `cls_id`, `sep_id` and `pad_id` to put in.
        sequence_length: the number of tokens T of every row.
        num_segments: how many segment ids the model knows: later segments get the last of them.

    Returns:
        The batch `{token_ids, segment_ids, padding_mask}`, each `(B, T)` int32.

    Raises:
        tf.errors.InvalidArgumentError: if a row does not fit: see `cut_longest`.
    """
    sep_at = tf.cumsum(lengths + 1, axis=1)  # (B, S): [CLS] is at 0
    last = sep_at[:, -1:]
    tf.debugging.assert_less(last, sequence_length, "A row is longer than `sequence_length`.")
    at = tf.range(sequence_length)[None, :]  # (1, T)
    # The segment that a position belongs to, its [SEP] included: the [SEP]s to the left of it.
    segment = tf.reduce_sum(tf.cast(at[:, :, None] > sep_at[:, None, :], tf.int32), axis=2)
    present = at <= last
    segment = tf.where(present, segment, 0)
    to_values = starts - (sep_at - lengths)  # (B, S): from a position in the row to one in `values`
    source = at + tf.gather(to_values, segment, batch_dims=1)
    is_sep = at == tf.gather(sep_at, segment, batch_dims=1)
    is_token = present & (at > 0) & ~is_sep
    # An empty `values` has nothing to gather, even where nothing is wanted: a [PAD] stands there.
    values = tf.concat([tf.cast(values, tf.int32), [vocabulary.pad_id]], axis=0)
    token_ids = tf.where(is_token, tf.gather(values, tf.where(is_token, source, 0)), 0)
    token_ids = tf.where(is_sep, vocabulary.sep_id, token_ids)
    token_ids = tf.where(at == 0, vocabulary.cls_id, token_ids)
    return {
        "token_ids": tf.where(present, token_ids, vocabulary.pad_id),
        "segment_ids": tf.minimum(segment, num_segments - 1),
        "padding_mask": tf.cast(present, tf.int32),
    }


def cut_longest(lengths: tf.Tensor, room: int) -> tf.Tensor:
    """The lengths that are left when tokens come off the longest segment until `room` suffices.

    Args:
        lengths: `(B, S)` int32, the tokens of each segment.
        room: the most tokens of a row.

    Returns:
        `(B, S)` int32.

    Example:
        >>> cut_longest(tf.constant([[3, 9], [9, 9]]), 9).numpy().tolist()
        [[3, 6], [5, 4]]
    """
    # The highest level at which all fit, as water finds it; one token more for the first above it.
    levels = tf.range(room + 1)[None, :, None]  # (1, R, 1)
    fits = tf.reduce_sum(tf.minimum(lengths[:, None, :], levels), axis=2) <= room  # (B, R)
    level = tf.reduce_sum(tf.cast(fits, tf.int32), axis=1, keepdims=True) - 1
    level = tf.where(tf.reduce_sum(lengths, axis=1, keepdims=True) <= room, tf.int32.max, level)
    kept = tf.minimum(lengths, level)
    is_cut = tf.cast(lengths > level, tf.int32)
    left = room - tf.reduce_sum(kept, axis=1, keepdims=True)
    return kept + is_cut * tf.cast(tf.cumsum(is_cut, axis=1) <= left, tf.int32)
