"""Words to word pieces, one tag for each word, and what is said of pieces back to words."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from keras_bert_kit.data.features import Features, join_segments, num_special
from keras_bert_kit.data.inputs import InputOptions, Window
from keras_bert_kit.data.tag_decoding import likeliest_tags
from keras_bert_kit.data.window_context import richest_windows, whole_word_windows
from keras_bert_kit.text.characters import well_formed

WORDS_PER_CALL = 20_000  # of the tokenizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WordFeatures:
    """Inputs made of words, and which of their tokens speaks for which word.

    The first piece of a word speaks for it, as in BERT. A word that is in several windows is spoken
    for in one.

    Attributes:
        features: the inputs.
        word_of: `(L,)` int32, the word of its row that a token speaks for, or -1.
        num_words: `(R,)` int32, words of each row.
        num_cut_words: `(R,)` int32, words that nothing speaks for because the row is too long.
        num_empty_words: `(R,)` int32, words that nothing speaks for because the tokenizer sees
            nothing in them: zero-width and control characters, for instance.
    """

    features: Features
    word_of: np.ndarray
    num_words: np.ndarray
    num_cut_words: np.ndarray
    num_empty_words: np.ndarray

    @property
    def row_of(self) -> np.ndarray:
        """`(L,)` int32, the row of each token."""
        return np.repeat(self.features.rows, self.features.lengths)


def encode_words(words: Sequence[Sequence[str]], tokenizer, options: InputOptions) -> WordFeatures:
    """Tokenises rows of words and makes inputs of them: `[CLS] pieces of all words [SEP]`.

    The ids are those of the words with a space between, save that no piece reaches from one word
    into the next: each word is tokenised alone, with the space before it, which RoBERTa sees. White
    space around a word is taken away.

    With `long_texts="truncate"` the words at the end of a long row are lost; `"windows"` reads all
    of it, in windows that overlap and begin and end where words do. (A word with more pieces than
    a window has room for is continued in the next one.)

    Args:
        words: R rows of words; an empty one gives an input of special tokens alone.
        tokenizer: strings to ids.
        options: how long inputs may be.

    Returns:
        The inputs, one a row, or several with `"windows"`.

    Raises:
        ValueError: if `options` ask for the head and the tail of texts.
    """
    if options.long_texts == "head_tail":
        raise ValueError(
            '`long_texts="head_tail"` would leave the words in the middle without a tag. Use '
            '"windows", which reads every word, or "truncate".'
        )
    vocabulary = tokenizer.vocabulary
    room = options.sequence_length - num_special(1, vocabulary)
    pieces = _pieces_of_words(words, tokenizer)
    token_ids, segment_ids, word_of, rows = [], [], [], []
    num_cut = np.zeros(len(words), np.int32)
    num_empty = np.zeros(len(words), np.int32)
    spoken = np.zeros(len(words), np.int32)
    for row, row_words in enumerate(words):
        row_pieces = [pieces[_as_token_text(word, at)] for at, word in enumerate(row_words)]
        flat = list(chain.from_iterable(row_pieces))
        sizes = np.fromiter(map(len, row_pieces), np.int64, len(row_pieces))
        starts = np.cumsum(sizes) - sizes
        num_empty[row] = np.count_nonzero(sizes == 0)
        speaking = np.flatnonzero(sizes)
        if options.long_texts == "windows":
            spans = _windows_of_words(sizes[speaking], room, options.stride)
        else:
            spans = [Window(0, min(len(flat), room))]
            num_cut[row] = max(0, len(flat) - room)
            speaking = speaking[starts[speaking] < room]
        stops = np.minimum(starts[speaking] + np.minimum(sizes[speaking], room), len(flat))
        chosen = _window_of_each_word(starts[speaking], stops, spans)
        spoken[row] = len(speaking)
        for number, (start, stop) in enumerate(spans):
            ids, of_segment = join_segments([flat[start:stop]], vocabulary)
            speaker = np.full(len(ids), -1, np.int32)
            here = speaking[chosen == number]
            speaker[1 + starts[here] - start] = here
            token_ids.append(ids)
            segment_ids.append(of_segment)
            word_of.append(speaker)
            rows.append(row)
    num_words = np.fromiter(map(len, words), np.int32, len(words))
    cut_words = num_words - spoken - num_empty
    _log_silent_words(cut_words, num_empty, options.sequence_length)
    return WordFeatures(
        Features.of(token_ids, segment_ids, rows, num_cut),
        np.concatenate([*word_of, np.zeros(0, np.int32)]),
        num_words,
        cut_words,
        num_empty,
    )


def tag_targets(
    encoded: WordFeatures, tag_ids: Sequence[Sequence[int]]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What a tagger has to say of each token, and how much each answer counts.

    Args:
        encoded: the inputs.
        tag_ids: of each row the tag of each word.

    Returns:
        Targets `{"tags": (L,) int32}` and weights `{"tags": (L,) float32}`: 1 for the tokens that
        speak for a word, 0 for all others.

    Raises:
        ValueError: if there is not a tag for each word.
    """
    if len(tag_ids) != len(encoded.num_words):
        raise ValueError(
            f"There must be tags for each of {len(encoded.num_words):,} rows; received "
            f"{len(tag_ids):,}."
        )
    lengths = np.fromiter(map(len, tag_ids), np.int64, len(tag_ids))
    if (wrong := np.flatnonzero(lengths != encoded.num_words)).size:
        raise ValueError(
            f"Row {wrong[0]} (counted from 0) has {encoded.num_words[wrong[0]]} words but "
            f"{lengths[wrong[0]]} tags; there must be one for each."
        )
    flat = np.fromiter(chain.from_iterable(tag_ids), np.int32, lengths.sum())
    speaks, word = _speaking_words(encoded)
    targets = np.zeros(len(encoded.word_of), np.int32)
    targets[speaks] = flat[word]
    return {"tags": targets}, {"tags": speaks.astype(np.float32)}


