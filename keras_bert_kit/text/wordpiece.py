"""Text to WordPiece ids and back, inside the TensorFlow graph.

The ids are those of Transformers' `BertTokenizerFast`, for any text. Two kernels of tensorflow-text
do the work: `FastBertNormalizer` with BERT's own rules in it (see `normalizer.py`), then
`FastWordpieceTokenizer`. Nothing leaves the graph, so the same object tokenises in a `tf.data`
pipeline, in a `tf.function` and in a SavedModel; who loads such a SavedModel imports
`tensorflow_text` first.
"""

import re

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_kit.text.longest_match import (
    SPECIAL_STAND_INS,
    LongestMatch,
    character_boundaries,
)
from keras_bert_kit.text.normalizer import normalization_rules
from keras_bert_kit.text.pieces import as_ragged_ids, as_string_batch, join_pieces
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

_SPECIAL_TOKEN = "|".join(re.escape(token) for token in SPECIAL_TOKENS)


class WordPieceTokenizer(tf.Module):
    """BERT's tokenizer: cleaning, splitting at spaces and punctuation, longest pieces first.

    A special token written in the text, such as `[MASK]`, is plain text unless
    `special_tokens=True` asks for its id: what users write must not end a segment. That is the one
    difference to `BertTokenizerFast`. (A vocabulary that makes for another, by its combining
    marks, is warned of.) A word with bytes that are not UTF-8 becomes `[UNK]`.

    Args:
        vocabulary: the tokens and their ids.
        lowercase: lower-case first, as BERT's uncased models do.
        strip_accents: drop accents first; by default as `lowercase`.

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

    def __init__(
        self, vocabulary: Vocabulary, lowercase: bool = True, strip_accents: bool | None = None
    ):
        """Compiles the rules and the vocabulary; about a second for the first of a kind."""
        super().__init__(name="word_piece_tokenizer")
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        rules = normalization_rules(lowercase, self.strip_accents)
        self.longest_match = LongestMatch(vocabulary, rules)
        # `init_scope`: what is made inside a `tf.function` must outlive its graph.
        with tf.init_scope(), tf.device("CPU"):
            self._normalizer = tf_text.FastBertNormalizer(model_buffer=rules.model)
            self._tokens = tf.constant(vocabulary.tokens)

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
        texts, is_scalar = as_string_batch(texts)
        if special_tokens:
            parts, _ = _split_at_special_tokens(texts)  # (B, None)
            normalized = self._normalizer.normalize(parts.flat_values)
            normalized = _put_special_tokens(normalized, parts.flat_values)
        else:
            normalized = self._normalizer.normalize(texts)
        ids, _, _ = self.longest_match(normalized)
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
        texts, is_scalar = as_string_batch(texts)
        if special_tokens:
            parts, part_starts = _split_at_special_tokens(texts)
        else:
            parts = tf.RaggedTensor.from_uniform_row_length(texts, 1)
            part_starts = tf.zeros_like(parts, tf.int64)
        normalized, source = self._normalizer.normalize_with_offsets(parts.flat_values)
        if special_tokens:
            normalized = _put_special_tokens(normalized, parts.flat_values)
        ids, starts, ends = self.longest_match(normalized)

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


def _split_at_special_tokens(texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """The special tokens in `texts` and the stretches between them, and where each begins."""
    # The kernel takes NUL for the end of the text. BERT drops both that and U+0001.
    texts = tf.strings.regex_replace(texts, r"\x00", "\x01")
    parts, starts, _ = tf_text.regex_split_with_offsets(texts, _SPECIAL_TOKEN, _SPECIAL_TOKEN)
    return parts, starts


def _put_special_tokens(normalized: tf.Tensor, parts: tf.Tensor) -> tf.Tensor:
    """`normalized`, but the stand-in of the special token wherever `parts` are one."""
    for token, stand_in in SPECIAL_STAND_INS.items():
        normalized = tf.where(parts == token, stand_in, normalized)
    return normalized


def _character_ends(texts: tf.Tensor, row: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Where the characters end that byte `position` of text number `row` belongs to."""
    is_boundary, text_starts = character_boundaries(texts)
    boundaries = tf.concat([tf.where(is_boundary)[:, 0], [tf.size(is_boundary, tf.int64)]], 0)
    text_start = tf.gather(text_starts, row)
    following = tf.searchsorted(boundaries, text_start + position, side="right")
    ends = tf.gather(boundaries, following) - text_start
    size = tf.cast(tf.gather(tf.strings.length(texts), row), tf.int64)
    return tf.minimum(ends, size)  # the next text may begin with a stray byte
