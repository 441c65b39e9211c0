"""Text to WordPiece ids and back, inside the TensorFlow graph.

The ids are those of Transformers' `BertTokenizerFast`, for any text. Two kernels of tensorflow-text
do the work: `FastBertNormalizer` with BERT's own rules in it (see `normalizer.py`), then
`FastWordpieceTokenizer`. Nothing leaves the graph, so the same object tokenises in a `tf.data`
pipeline, in a `tf.function` and in a SavedModel; who loads such a SavedModel imports
`tensorflow_text` first.
"""

import logging
import re
import unicodedata

import flatbuffers
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_kit.text.normalizer import NormalizationRules, normalization_rules
from keras_bert_kit.text.pieces import as_ragged_ids, join_pieces
from keras_bert_kit.text.vocabulary import (
    CONTINUATION_PREFIX,
    SPECIAL_TOKENS,
    UNKNOWN,
    Vocabulary,
)

MAX_CHARACTERS_PER_WORD = 100  # BERT makes longer words [UNK]

_SPECIAL_TOKEN = "|".join(re.escape(token) for token in SPECIAL_TOKENS)
# Words that no text leads to, for BERT drops private-use characters: with them normalised text says
# "a special token" and "a word too long". As many bytes as the token, so that offsets stay right.
_STAND_INS = {
    token: chr(0xF8F0 + i).ljust(len(token) - 2, "x") for i, token in enumerate(SPECIAL_TOKENS)
}

logger = logging.getLogger(__name__)


