"""From bytes to characters: tokenizers count bytes of UTF-8, Python counts code points."""

import re

import numpy as np

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which UTF-8 cannot hold.

    JSON may bring such halves. The number of characters, and so every offset, stays the same.

    Example:
        >>> well_formed("a\\ud83db")
        'a\ufffdb'
    """
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def character_offsets(text: str, byte_offsets: np.ndarray) -> np.ndarray:
    """Offsets into the UTF-8 bytes of a text as offsets into its characters (code points).

    Args:
        text: the text, well formed.
        byte_offsets: any shape, each at the beginning of a character or at the end of the text.

    Returns:
        The offsets in characters, int64, of the same shape.

    Example:
        >>> text = "naïve é"
        >>> character_offsets(text, np.array([0, 4, len(text.encode())])).tolist()
        [0, 3, 7]
    """
    byte_offsets = np.asarray(byte_offsets, np.int64)
    if text.isascii():
        return byte_offsets
    encoded = np.frombuffer(text.encode(), np.uint8)
    is_start = (encoded & 0xC0) != 0x80
    characters_before = np.concatenate([[0], np.cumsum(is_start)])
    return characters_before[byte_offsets]
