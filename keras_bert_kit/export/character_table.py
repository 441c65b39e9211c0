"""What kind of character each code point is, in the graph."""

import re
import unicodedata
from functools import cache

import numpy as np
import tensorflow as tf

from keras_bert_kit.text.normalizer import normalization_rules

OTHER, WHITE, ALONE = 0, 1, 2  # of words: a letter or its like, what parts words, a word by itself
_CODE_POINTS = 0x110000


class CharacterTable:
    """Numbers of code points, kept as stretches of equal ones.

    Args:
        numbers: `(0x110000,)` integers, one for each code point.

    Example:
        >>> table = CharacterTable(np.arange(0x110000) >= 0x80)
        >>> table(tf.constant([ord("a"), ord("é")])).numpy().tolist()
        [False, True]
    """

    def __init__(self, numbers: np.ndarray):
        changes = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1
        self._starts = np.concatenate([[0], changes]).astype(np.int32)
        self._numbers = numbers[self._starts]

    def __call__(self, code_points: tf.Tensor) -> tf.Tensor:
        """The numbers of code points, `(N,)` int32 to `(N,)`."""
        at = tf.searchsorted(self._starts, code_points, side="right") - 1
        return tf.gather(self._numbers, at)


@cache
def kinds_in_words() -> CharacterTable:
    """`OTHER`, `WHITE` or `ALONE`, as `data.entities.split_words` sees them."""
    with tf.init_scope():  # outside any graph: the rules are found out by running a kernel
        rules = normalization_rules(lowercase=False)
    kinds = np.full(_CODE_POINTS, OTHER, np.uint8)
    kinds[ord(" ")] = WHITE
    kinds[[c for c, new in rules.replacements.items() if new and not new.strip(" ")]] = WHITE
    kinds[[ord(c) for c in rules.alone]] = ALONE
    return CharacterTable(kinds)


@cache
def combining_marks() -> CharacterTable:
    """Whether a character is a combining mark."""
    return CharacterTable(
        np.array([unicodedata.category(chr(c))[0] == "M" for c in range(_CODE_POINTS)])
    )


@cache
def white_space_around() -> str:
    """A regular expression for what `str.strip` takes away."""
    white = "".join(re.escape(chr(c)) for c in range(_CODE_POINTS) if chr(c).isspace())
    return f"^[{white}]+|[{white}]+$"
