"""Paragraphs to sentences.

The splitting is done by `sentencex`, Wikimedia's segmenter in Rust: it knows abbreviations,
initials and decimals, keeps a quotation in one piece, and would rather leave two sentences together
than cut one in half, which is the safer error for training text.
"""

import logging
from collections.abc import Sequence

import sentencex

LANGUAGE = "en"  # its rules for full stops in other scripts are the same
BLOCK_CHARACTERS = 2_000  # sentencex is quadratic in the length of Chinese text: hand it blocks

_WIDE_SPACES = tuple("\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") + tuple(
    chr(code) for code in range(0x2000, 0x200B)
)

logger = logging.getLogger(__name__)


def split_sentences(paragraph: str) -> list[str]:
    """Splits one paragraph into sentences, in time and memory linear in its length.

    A paragraph that holds one sentence comes back whole, so text with one sentence a line stays as
    it is. Stretches of more than `BLOCK_CHARACTERS` without an end of sentence are cut at white
    space, or where there is none, anywhere.

    Args:
        paragraph: text without line structure.

    Returns:
        The sentences in order, stripped, none of them empty.

    Example:
        >>> split_sentences("Mr. J. R. Smith paid $3.50, e.g. in cash. Then he left.")
        ['Mr. J. R. Smith paid $3.50, e.g. in cash.', 'Then he left.']
    """
    # Same length, so that lengths in `spaced` are lengths in `paragraph`. Needed since sentencex
    # 1.0.32 panics on an initial before a space of several bytes ("J.\u00a0Smith").
    spaced = paragraph
    if not spaced.isascii():
        for space in _WIDE_SPACES:
            spaced = spaced.replace(space, " ")
    lengths: list[int] = []
    start = 0
    while len(spaced) - start > BLOCK_CHARACTERS:
        stop = spaced.rfind(" ", start + 1, start + BLOCK_CHARACTERS) + 1
        if stop <= start:
            stop = start + BLOCK_CHARACTERS
        block = _lengths(spaced[start:stop])
        if len(block) > 1:
            block.pop()  # the last sentence may go on in the next block
        lengths += block
        start += sum(block)
    lengths += _lengths(spaced[start:])

    found, start = [], 0
    for length in lengths:
        sentence = paragraph[start : start + length].strip()
        start += length
        if sentence:
            found.append(sentence)
    return found


def sentences(document: Sequence[str], joint: str = "") -> list[str]:
    """The sentences of a document given as its paragraphs or lines.

    Args:
        document: paragraphs or lines.
        joint: what is put before a sentence that follows another one in its paragraph; a space for
            tokenizers that tell a word after a space from one that begins a text.

    Example:
        >>> sentences(["It rained. We stayed in.", "Then the sun came out."])
        ['It rained.', 'We stayed in.', 'Then the sun came out.']
    """
    return [
        joint + sentence if number else sentence
        for paragraph in document
        for number, sentence in enumerate(split_sentences(paragraph))
    ]


def _lengths(text: str) -> list[int]:
    """The length of each sentence of `text`, the white space behind it included."""
    try:
        return [len(sentence) for sentence in sentencex.segment(LANGUAGE, text)]
    except BaseException as error:
        # A panic in Rust is no Exception. One odd paragraph must not end a build of many hours.
        if type(error).__name__ != "PanicException":
            raise
        logger.warning("Left whole, as sentencex could not split it (%s): %.80r", error, text)
        return [len(text)]
