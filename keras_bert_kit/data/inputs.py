"""How texts become inputs of an encoder: how long they may be, and what happens to longer ones."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

LONG_TEXTS = ("truncate", "head_tail", "windows")
HEAD_SHARE = 0.25  # of a head and a tail, as in 128 + 382 of arXiv 1905.05583, section 5.3.1


@dataclass(frozen=True)
class InputOptions:
    """How long an input may be, and what becomes of a longer text.

    Attributes:
        sequence_length: most tokens T of an input, special tokens included.
        long_texts: `"truncate"` keeps the beginning; `"head_tail"` the first quarter and the end;
            `"windows"` cuts the text into inputs that overlap and pools what is said of them.
        stride: tokens from the beginning of a window to that of the next (BERT's `doc_stride`); by
            default half of what a window holds.

    Raises:
        ValueError: if a value cannot be.

    Reference:
        Sun et al., How to Fine-Tune BERT for Text Classification, https://arxiv.org/abs/1905.05583,
        section 5.3.1
    """

    sequence_length: int = 128
    long_texts: str = "truncate"
    stride: int | None = None

    def __post_init__(self):
        """Refuses what cannot be."""
        if self.sequence_length < 4:
            raise ValueError(
                "`sequence_length` must be at least 4, for two special tokens and some text; "
                f"received {self.sequence_length}."
            )
        if self.long_texts not in LONG_TEXTS:
            raise ValueError(
                f"`long_texts` must be one of {', '.join(LONG_TEXTS)}; received "
                f"{self.long_texts!r}."
            )
        if self.stride is not None and self.stride < 1:
            raise ValueError(f"`stride` must be at least 1 token; received {self.stride}.")

    def as_dict(self) -> dict:
        """The options as JSON types."""
        return asdict(self)


class Window(NamedTuple):
    """Part of a text: its tokens from `start` to `stop`."""

    start: int
    stop: int


def windows(num_tokens: int, room: int, stride: int | None = None) -> list[Window]:
    """Windows of at most `room` tokens that together hold all of a text.

    The last one ends with the text and is as full as the others.

    Args:
        num_tokens: tokens of the text.
        room: most tokens of a window.
        stride: tokens from the beginning of one to that of the next; by default half of `room`.

    Raises:
        ValueError: if `stride` is larger than `room`: tokens between two windows would be lost.

    Example:
        >>> [tuple(window) for window in windows(10, room=4, stride=3)]
        [(0, 4), (3, 7), (6, 10)]
        >>> [tuple(window) for window in windows(3, room=4)]
        [(0, 3)]
    """
    stride = max(1, room // 2) if stride is None else stride
    if stride > room:
        raise ValueError(
            f"`stride` is {stride}, but a window has room for only {room} tokens of the text: what "
            "lies between two windows would be lost. Use a smaller stride or longer inputs."
        )
    if num_tokens <= room:
        return [Window(0, num_tokens)]
    starts = range(0, num_tokens - room, stride)
    return [*(Window(at, at + room) for at in starts), Window(num_tokens - room, num_tokens)]


def head_and_tail(num_tokens: int, room: int) -> np.ndarray:
    """Which tokens of a text are kept: all if they fit, else a quarter of them from its start.

    The rest is its end.

    Example:
        >>> head_and_tail(10, 4).tolist()
        [0, 7, 8, 9]
    """
    if num_tokens <= room:
        return np.arange(num_tokens)
    head = int(room * HEAD_SHARE)
    return np.concatenate([np.arange(head), np.arange(num_tokens - (room - head), num_tokens)])
