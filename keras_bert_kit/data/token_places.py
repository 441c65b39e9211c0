"""Texts to pieces, and each piece to the characters that it came from."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from keras_bert_kit.text.characters import character_offsets, well_formed

TEXTS_PER_CALL = 2_000  # of the tokenizer: enough to work well, little enough to hold in memory
_FIRST_MARK = 0x300  # the first combining character of Unicode


def ids_of_texts(texts: Sequence[str], tokenizer) -> list[np.ndarray]:
    """Of each text the ids of its pieces, `(N,)` int32."""
    ids = []
    for first in range(0, len(texts), TEXTS_PER_CALL):
        batch = tokenizer([well_formed(text) for text in texts[first : first + TEXTS_PER_CALL]])
        ids += np.split(batch.values.numpy(), batch.row_splits.numpy()[1:-1])
    return ids


def tokens_and_places(texts: Sequence[str], tokenizer) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each text the ids of its pieces and where they come from; equal texts are read once.

    Args:
        texts: R texts.
        tokenizer: strings to ids, with offsets.

    Returns:
        The ids `(N,)` int32 of each text, and `(N, 2)` int32: the first character of each piece and
        the one after its last. Combining marks that the tokenizer dropped behind a piece are in it,
        or "café", where the accent is a character of its own, would be answered as "cafe".
    """
    distinct = list(dict.fromkeys(texts))
    found = {}
    for first in range(0, len(distinct), TEXTS_PER_CALL):
        some = distinct[first : first + TEXTS_PER_CALL]
        readable = [well_formed(text) for text in some]
        ids, starts, ends = tokenizer.tokenize_with_offsets(readable)
        borders = ids.row_splits.numpy()[1:-1]
        columns = [np.split(column.values.numpy(), borders) for column in (ids, starts, ends)]
        for key, text, row_ids, row_starts, row_ends in zip(some, readable, *columns, strict=True):
            offsets = character_offsets(text, np.stack([row_starts, row_ends], axis=1))
            found[key] = row_ids, _with_marks(text, offsets).astype(np.int32)
    return [found[text][0] for text in texts], [found[text][1] for text in texts]


def _with_marks(text: str, offsets: np.ndarray) -> np.ndarray:
    """The offsets, each with the combining marks that stand between its end and the next piece."""
    if text.isascii() or not len(offsets):
        return offsets
    starts, ends = offsets.T
    following = np.append(starts[1:], len(text))
    code_points = np.frombuffer((text + "\0").encode("utf-32-le"), np.uint32)
    candidates = np.flatnonzero(
        (ends < following) & (ends > starts) & (code_points[ends] >= _FIRST_MARK)
    )
    for at in candidates:
        while ends[at] < following[at] and unicodedata.category(text[ends[at]])[0] == "M":
            ends[at] += 1
    return np.stack([starts, ends], axis=1)
