"""`data.entities.split_words` and its like inside the graph: words and characters of texts."""

from typing import NamedTuple

import tensorflow as tf

from keras_bert_kit.export.character_table import ALONE, OTHER, WHITE, kinds_in_words
from keras_bert_kit.text.longest_match import character_boundaries


class Words(NamedTuple):
    """The words of B texts, each ragged `(B, None)`.

    Attributes:
        texts: strings.
        starts: int32, where each begins in its text, in characters.
        ends: int32, where it ends, exclusively.
    """

    texts: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


def split_words(texts: tf.Tensor) -> Words:
    """The words of texts as BERT sees them.

    Args:
        texts: strings `(B,)`, valid UTF-8.

    Example:
        >>> words = split_words(tf.constant(["In Zürich!"]))
        >>> words.starts.to_list(), words.ends.to_list()
        ([[0, 3, 9]], [[2, 9, 10]])
    """
    characters, byte_starts = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
    row, first_of_row = characters.value_rowids(), characters.row_starts()
    code_points, byte_starts = characters.flat_values, byte_starts.flat_values
    kind = tf.cast(kinds_in_words()(code_points), tf.int32)
    at = tf.range(tf.size(kind, tf.int64))
    follows_letter = tf.concat([[False], kind[:-1] == OTHER], 0)[: tf.size(kind)]
    follows_letter &= at > tf.gather(first_of_row, row)
    begins = (kind == ALONE) | ((kind == OTHER) & ~follows_letter)

    first = tf.where(begins)[:, 0]  # of each word
    inside = tf.where(kind != WHITE)[:, 0]
    word = tf.gather(tf.cumsum(tf.cast(begins, tf.int64)) - 1, inside)
    lengths = tf.math.segment_sum(tf.ones_like(inside), word)
    num_bytes = tf.math.segment_sum(tf.gather(_num_bytes(code_points), inside), word)

    word_row = tf.gather(row, first)
    starts = tf.cast(first - tf.gather(first_of_row, word_row), tf.int32)
    words = tf.strings.substr(
        tf.gather(texts, word_row), tf.gather(byte_starts, first), tf.cast(num_bytes, tf.int64)
    )
    by_text = tf.RaggedTensor.from_value_rowids(
        words, word_row, tf.size(texts, tf.int64), validate=False
    )
    ends = starts + tf.cast(lengths, tf.int32)
    return Words(by_text, by_text.with_flat_values(starts), by_text.with_flat_values(ends))


def characters_before(texts: tf.Tensor, row: tf.Tensor, byte: tf.Tensor) -> tf.Tensor:
    """How many characters of a text are before one of its bytes.

    Args:
        texts: strings `(B,)`, valid UTF-8.
        row: `(N,)` int64, which text.
        byte: `(N,)` integers, which byte.

    Returns:
        `(N,)` int32.

    Example:
        >>> texts = tf.constant(["naïve", "é"])
        >>> characters_before(texts, tf.constant([0, 1]), tf.constant([6, 2])).numpy().tolist()
        [5, 1]
    """
    is_boundary, text_starts = character_boundaries(texts)
    before = tf.concat([[0], tf.cumsum(tf.cast(is_boundary, tf.int32))], 0)
    start = tf.gather(text_starts, row)
    return tf.gather(before, start + tf.cast(byte, tf.int64)) - tf.gather(before, start)


def _num_bytes(code_points: tf.Tensor) -> tf.Tensor:
    """The bytes of each character in UTF-8, int32."""
    return 1 + sum(tf.cast(code_points >= more, tf.int32) for more in (0x80, 0x800, 0x10000))
