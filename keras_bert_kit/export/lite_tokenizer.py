"""BERT's tokenizer by operations that LiteRT runs, for files with the tokenizer inside.

LiteRT has the two kernels of `text/wordpiece.py`, but nothing to look at the bytes of a string,
which that file does where a word has more than 100 bytes: BERT's limit is one of characters. Here
the normaliser counts them instead: told to make one byte of each character, it says which byte of
the text each came from.
"""

from functools import cache

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_kit.text.longest_match import MAX_CHARACTERS_PER_WORD
from keras_bert_kit.text.normalizer import compile_normalizer, normalization_rules
from keras_bert_kit.text.wordpiece import WordPieceTokenizer


class LiteTokenizer(tf.Module):
    """A `WordPieceTokenizer` for one text at a time, with the same ids for any text.

    Args:
        tokenizer: the tokenizer.

    Example:
        >>> from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
        >>> tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "naive", "!"]))
        >>> LiteTokenizer(tokenizer)(tf.constant(["Naïve! " + 101 * "é"])).numpy().tolist()
        [5, 6, 1]
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__(name="lite_tokenizer")
        self.vocabulary = tokenizer.vocabulary
        rules = normalization_rules(tokenizer.lowercase, tokenizer.strip_accents)
        self._normalizer = tf_text.FastBertNormalizer(model_buffer=rules.model)
        self._one_byte_each = tf_text.FastBertNormalizer(model_buffer=_one_byte_each())
        self._longest_match = tf_text.FastWordpieceTokenizer(
            model_buffer=tokenizer.longest_match.model_without_limit(), token_out_type=tf.int32
        )

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """The ids of one text, `(1,)` string to `(T,)` int32."""
        normalized = self._normalizer.normalize(text)
        ids, starts, ends = (
            tf.cast(x.flat_values, tf.int32)
            for x in self._longest_match.tokenize_with_offsets(normalized)
        )
        before = self._characters_before(normalized)  # each byte
        # One piece more, a word of no characters, so that there is always something to gather.
        ids = tf.concat([ids, [self.vocabulary.unknown_id]], 0)
        end = tf.size(before) - 1
        starts, ends = (tf.concat([places, [end]], 0) for places in (starts, ends))

        begins_word = ~tf.gather(self.vocabulary.is_continuation, ids)
        first = tf.cast(tf.where(begins_word)[:, 0], tf.int32)  # pieces of words
        last = tf.concat([first[1:], [tf.size(ids)]], 0) - 1
        word_ends, word_starts = tf.gather(ends, last), tf.gather(starts, first)
        size = tf.gather(before, word_ends) - tf.gather(before, word_starts)
        word = tf.cumsum(tf.cast(begins_word, tf.int32)) - 1  # of each piece
        is_too_long = tf.gather(size > MAX_CHARACTERS_PER_WORD, word)

        # The first piece of a word too long becomes its `[UNK]`, the others go.
        ids = tf.where(is_too_long, self.vocabulary.unknown_id, ids)
        kept = tf.gather(ids, tf.where(begins_word | ~is_too_long)[:, 0])
        return tf.reshape(kept[:-1], [-1])  # the kernel does not say that it is of rank 1

    def _characters_before(self, text: tf.Tensor) -> tf.Tensor:
        """How many characters begin before each byte of a text, and before its end, int32."""
        _, first_bytes = self._one_byte_each.normalize_with_offsets(text)
        first_bytes = tf.cast(first_bytes.flat_values, tf.int32)  # and the text's end
        size = first_bytes[-1:] + 1
        ones = tf.ones_like(first_bytes)
        return tf.cumsum(tf.scatter_nd(first_bytes[:, None], ones, size), exclusive=True)


@cache
def _one_byte_each() -> bytes:
    """A table that makes one ASCII letter of every character that is more than a byte."""
    blocks = (range(0x80, 0xD800), range(0xE000, 0x110000))
    return compile_normalizer({code: "a" for block in blocks for code in block})
