"""Normalised text to WordPieces: of every word the longest piece first, then of what is left."""

import logging
import unicodedata

import flatbuffers
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_kit.text.normalizer import NormalizationRules
from keras_bert_kit.text.vocabulary import (
    CONTINUATION_PREFIX,
    SPECIAL_TOKENS,
    UNKNOWN,
    Vocabulary,
)

MAX_CHARACTERS_PER_WORD = 100  # BERT makes longer words [UNK]

# How normalised text says "a special token": by words that no text leads to, for BERT drops
# private-use characters. They have as many bytes as the token, so that offsets stay right.
SPECIAL_STAND_INS = {
    token: chr(0xF8F0 + i).ljust(len(token) - 2, "x") for i, token in enumerate(SPECIAL_TOKENS)
}

logger = logging.getLogger(__name__)


class LongestMatch(tf.Module):
    """Splits normalised text into words and words into the pieces of a vocabulary.

    `FastWordpieceTokenizer` does it, made to be BERT exactly.

    Args:
        vocabulary: the pieces and their ids.
        rules: by which the text is normalised.

    Example:
        >>> from keras_bert_kit.text.normalizer import normalization_rules
        >>> vocabulary = Vocabulary([*SPECIAL_TOKENS, "read", "##ing", "!"])
        >>> longest_match = LongestMatch(vocabulary, normalization_rules(lowercase=True))
        >>> longest_match(tf.constant(["reading! ready"]))[0]
        <tf.RaggedTensor [[5, 6, 7, 1]]>

    Reference:
        Fast WordPiece tokenization (https://arxiv.org/abs/2012.15524)
    """

    def __init__(self, vocabulary: Vocabulary, rules: NormalizationRules):
        super().__init__(name="longest_match")
        self.vocabulary = vocabulary
        _warn_of_movable_marks(vocabulary, rules)
        model = tf_text.build_fast_wordpiece_model(
            _rename_tokens(vocabulary, rules),
            MAX_CHARACTERS_PER_WORD,  # bytes, to this kernel: see `_tokenize_long_words`
            CONTINUATION_PREFIX,
            SPECIAL_STAND_INS[UNKNOWN],
            False,  # the text is not split into words yet
            False,  # no detokenization
        )
        self._limit_at = _place_of_byte_limit(model)
        # `init_scope`: what is made inside a `tf.function` must outlive its graph.
        with tf.init_scope(), tf.device("CPU"):
            self._model = tf.constant(np.frombuffer(model, np.uint8))

    def __call__(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
        """The pieces of `texts`.

        Args:
            texts: strings `(B,)`, normalised.

        Returns:
            The ids, int32, and where in its text each piece begins and ends (exclusively), in
            bytes, int64; all three ragged `(B, None)`.
        """
        pieces = _wordpiece(self._model, texts)
        _, starts, ends = pieces
        # A word of more bytes than the limit has become one `[UNK]` of this many bytes.
        longest = tf.reduce_max(tf.concat([ends.flat_values - starts.flat_values, [0]], 0))
        return tf.cond(
            longest > MAX_CHARACTERS_PER_WORD,
            lambda: self._tokenize_long_words(texts),
            lambda: pieces,
        )

    def model_without_limit(self) -> tf.Tensor:
        """The model of `FastWordpieceTokenizer`, for words of any number of bytes, uint8."""
        no_limit = tf.constant([0xFF, 0xFF, 0xFF, 0x7F], tf.uint8)
        model = [self._model[: self._limit_at], no_limit, self._model[self._limit_at + 4 :]]
        return tf.concat(model, 0)

    def _tokenize_long_words(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
        """The same for any words, only slower: BERT's limit is one of characters, not of bytes."""
        rows, starts, ends = _wordpiece(self.model_without_limit(), texts)
        ids, starts, ends = rows.flat_values, starts.flat_values, ends.flat_values

        begins_word = ~tf.gather(self.vocabulary.is_continuation, ids)
        word = tf.cumsum(tf.cast(begins_word, tf.int64)) - 1  # of each piece
        is_boundary, text_starts = character_boundaries(texts)
        num_before = tf.concat([[0], tf.cumsum(tf.cast(is_boundary, tf.int32))], 0)
        text_start = tf.gather(text_starts, rows.value_rowids())
        size = tf.gather(num_before, text_start + ends) - tf.gather(num_before, text_start + starts)
        is_too_long = tf.gather(tf.math.segment_sum(size, word) > MAX_CHARACTERS_PER_WORD, word)

        # The first piece of a word too long becomes its `[UNK]`, the others go.
        ids = tf.where(is_too_long, self.vocabulary.unknown_id, ids)
        ends = tf.where(is_too_long, tf.gather(tf.math.segment_max(ends, word), word), ends)
        kept = rows.with_flat_values(begins_word | ~is_too_long)
        return tuple(
            tf.ragged.boolean_mask(rows.with_flat_values(x), kept) for x in (ids, starts, ends)
        )


def character_boundaries(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For every byte of the joined texts whether it begins a character; where each text begins."""
    data = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    text_starts = tf.cumsum(tf.cast(tf.strings.length(texts), tf.int64), exclusive=True)
    return tf.bitwise.bitwise_and(data, 0xC0) != 0x80, text_starts


def _wordpiece(model: tf.Tensor, texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
    """Ids, starts and ends, `(B, None)`, of the pieces of `texts` `(B,)`."""
    tokenizer = tf_text.FastWordpieceTokenizer(model_buffer=model, token_out_type=tf.int32)
    return tokenizer.tokenize_with_offsets(texts)


def _place_of_byte_limit(model: bytes) -> int:
    """Where in a model of `FastWordpieceTokenizer` its `max_bytes_per_word` stands, 4 bytes."""
    root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, model, 0)
    field = 4  # the number of the field in the schema
    return root + flatbuffers.table.Table(bytearray(model), root).Offset(4 + 2 * field)


def _rename_tokens(vocabulary: Vocabulary, rules: NormalizationRules) -> list[str]:
    """The tokens as they look in normalised text."""
    renamed = []
    for index, token in enumerate(vocabulary.tokens):
        name = token.translate(rules.stand_ins)
        # A token that normalisation changes (upper case in an uncased vocabulary, a control
        # character, private use) is one that no text leads to; nor does one to this new name.
        is_reachable = token.translate(rules.replacements).replace(" ", "") == name
        name = name if is_reachable else f"[unreachable {index}]"
        renamed.append(SPECIAL_STAND_INS.get(token, name))
    return renamed


def _warn_of_movable_marks(vocabulary: Vocabulary, rules: NormalizationRules) -> None:
    """Warns where a table is not enough: decomposition also puts marks in canonical order.

    Almost all marks are dropped as accents right after. The order of the rest (some of Adlam, of
    Balinese, of musical notation) matters only if the vocabulary has two that change places.
    """
    if not rules.strips_accents:
        return
    marks = [c for c in set("".join(vocabulary.tokens)) if unicodedata.combining(c)]
    marks = sorted(c for c in marks if ord(c) not in rules.replacements)
    if len({unicodedata.combining(c) for c in marks}) > 1:
        logger.warning(
            "The vocabulary holds %d combining marks of several classes (%s, ...). Text that does "
            "not write them in Unicode's canonical order may get other ids than from Transformers; "
            "normalise such text to NFC first.",
            len(marks),
            ", ".join(f"U+{ord(c):04X}" for c in marks[:5]),
        )
