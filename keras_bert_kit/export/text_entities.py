"""Strings to named entities with their places, all inside the graph."""

import tensorflow as tf

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.entities import OUTSIDE, parts_of_tag
from keras_bert_kit.data.features import num_special
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.tag_decoding import transitions_of
from keras_bert_kit.export.character_table import white_space_around
from keras_bert_kit.export.graph_inputs import in_chunks, pack
from keras_bert_kit.export.graph_tags import likeliest_tags
from keras_bert_kit.export.graph_windows import (
    beginnings,
    richest_windows,
    whole_word_windows,
)
from keras_bert_kit.export.graph_words import split_words
from keras_bert_kit.export.served_model import serve
from keras_bert_kit.text.bytepair_graph import replace_invalid


class EntitiesOfTexts:
    """The entities that a model finds in texts: as `Bundle.predict_text`, inside the graph.

    Args:
        bundle: a model that tags words, with its labels.
        options: how texts are read.
    """

    def __init__(self, bundle: Bundle, options: InputOptions):
        self.bundle = bundle
        self.options = options
        labels = bundle.labels
        parts = [parts_of_tag(label) for label in labels]
        self._begins = [prefix == "B" for prefix, _ in parts]
        self._goes_on = [prefix == "I" for prefix, _ in parts]
        self._names = [name for _, name in parts]
        self._outside = labels.index(OUTSIDE) if OUTSIDE in labels else 0
        self._transitions = transitions_of(bundle.tag_scheme, labels)

    def __call__(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """The entities of texts.

        Args:
            texts: strings `(B,)`.

        Returns:
            Each `(B, E)`, E the most entities of a text; where a text has fewer, the strings are
            empty, the places -1 and the probabilities 0.
            - `entities`: the characters of each as they stand in the text.
            - `labels`: what they are.
            - `starts`, `ends`: int32, where they are in the text, in characters.
            - `probabilities`: float32, that of the least certain word.
        """
        texts = replace_invalid(texts)
        words = split_words(texts)
        tags, sure = self._tags(words.texts)
        row = words.texts.value_rowids()
        names = tf.gather(self._names, tags)
        is_outside = tf.gather([name == OUTSIDE for name in self.bundle.labels], tags)
        goes_on = tf.gather(self._goes_on, tags)
        is_open = goes_on | tf.gather(self._begins, tags)

        def before(values, first):
            return tf.concat([[first], values], 0)[:-1]

        goes_on &= (before(row, -1) == row) & before(is_open, False) & (before(names, "") == names)
        begins = ~is_outside & ~goes_on
        word = tf.where(~is_outside)[:, 0]  # those in entities
        entity = tf.gather(tf.cumsum(tf.cast(begins, tf.int64)) - 1, word)
        first = tf.where(begins)[:, 0]
        entity_row = tf.gather(row, first)
        starts = tf.gather(words.starts.flat_values, first)
        ends = tf.math.segment_max(tf.gather(words.ends.flat_values, word), entity)
        found = tf.strings.substr(
            tf.gather(texts, entity_row), starts, ends - starts, unit="UTF8_CHAR"
        )
        sure = tf.math.segment_min(tf.gather(sure, word), entity)

        def by_text(values, padding):
            ragged = tf.RaggedTensor.from_value_rowids(
                values, entity_row, tf.size(texts, tf.int64), validate=False
            )
            return ragged.to_tensor(padding)

        return {
            "entities": by_text(found, ""),
            "labels": by_text(tf.gather(names, first), ""),
            "starts": by_text(starts, -1),
            "ends": by_text(ends, -1),
            "probabilities": by_text(sure, 0.0),
        }

    def _tags(self, words: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The tag of each word and its probability, `(W,)`, of words `(B, None)`."""
        tokenizer = self.bundle.tokenizer
        row = words.value_rowids()
        is_first = tf.range(tf.size(row, tf.int64)) == tf.gather(words.row_starts(), row)
        stripped = tf.strings.regex_replace(words.flat_values, white_space_around(), "")
        spaced = tf.where(is_first | (stripped == ""), stripped, " " + stripped)
        pieces = tokenizer(spaced)  # (W, None)
        sizes = tf.cast(pieces.row_lengths(), tf.int32)
        tokens = words.with_flat_values(pieces).merge_dims(1, 2)  # (B, None)

        speaks = tf.where(sizes > 0)[:, 0]  # the words that the tokenizer sees something in
        row, sizes_of_speaking = tf.gather(row, speaks), tf.gather(sizes, speaks)
        first_token = tf.cast(tf.gather(pieces.row_starts(), speaks), tf.int32)
        starts = first_token - tf.gather(tf.cast(tokens.row_starts(), tf.int32), row)
        room = self.options.sequence_length - num_special(1, tokenizer.vocabulary)
        lengths = tf.cast(tokens.row_lengths(), tf.int32)
        num_rows = tf.size(lengths, tf.int64)
        if self.options.long_texts == "windows":
            found = whole_word_windows(
                _parts(sizes_of_speaking, row, num_rows, room), room, self.options.stride
            )
        else:
            found = beginnings(lengths, tf.fill(tf.shape(lengths), room))
            is_read = starts < room
            speaks, row, starts, sizes_of_speaking = (
                x[is_read] for x in (speaks, row, starts, sizes_of_speaking)
            )
        stops = tf.minimum(starts + tf.minimum(sizes_of_speaking, room), tf.gather(lengths, row))
        number = richest_windows(found, num_rows, row, starts, stops)

        first_of_row = tf.gather(tf.cast(tokens.row_starts(), tf.int32), found.rows)
        inputs = pack(
            tokens.flat_values,
            [first_of_row + found.starts],
            [found.stops - found.starts],
            tokenizer.vocabulary,
            self.bundle.encoder,
        )
        said = in_chunks(lambda x: serve(self.bundle.model, x), inputs)["probabilities"]
        # The first piece of a word speaks for it, after [CLS].
        first_window = tf.searchsorted(found.rows, row, side="left")
        window = first_window + number
        place = 1 + starts - tf.gather(found.starts, window)
        probabilities = tf.gather_nd(said, tf.stack([window, place], axis=1))
        at = speaks[:, None]
        said = tf.one_hot(tf.fill(tf.shape(sizes), self._outside), tf.shape(probabilities)[1])
        said = tf.tensor_scatter_nd_update(said, at, probabilities)
        tags = likeliest_tags(words.with_flat_values(said), self._transitions)
        sure = tf.gather(said, tags, batch_dims=1)
        return tags, tf.scatter_nd(at, tf.gather(sure, speaks), tf.shape(sizes, tf.int64))


def _parts(sizes: tf.Tensor, row: tf.Tensor, num_rows: tf.Tensor, room: int) -> tf.RaggedTensor:
    """The sizes of words by row, those of more than `room` tokens cut as if they were several."""
    counts = (sizes + room - 1) // room
    before = room * tf.ragged.range(counts).flat_values
    parts = tf.minimum(room, tf.repeat(sizes, counts) - before)
    return tf.RaggedTensor.from_value_rowids(
        parts, tf.repeat(row, counts), num_rows, validate=False
    )