def tags_of_words(
    encoded: WordFeatures,
    probabilities: np.ndarray,
    outside: int,
    transitions: np.ndarray | None = None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The likeliest tags of each row's words.

    Args:
        encoded: the inputs.
        probabilities: `(L, C)`, of each tag for each token.
        outside: the tag of words that nothing speaks for: cut off, or nothing to the tokenizer.
        transitions: which tag may follow which, as `tag_decoding.transitions_of` says; by default
            each word has the likeliest for itself.

    Returns:
        For each row the tags `(W,)` int32 and the probability of each `(W,)` float32, which is 0
        for words that nothing speaks for.

    Raises:
        ValueError: if there are not probabilities for each token.
    """
    if len(probabilities) != len(encoded.word_of):
        raise ValueError(
            f"There must be probabilities for each of {len(encoded.word_of):,} tokens; received "
            f"{len(probabilities):,}."
        )
    speaks, word = _speaking_words(encoded)
    said = np.zeros((encoded.num_words.sum(), probabilities.shape[1]))
    said[:, outside] = 1.0
    said[word] = probabilities[speaks]
    tags = likeliest_tags(said, encoded.num_words, transitions)
    confidences = np.zeros(len(tags), np.float32)
    confidences[word] = said[word, tags[word]]
    borders = np.cumsum(encoded.num_words)[:-1]
    if not len(encoded.num_words):
        return [], []
    return np.split(tags, borders), np.split(confidences, borders)


def _as_token_text(word: str, at: int) -> str:
    """What the tokenizer reads of word number `at` of a row; empty where there is no word."""
    word = word.strip()
    return f" {word}" if at and word else word


def _pieces_of_words(words: Sequence[Sequence[str]], tokenizer) -> dict[str, list[int]]:
    """The ids of every distinct word, which are few beside the words."""
    texts = list(
        dict.fromkeys(_as_token_text(word, at) for row in words for at, word in enumerate(row))
    )
    pieces = {}
    for first in range(0, len(texts), WORDS_PER_CALL):
        some = texts[first : first + WORDS_PER_CALL]
        ids = tokenizer([well_formed(text) for text in some]).to_list()
        pieces.update(zip(some, ids, strict=True))
    return pieces


def _windows_of_words(sizes: np.ndarray, room: int, stride: int | None) -> list[Window]:
    """Windows in tokens; what is longer than a window is cut as if it were several words."""
    if sizes.sum() <= room:
        return [Window(0, int(sizes.sum()))]
    parts = [min(room, size - at) for size in sizes.tolist() for at in range(0, size, room)]
    return [tokens for _, tokens in whole_word_windows(parts, room, stride)]


def _window_of_each_word(
    starts: np.ndarray, stops: np.ndarray, spans: Sequence[Window]
) -> np.ndarray:
    if len(spans) == 1:
        return np.zeros(len(starts), np.int32)
    return richest_windows(starts, stops, spans)


def _speaking_words(encoded: WordFeatures) -> tuple[np.ndarray, np.ndarray]:
    """`(L,)` which tokens speak, and of those the word, counted through all rows."""
    speaks = encoded.word_of >= 0
    first_word = np.cumsum(encoded.num_words) - encoded.num_words
    return speaks, first_word[encoded.row_of[speaks]] + encoded.word_of[speaks]


def _log_silent_words(cut: np.ndarray, empty: np.ndarray, sequence_length: int) -> None:
    if cut.any():
        logger.warning(
            f"{cut.sum():,} words at the end of {np.count_nonzero(cut):,} rows are beyond "
            f"{sequence_length} tokens: they are not learned from, and their prediction is "
            '"outside". `long_texts="windows"` reads them.'
        )
    if empty.any():
        logger.warning(
            f"{empty.sum():,} words in {np.count_nonzero(empty):,} rows are nothing to the "
            "tokenizer (white space, zero-width or control characters): they are not learned from, "
            'and their prediction is "outside".'
        )
