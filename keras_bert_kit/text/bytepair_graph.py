"""Byte-level BPE in TensorFlow operations only, for SavedModels.

The ids are exactly those of the `tokenizers` package. A regular expression cuts texts into words;
each different word is looked up once; those that are not a piece by themselves are merged, all at
the same time, a merge of each word a step. Ragged tensors hold what differs in length.
"""

import re
from functools import cache
from typing import NamedTuple

import tensorflow as tf
from tokenizers import Regex, Tokenizer, models, normalizers

from keras_bert_kit.text.bytepair_vocabulary import (
    BYTE_LETTERS,
    SPECIAL_TOKENS,
    BytePairVocabulary,
)

# U+D800 as if it were a character. No UTF-8 text holds it, so it can mark places in texts.
CUT = b"\xed\xa0\x80"
_VALID = r"[\x{0}-\x{D7FF}\x{E000}-\x{10FFFF}]*"  # RE2's dot would let U+D800 pass


class BytePairGraph(tf.Module):
    """Texts to ids.

    Args:
        vocabulary: the tokens, their ids and the merges.
        add_prefix_space: put a space before texts that begin without.

    Example:
        >>> vocabulary = BytePairVocabulary(
        ...     [*SPECIAL_TOKENS, "l", "o", "w", "Ġ", "lo"], merges=[("l", "o")]
        ... )
        >>> BytePairGraph(vocabulary)(tf.constant(["low low", ""]))
        <tf.RaggedTensor [[9, 7, 8, 9, 7], []]>
    """

    def __init__(self, vocabulary: BytePairVocabulary, add_prefix_space: bool = False):
        super().__init__(name="byte_pair_graph")
        self.vocabulary = vocabulary
        self.add_prefix_space = add_prefix_space
        id_of = vocabulary.id_of
        self._num_merges = len(vocabulary.merges)
        self._is_orderly = _is_orderly(vocabulary)
        pairs = [id_of(a) * len(vocabulary) + id_of(b) for a, b in vocabulary.merges]
        ranks = {pair: rank for rank, pair in enumerate(pairs)}
        special = {token.encode(): id_of(token) for token in SPECIAL_TOKENS}
        added = {token.encode(): id_of(token) for token in vocabulary.added_tokens}
        # `init_scope`: what is made inside a `tf.function` must outlive its graph.
        with tf.init_scope(), tf.device("CPU"):
            self._byte_ids = tf.constant([id_of(letter) for letter in BYTE_LETTERS])
            self._merged = tf.constant([*(id_of(a + b) for a, b in vocabulary.merges), -1])
            self._ranks = _table(ranks, -1, self._num_merges)
            self._whole_words = _table(_whole_words(vocabulary), CUT, -1)
            self._special = _table(special, CUT, -1)
            self._added = _table(added, CUT, -1)

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and slow
    def __call__(self, texts: tf.Tensor, special_tokens: bool = False) -> tf.RaggedTensor:
        """The ids of the pieces of `texts`.

        Args:
            texts: strings `(B,)`.
            special_tokens: whether special tokens in `texts` are more than text.

        Returns:
            The ids, int32, ragged `(B, None)`.
        """
        with tf.device("CPU"):  # many small steps, not worth the way to a GPU
            texts = replace_invalid(texts)
            if special_tokens or self.vocabulary.added_tokens:
                return self._tokenize_around_tokens(texts, special_tokens)
            return self._tokenize(texts)

    def _tokenize_around_tokens(self, texts: tf.Tensor, special_tokens: bool) -> tf.RaggedTensor:
        """The ids, `(B, None)`, of texts `(B,)` that may hold special or added tokens."""
        parts, ids = self._split_at_tokens(texts, special_tokens)
        is_token = ids >= 0
        pieces = self._tokenize(tf.where(is_token, "", parts.flat_values))
        tokens = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(ids, is_token), tf.cast(is_token, tf.int64), validate=False
        )
        pieces = tf.concat([tokens, pieces], axis=1)  # one or the other is empty
        return parts.with_flat_values(pieces).merge_dims(1, 2)

    def _split_at_tokens(
        self, texts: tf.Tensor, special_tokens: bool
    ) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Parts of the texts, `(B, None)`, and the ids of those that are tokens, of others -1."""
        parts = tf.RaggedTensor.from_uniform_row_length(texts, 1)
        ids = tf.fill(tf.shape(texts), -1)
        mask = re.escape(self.vocabulary.mask_token)
        if special_tokens:
            space = f"[{character_classes().space}]*"
            pattern = "|".join(map(re.escape, SPECIAL_TOKENS)).replace(mask, space + mask)
            parts = _split(tf.strings.regex_replace(texts, pattern, CUT + rb"\0" + CUT))
            stripped = tf.strings.regex_replace(parts.flat_values, f"^{space}{mask}$", "<mask>")
            ids = self._special.lookup(stripped)
        if self.vocabulary.added_tokens:
            longest_first = sorted(self.vocabulary.added_tokens, key=len, reverse=True)
            pattern = "|".join(map(re.escape, longest_first))
            cut = tf.strings.regex_replace(parts.flat_values, pattern, CUT + rb"\0" + CUT)
            cut = _split(tf.where(ids >= 0, parts.flat_values, cut))
            ids = tf.gather(ids, cut.value_rowids())
            ids = tf.where(ids >= 0, ids, self._added.lookup(cut.flat_values))
            parts = parts.with_flat_values(cut).merge_dims(1, 2)
        return parts, ids

    def _tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """The ids, `(B, None)`, of texts `(B,)` that hold no token."""
        if self.add_prefix_space:
            texts = tf.strings.regex_replace(texts, "^([^ ])", r" \1")
        words = split_words(texts)
        different, which = tf.unique(words.flat_values)
        ids = self._whole_words.lookup(different)
        is_whole = ids >= 0
        merged = self._merge(tf.boolean_mask(different, ~is_whole))
        whole = tf.RaggedTensor.from_uniform_row_length(tf.boolean_mask(ids, is_whole), 1)
        pieces = tf.concat([whole, merged], 0)  # of whole words, then the others
        place = tf.where(
            is_whole,
            tf.cumsum(tf.cast(is_whole, tf.int64)) - 1,
            tf.cumsum(tf.cast(~is_whole, tf.int64)) - 1 + whole.nrows(),
        )
        pieces = tf.gather(pieces, tf.gather(place, which))
        return words.with_flat_values(pieces).merge_dims(1, 2)

    def _merge(self, words: tf.Tensor) -> tf.RaggedTensor:
        """The pieces, `(W, None)`, of words `(W,)`: their bytes merged until no pair is left."""
        data = tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8)
        pieces = tf.gather(self._byte_ids, tf.cast(data, tf.int32))
        word = tf.repeat(tf.range(tf.size(words)), tf.strings.length(words))  # of each piece
        _, pieces, word = tf.while_loop(
            lambda goes_on, *_: goes_on,
            lambda _, pieces, word: self._merge_once(pieces, word),
            (True, pieces, word),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape([None])),
        )
        return tf.RaggedTensor.from_value_rowids(
            pieces, tf.cast(word, tf.int64), tf.size(words, tf.int64), validate=False
        )

    def _merge_once(self, pieces: tf.Tensor, word: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """In every word merges the pair of the lowest rank, wherever it occurs."""
        left, right = tf.cast(pieces[:-1], tf.int64), tf.cast(pieces[1:], tf.int64)
        rank = self._ranks.lookup(left * len(self.vocabulary) + right)
        rank = tf.where(word[:-1] == word[1:], rank, self._num_merges)
        lowest = tf.gather(tf.math.segment_min(rank, word[:-1]), word[:-1])
        is_chosen = (rank == lowest) & (rank < self._num_merges)
        # Of pairs that overlap, as in "aaa", every other one; if order matters, only the leftmost.
        index = tf.range(tf.size(rank))
        group = tf.cumsum(tf.cast(~is_chosen, tf.int32)) if self._is_orderly else word[:-1]
        first = tf.math.segment_min(tf.where(is_chosen, index, tf.int32.max), group)
        distance = index - tf.gather(first, group)
        is_chosen &= distance % 2 == 0 if self._is_orderly else distance == 0

        merged = tf.where(is_chosen, tf.gather(self._merged, rank), pieces[:-1])
        pieces = tf.concat([merged, pieces[-1:]], 0)
        is_kept = tf.concat([tf.ones_like(word[:1], tf.bool), ~is_chosen], 0)
        return (
            tf.reduce_any(is_chosen),
            tf.boolean_mask(pieces, is_kept),
            tf.boolean_mask(word, is_kept),
        )


class CharacterClasses(NamedTuple):
    """Letters, numbers and white space, as what stands between brackets in a pattern of RE2."""

    letter: str
    number: str
    space: str


@cache
def character_classes() -> CharacterClasses:
    r"""What `\p{L}`, `\p{N}` and `\s` are to the `tokenizers` package, whose Unicode is newer.

    Returns:
        The classes, as ranges of code points.

    Example:
        >>> character_classes().space[:11]
        '\\x{9}-\\x{d}'
    """
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    others = (normalizers.Replace(Regex(f"[^{name}]+"), "") for name in (r"\p{L}", r"\p{N}", r"\s"))
    return CharacterClasses(*(_as_ranges(other.normalize_str(every)) for other in others))


def replace_invalid(texts: tf.Tensor) -> tf.Tensor:
    r"""The texts, with U+FFFD for what is not UTF-8, as `bytes.decode(errors="replace")` has it.

    Example:
        >>> replace_invalid(tf.constant([b"caf\xe9"])).numpy()[0].decode()
        'caf\ufffd'
    """
    return tf.cond(
        tf.reduce_all(tf.strings.regex_full_match(texts, _VALID)),
        lambda: texts,
        lambda: tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace"),
    )


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    r"""Splits texts into GPT-2's words, which joined are the texts again.

    GPT-2's pattern is `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.

    Args:
        texts: strings `(B,)`, valid UTF-8.

    Returns:
        The words, ragged `(B, None)`; an empty one here and there must be overlooked.

    Example:
        >>> split_words(tf.constant(["It's  2!"]))
        <tf.RaggedTensor [[b'It', b"'s", b' ', b'', b' 2', b'!', b'']]>
    """
    letter, number, space = character_classes()
    # RE2 cannot look ahead for `\s+(?!\S)`, so a cut goes before the last of several white spaces.
    texts = tf.strings.regex_replace(
        texts, f"([{space}]+)([{space}][^{space}])", rb"\1" + CUT + rb"\2"
    )
    word = (
        rf"'(?:[stmd]|re|ve|ll)| ?[{letter}]+| ?[{number}]+"
        rf"| ?[^{space}{letter}{number}\x{{D800}}]+|[{space}]+"
    )
    return _split(tf.strings.regex_replace(texts, word, rb"\0" + CUT))


def _split(texts: tf.Tensor) -> tf.RaggedTensor:
    return tf.strings.split(texts, CUT)


def _as_ranges(characters: str) -> str:
    """Characters in order as `\\x{first}-\\x{last}...`."""
    codes = [ord(character) for character in characters]
    firsts = [a for a, before in zip(codes, [-2, *codes], strict=False) if a != before + 1]
    lasts = [a for a, after in zip(codes, [*codes[1:], -2], strict=True) if after != a + 1]
    return "".join(rf"\x{{{a:x}}}-\x{{{b:x}}}" for a, b in zip(firsts, lasts, strict=True))


def _is_orderly(vocabulary: BytePairVocabulary) -> bool:
    """Whether no merge uses a piece that itself or a later merge makes.

    So it is wherever BPE was learned, by and large. A merge then never brings about a pair of a
    lower rank, and all its occurrences in a word can be made at once.
    """
    made = {left + right: rank for rank, (left, right) in enumerate(vocabulary.merges)}
    return all(
        made.get(part, -1) < rank for rank, pair in enumerate(vocabulary.merges) for part in pair
    )


def _whole_words(vocabulary: BytePairVocabulary) -> dict[bytes, int]:
    """The words that merge to one piece, and the piece."""
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    tokenizer = Tokenizer(models.BPE(ids, list(vocabulary.merges)))
    letters = set(BYTE_LETTERS)
    spelled = [token for token in vocabulary.tokens if letters.issuperset(token)]
    encodings = tokenizer.encode_batch_fast(spelled)
    byte_of = {letter: byte for byte, letter in enumerate(BYTE_LETTERS)}
    return {
        bytes(byte_of[letter] for letter in token): ids[token]
        for token, encoding in zip(spelled, encodings, strict=True)
        if encoding.ids == [ids[token]]
    }


def _table(entries: dict, absent: bytes | int, default: int) -> tf.lookup.StaticHashTable:
    """A table of `entries`, and of `absent`, a key nobody asks for: no table may be empty."""
    keys = tf.constant([*entries, absent], tf.int64 if absent == -1 else tf.string)
    values = tf.constant([*entries.values(), default])
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)
