"""A WordPiece vocabulary: the two-way table between tokens and ids, kept as BERT's `vocab.txt`."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from keras_bert_kit.atomic_file import write_atomically

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION_PREFIX = "##"


class Vocabulary:
    """Tokens in the order of their ids, with the five special tokens that BERT needs.

    Args:
        tokens: every token once; the position of a token is its id.

    Raises:
        ValueError: if a token occurs twice, is empty, or a special token is missing.

    Example:
        >>> vocabulary = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "read", "##ing"])
        >>> vocabulary.id_of("##ing"), vocabulary.token_of(5), vocabulary.mask_id
        (6, 'read', 4)
    """

    pad_token, unknown_token, cls_token, sep_token, mask_token = SPECIAL_TOKENS
    separators_between = 1  # of two texts in a row

    def __init__(self, tokens: Iterable[str]):
        self.tokens: Sequence[str] = tuple(tokens)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            twice = next(t for i, t in enumerate(self.tokens) if self._ids[t] != i)
            raise ValueError(f"A vocabulary must list each token once; {twice!r} occurs twice.")
        if "" in self._ids:
            raise ValueError(f"Token number {self._ids['']} of the vocabulary is empty.")
        missing = [token for token in SPECIAL_TOKENS if token not in self._ids]
        if missing:
            raise ValueError(
                f"The vocabulary lacks the special token(s) {', '.join(missing)}. "
                f"BERT needs all of {', '.join(SPECIAL_TOKENS)}: add them, one a line."
            )
        self.pad_id, self.unknown_id, self.cls_id, self.sep_id, self.mask_id = (
            self._ids[token] for token in SPECIAL_TOKENS
        )

    @classmethod
    def read(cls, path: str | Path) -> "Vocabulary":
        """Reads a `vocab.txt`: one token a line, UTF-8, the line number is the id.

        Raises:
            ValueError: if the file is no vocabulary; the message names the file.
        """
        try:
            text = Path(path).read_bytes().decode("utf-8-sig")
            # Only line feeds end a line: U+2028 and its like may be tokens of a real vocabulary.
            return cls(line.rstrip("\r") for line in text.removesuffix("\n").split("\n"))
        except ValueError as error:
            raise ValueError(f"{path} is not a usable vocabulary. {error}") from error

    def write(self, path: str | Path) -> None:
        """Writes the vocabulary as a `vocab.txt`."""
        write_atomically(Path(path), lambda file: file.write(self.as_text().encode()))

    def as_text(self) -> str:
        """The content of its `vocab.txt`."""
        return "".join(f"{token}\n" for token in self.tokens)

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        """Whether `token` is in the vocabulary."""
        return token in self._ids

    def id_of(self, token: str) -> int:
        """The id of `token`, or that of `[UNK]`."""
        return self._ids.get(token, self.unknown_id)

    def token_of(self, token_id: int) -> str:
        """The token with the id `token_id`."""
        return self.tokens[token_id]

    def text_of(self, token_id: int) -> str:
        """The token with the id `token_id` as a reader wants to see it, here as it is."""
        return self.tokens[token_id]

    @cached_property
    def special_ids(self) -> np.ndarray:
        """The ids of the five special tokens, `(5,)` int32, in the order of `SPECIAL_TOKENS`."""
        return np.array([self._ids[token] for token in SPECIAL_TOKENS], np.int32)

    @cached_property
    def is_continuation(self) -> np.ndarray:
        """Per id, whether the piece continues a word (`##...`), `(V,)` bool."""
        return np.array([token.startswith(CONTINUATION_PREFIX) for token in self.tokens])

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 over the tokens in order: equal for equal vocabularies, wherever they lie."""
        return hashlib.sha256("\n".join(self.tokens).encode()).hexdigest()