class WordPieceTokenizer(tf.Module):
    """BERT's tokenizer: cleaning, splitting at spaces and punctuation, longest pieces first.

    A special token written in the text, such as `[MASK]`, is plain text unless
    `special_tokens=True` asks for its id: what users write must not end a segment. That is the one
    difference to `BertTokenizerFast`. A word with bytes that are not UTF-8 becomes `[UNK]`.

    Args:
        vocabulary: the tokens and their ids.
        lowercase: lower-case and drop accents first, as BERT's uncased models do.

    Example:
        >>> vocabulary = Vocabulary(
        ...     ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "read", "##ing", "is", "!", "naive"]
        ... )
        >>> tokenizer = WordPieceTokenizer(vocabulary)
        >>> tokenizer("Reading is naïve!").numpy().tolist()
        [5, 6, 7, 9, 8]
        >>> tokenizer(["Reading", "[MASK] is naive"], special_tokens=True).to_list()
        [[5, 6], [4, 7, 9]]
        >>> ids, starts, ends = tokenizer.tokenize_with_offsets("naïve!")
        >>> list(zip(ids.numpy().tolist(), starts.numpy().tolist(), ends.numpy().tolist()))
        [(9, 0, 6), (8, 6, 7)]
        >>> tokenizer.detokenize([5, 6, 7, 9, 8]).numpy()
        b'reading is naive!'

    Reference:
        BERT (https://arxiv.org/abs/1810.04805), section 3 and the released `tokenization.py`;
        Fast WordPiece tokenization (https://arxiv.org/abs/2012.15524).
    """

    def __init__(self, vocabulary: Vocabulary, lowercase: bool = True):
        """Compiles the rules and the vocabulary; about a second for the first of a kind."""
        super().__init__(name="word_piece_tokenizer")
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        rules = normalization_rules(lowercase)
        if lowercase:
            _warn_of_movable_marks(vocabulary, rules)
        model = tf_text.build_fast_wordpiece_model(
            _rename_tokens(vocabulary, rules),
            MAX_CHARACTERS_PER_WORD,  # bytes, to this kernel: see `_tokenize_long_words`
            CONTINUATION_PREFIX,
            _STAND_INS[UNKNOWN],
            False,  # not split into words yet
            False,  # no detokenization: that is in `pieces.py`
        )
        self._limit_at = _place_of_byte_limit(model)
        # `init_scope`: a tokenizer made inside a `tf.function` must outlive its graph.
        with tf.init_scope(), tf.device("CPU"):
            self._model = tf.constant(np.frombuffer(model, np.uint8))
            self._tokens = tf.constant(vocabulary.tokens)
            self._normalizer = tf_text.FastBertNormalizer(model_buffer=rules.model)

    def __call__(self, texts, special_tokens: bool = False):
        """The ids of the pieces of `texts`, without `[CLS]` and `[SEP]`.

        Args:
            texts: strings, UTF-8, scalar or `(B,)`.
            special_tokens: give `[MASK]`, `[SEP]` and their like, where `texts` hold them
                literally, their ids. They count wherever they stand, inside a word too.

        Returns:
            The ids, int32: `(T,)` for a scalar, ragged `(B, None)` for a batch.

        Raises:
            TypeError: if `texts` are not strings.
            ValueError: if `texts` have another rank.
        """
        texts, is_scalar = _as_batch(texts)
        if special_tokens:
            parts, _ = _split_at_special_tokens(texts)  # (B, None)
            normalized = self._normalizer.normalize(parts.flat_values)
            normalized = _put_special_tokens(normalized, parts.flat_values)
        else:
            normalized = self._normalizer.normalize(texts)
        ids, _, _ = self._tokenize_normalized(normalized)
        if special_tokens:
            ids = parts.with_flat_values(ids).merge_dims(1, 2)
        return ids.flat_values if is_scalar else ids

    def tokenize_with_offsets(self, texts, special_tokens: bool = False):
        """The ids and where in `texts` each piece came from.

        `texts[i][starts[i, t]:ends[i, t]]`, as bytes, is what piece `t` stands for: from the first
        byte of its first character to the last byte of its last one. That is Transformers'
        `offset_mapping`, which counts characters. What cleaning dropped at the end of a piece, such
        as a combining accent, is in no span; what it dropped inside a piece is in that piece's.

        Args:
            texts: strings, UTF-8, scalar or `(B,)`.
            special_tokens: as for calling the tokenizer.

        Returns:
            `(ids, starts, ends)`, int32, of one shape: `(T,)` for a scalar, ragged `(B, None)` for
            a batch. `ids` are those of calling the tokenizer; `ends` are exclusive.

        Raises:
            TypeError: if `texts` are not strings.
            ValueError: if `texts` have another rank.
        """
        texts, is_scalar = _as_batch(texts)
        if special_tokens:
            parts, part_starts = _split_at_special_tokens(texts)
        else:
            parts = tf.RaggedTensor.from_uniform_row_length(texts, 1)
            part_starts = tf.zeros_like(parts, tf.int64)
        normalized, source = self._normalizer.normalize_with_offsets(parts.flat_values)
        if special_tokens:
            normalized = _put_special_tokens(normalized, parts.flat_values)
        ids, starts, ends = self._tokenize_normalized(normalized)

        # From bytes of a normalised part to bytes of the part, then of the text.
        part = ids.value_rowids()
        origin = tf.gather(source.row_starts(), part)
        starts = tf.gather(source.flat_values, origin + starts.flat_values)
        last_bytes = tf.gather(source.flat_values, origin + ends.flat_values - 1)
        ends = _character_ends(parts.flat_values, part, last_bytes)
        part_starts = tf.gather(part_starts.flat_values, part)

        ids = parts.with_flat_values(ids).merge_dims(1, 2)
        pieces = [ids.flat_values, *(tf.cast(part_starts + x, tf.int32) for x in (starts, ends))]
        return tuple(x if is_scalar else ids.with_flat_values(x) for x in pieces)

    def detokenize(self, ids, drop_special_tokens: bool = False) -> tf.Tensor:
        """The text of `ids`: pieces joined to words, words by spaces, punctuation in its place.

        What tokenization lost (case, accents, spacing) does not come back, but the text gives the
        same ids again, unless there are `[UNK]` among them.

        Args:
            ids: integers: `(T,)`, `(B, T)` or ragged `(B, None)`.
            drop_special_tokens: leave out `[PAD]`, `[CLS]`, ... rather than show them.

        Returns:
            Strings: scalar for `(T,)`, else `(B,)`.

        Raises:
            TypeError: if `ids` are not integers.
            ValueError: if `ids` have another rank.
        """
        ids, is_scalar = as_ragged_ids(ids)
        if drop_special_tokens:
            is_special = tf.reduce_any(ids.flat_values[:, None] == self.vocabulary.special_ids, 1)
            ids = tf.ragged.boolean_mask(ids, ids.with_flat_values(~is_special))
        texts = join_pieces(ids.with_flat_values(tf.gather(self._tokens, ids.flat_values)))
        return texts[0] if is_scalar else texts

    def _tokenize_normalized(self, normalized: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
        """Ids, starts and ends, `(B, None)`, of the pieces of normalised texts `(B,)`."""
        pieces = _wordpiece(self._model, normalized)
        _, starts, ends = pieces
        # A word of more bytes than the limit has become one `[UNK]` of this many bytes.
        longest = tf.reduce_max(tf.concat([ends.flat_values - starts.flat_values, [0]], 0))
        return tf.cond(
            longest > MAX_CHARACTERS_PER_WORD,
            lambda: self._tokenize_long_words(normalized),
            lambda: pieces,
        )

    def _tokenize_long_words(self, normalized: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
        """The same for any words, only slower: BERT's limit is one of characters, not of bytes."""
        no_limit = tf.constant([0xFF, 0xFF, 0xFF, 0x7F], tf.uint8)
        model = [self._model[: self._limit_at], no_limit, self._model[self._limit_at + 4 :]]
        rows, starts, ends = _wordpiece(tf.concat(model, 0), normalized)
        ids, starts, ends = rows.flat_values, starts.flat_values, ends.flat_values

        begins_word = ~tf.gather(self.vocabulary.is_continuation, ids)
        word = tf.cumsum(tf.cast(begins_word, tf.int64)) - 1  # of each piece
        is_boundary, text_starts = _character_boundaries(normalized)
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


def _wordpiece(model: tf.Tensor, texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
    """Ids, starts and ends, `(B, None)`, of the pieces of `texts` `(B,)`."""
    tokenizer = tf_text.FastWordpieceTokenizer(model_buffer=model, token_out_type=tf.int32)
    return tokenizer.tokenize_with_offsets(texts)


def _as_batch(texts) -> tuple[tf.Tensor, bool]:
    """`texts` as `(B,)` strings, and whether it was a scalar."""
    try:
        tensor = tf.convert_to_tensor(texts, dtype_hint=tf.string)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`texts` must be strings, scalar or (B,), got {texts!r:.200}.") from error
    if tensor.dtype != tf.string:
        raise TypeError(f"`texts` must be strings, scalar or (B,), got {tensor.dtype.name}.")
    if tensor.shape.rank not in (0, 1):
        raise ValueError(
            f"`texts` must be a scalar or of shape (B,), got shape {tensor.shape}: flatten them."
        )
    return tf.reshape(tensor, [-1]), tensor.shape.rank == 0


def _split_at_special_tokens(texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """The special tokens in `texts` and the stretches between them, and where each begins."""
    # The kernel takes NUL for the end of the text. BERT drops both that and U+0001.
    texts = tf.strings.regex_replace(texts, r"\x00", "\x01")
    parts, starts, _ = tf_text.regex_split_with_offsets(texts, _SPECIAL_TOKEN, _SPECIAL_TOKEN)
    return parts, starts


def _put_special_tokens(normalized: tf.Tensor, parts: tf.Tensor) -> tf.Tensor:
    """`normalized`, but the stand-in of the special token wherever `parts` are one."""
    for token, stand_in in _STAND_INS.items():
        normalized = tf.where(parts == token, stand_in, normalized)
    return normalized


def _character_boundaries(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For every byte of the joined texts whether it begins a character; where each text begins."""
    data = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    text_starts = tf.cumsum(tf.cast(tf.strings.length(texts), tf.int64), exclusive=True)
    return tf.bitwise.bitwise_and(data, 0xC0) != 0x80, text_starts


def _character_ends(texts: tf.Tensor, row: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Where the characters end that byte `position` of text number `row` belongs to."""
    is_boundary, text_starts = _character_boundaries(texts)
    boundaries = tf.concat([tf.where(is_boundary)[:, 0], [tf.size(is_boundary, tf.int64)]], 0)
    text_start = tf.gather(text_starts, row)
    following = tf.searchsorted(boundaries, text_start + position, side="right")
    ends = tf.gather(boundaries, following) - text_start
    size = tf.cast(tf.gather(tf.strings.length(texts), row), tf.int64)
    return tf.minimum(ends, size)  # the next text may begin with a stray byte


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
        renamed.append(_STAND_INS.get(token, name if is_reachable else f"[unreachable {index}]"))
    return renamed


def _warn_of_movable_marks(vocabulary: Vocabulary, rules: NormalizationRules) -> None:
    """Warns where a table is not enough: decomposition also puts marks in canonical order.

    Almost all marks are dropped as accents right after. The order of the rest (some of Adlam, of
    Balinese, of musical notation) matters only if the vocabulary has two that change places.
    """
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
