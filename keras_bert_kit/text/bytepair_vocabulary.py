"""A byte-level BPE vocabulary: tokens, ids and merges, kept as RoBERTa's files.

Its pieces are strings of *letters*, one per byte of UTF-8, as GPT-2 chose them: a printable byte is
itself, the others are shifted out of the way, so that a space is `Ġ` and a line feed `Ċ`.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from keras_bert_kit.atomic_file import write_atomically

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL_TOKENS = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
BYTE_LETTERS = tuple(
    chr(byte) if byte in _PRINTABLE else chr(256 + _OTHERS.index(byte)) for byte in range(256)
)
_LETTER_BYTES = {letter: byte for byte, letter in enumerate(BYTE_LETTERS)}


class BytePairVocabulary:
    """Tokens with their ids, RoBERTa's five special tokens among them, and the merges of BPE.

    Args:
        tokens: each token and its id, the ids being 0 to V - 1; or the tokens in that order.
        merges: pairs of tokens that become one, the first to be merged first.
        added_tokens: those of `tokens` that are found in a text before it is split and merged, such
            as the words of a trade. They are written as in the text, not in letters.

    Raises:
        ValueError: if the ids have a gap, a token occurs twice, is empty or is missing (a special
            one, an added one, a part or the outcome of a merge).

    Example:
        >>> vocabulary = BytePairVocabulary(
        ...     ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "o", "f", "of", "Ġof", "<mask>"],
        ...     merges=[("o", "f"), ("Ġ", "of")],
        ... )
        >>> vocabulary.id_of("Ġof"), vocabulary.token_of(4), vocabulary.mask_id
        (8, 'Ġ', 9)

    Reference:
        GPT-2 (https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf),
        section 2.2; RoBERTa (https://arxiv.org/abs/1907.11692), section 4.4
    """

    pad_token, unknown_token, cls_token, sep_token, mask_token = SPECIAL_TOKENS
    separators_between = 2  # of two texts in a row

    def __init__(
        self,
        tokens: Mapping[str, int] | Iterable[str],
        merges: Iterable[Sequence[str]],
        added_tokens: Iterable[str] = (),
    ):
        self.tokens: Sequence[str] = _in_order(tokens)
        self.merges = tuple(tuple(merge) for merge in merges)
        self.added_tokens = tuple(added_tokens)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            twice = next(t for i, t in enumerate(self.tokens) if self._ids[t] != i)
            raise ValueError(f"A vocabulary must list each token once; {twice!r} occurs twice.")
        if "" in self._ids:
            raise ValueError(f"Token number {self._ids['']} of the vocabulary is empty.")
        missing = [token for token in SPECIAL_TOKENS if token not in self._ids]
        if missing:
            raise ValueError(
                f"The vocabulary lacks the special token(s) {', '.join(missing)}. RoBERTa needs "
                f"all of {', '.join(SPECIAL_TOKENS)} (GPT-2 has none of them): add them at the "
                "end, or take the files of a RoBERTa model."
            )
        self._check_merges()
        for token in self.added_tokens:
            if token not in self._ids or token in SPECIAL_TOKENS:
                raise ValueError(
                    f"The added token {token!r} must be one of `tokens` and no special token: put "
                    "it at the end of `tokens` as well."
                )
        self.pad_id, self.unknown_id, self.cls_id, self.sep_id, self.mask_id = (
            self._ids[token] for token in SPECIAL_TOKENS
        )

    def _check_merges(self) -> None:
        for number, merge in enumerate(self.merges):
            if len(merge) != 2:
                raise ValueError(f"A merge must be a pair of tokens; number {number} is {merge!r}.")
            missing = [token for token in (*merge, "".join(merge)) if token not in self._ids]
            if missing:
                raise ValueError(
                    f"Merge number {number} is of {merge[0]!r} and {merge[1]!r}, but the "
                    f"vocabulary lacks {missing[0]!r}: take tokens and merges of the same model."
                )

    @classmethod
    def read(cls, path: str | Path, merges: str | Path | None = None) -> "BytePairVocabulary":
        """Reads the files of Hugging Face.

        Args:
            path: a folder with `vocab.json` and `merges.txt` (and perhaps `added_tokens.json`) or,
                without these, a `tokenizer.json`; or a file: a `tokenizer.json`, or the
                `vocab.json` that belongs to `merges`.
            merges: the `merges.txt` for the `vocab.json` at `path`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the files are no vocabulary; the message names the place.
        """
        path = Path(path)
        if path.is_dir():
            names = ("vocab.json", "merges.txt")
            if all((path / name).exists() for name in names):
                return cls.read(*(path / name for name in names))
            if not (path / "tokenizer.json").exists():
                raise FileNotFoundError(
                    f"{path} holds no byte-level BPE vocabulary: it must have `vocab.json` and "
                    "`merges.txt`, or `tokenizer.json`."
                )
            path = path / "tokenizer.json"
        try:
            content = _read_object(path)
            if merges is None:
                return cls(*_parse_tokenizer(content))
            added_path = path.with_name("added_tokens.json")
            added = _read_object(added_path) if added_path.exists() else {}
            lines = Path(merges).read_bytes().decode("utf-8-sig").split("\n")
            if lines[0].startswith("#version"):
                del lines[0]
            pairs = [line.rstrip("\r").split(" ") for line in lines if line.rstrip("\r")]
            return cls(content | added, pairs, [t for t in added if t not in SPECIAL_TOKENS])
        except ValueError as error:
            raise ValueError(f"{path} is not a usable vocabulary. {error}") from error

    def write(self, folder: str | Path) -> None:
        """Writes `vocab.json`, `merges.txt` and, if there are added tokens, `added_tokens.json`.

        Args:
            folder: made if need be. The same vocabulary gives the same bytes.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        added = {token: self._ids[token] for token in self.added_tokens}
        if added:
            (folder / "added_tokens.json").write_bytes(_as_json(added))
        else:
            (folder / "added_tokens.json").unlink(missing_ok=True)
        merges = "".join(f"{left} {right}\n" for left, right in self.merges)
        (folder / "merges.txt").write_bytes(f"#version: 0.2\n{merges}".encode())
        # At the end: where it is, the others are, and whole.
        write_atomically(folder / "vocab.json", lambda file: file.write(_as_json(self._ids)))

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        """Whether `token` is in the vocabulary."""
        return token in self._ids

    def id_of(self, token: str) -> int:
        """The id of `token`, or that of `<unk>`."""
        return self._ids.get(token, self.unknown_id)

    def token_of(self, token_id: int) -> str:
        """The token with the id `token_id`."""
        return self.tokens[token_id]

    def text_of(self, token_id: int) -> str:
        """The text that the token stands for; bytes that are no whole character show as U+FFFD."""
        return self.token_bytes[token_id].decode(errors="replace")

    @cached_property
    def special_ids(self) -> np.ndarray:
        """The ids of the five special tokens, `(5,)` int32, in the order of `SPECIAL_TOKENS`."""
        return np.array([self._ids[token] for token in SPECIAL_TOKENS], np.int32)

    @cached_property
    def token_bytes(self) -> tuple[bytes, ...]:
        """Per id the bytes of text it stands for; of special and added tokens their own."""
        whole = {*SPECIAL_TOKENS, *self.added_tokens}
        return tuple(
            token.encode() if token in whole else _bytes_of(token) for token in self.tokens
        )

    @cached_property
    def is_continuation(self) -> np.ndarray:
        """Per id, whether the piece goes on with a word, `(V,)` bool.

        A piece does so unless it begins with white space (`Ġthe`, `Ċ`) or, as for BERT, with
        punctuation or another symbol (`.`, `'s`, `<?`): a comma does not belong to the word before
        it. (fairseq counts it to that.) Special and added tokens are words. The first word of a
        text has no `Ġ`, so it looks like a continuation: what begins the text begins a word.
        """
        whole = {*SPECIAL_TOKENS, *self.added_tokens}
        return np.array(
            [
                token not in whole and _continues_word(text)
                for token, text in zip(self.tokens, self.token_bytes, strict=True)
            ]
        )

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 over tokens, merges and added tokens: equal for equal vocabularies."""
        merges = (f"{left} {right}" for left, right in self.merges)
        lines = (*self.tokens, "", *merges, "", *self.added_tokens)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _in_order(tokens: Mapping[str, int] | Iterable[str]) -> tuple[str, ...]:
    """The tokens by their ids."""
    if not isinstance(tokens, Mapping):
        return tuple(tokens)
    ordered = sorted(tokens, key=tokens.get)
    for index, token in enumerate(ordered):
        if tokens[token] != index:
            raise ValueError(
                f"The ids must be 0 to {len(ordered) - 1}, each once, but token number {index} in "
                f"their order, {token!r}, has the id {tokens[token]}."
            )
    return tuple(ordered)


def _bytes_of(token: str) -> bytes:
    """The bytes that the letters of a piece stand for; other tokens as they are."""
    if all(letter in _LETTER_BYTES for letter in token):
        return bytes(_LETTER_BYTES[letter] for letter in token)
    return token.encode()


def _continues_word(text: bytes) -> bool:
    first = text[:4].decode(errors="replace")[0]
    # A part of a character shows as U+FFFD: most such characters are letters.
    return first == "\ufffd" or unicodedata.category(first)[0] in "LMN"


def _read_object(path: Path) -> dict:
    """A JSON file that holds an object."""
    content = json.loads(path.read_bytes().decode("utf-8-sig"))
    if not isinstance(content, dict):
        raise ValueError(f"It must hold a JSON object, got a {type(content).__name__}.")
    return content


def _parse_tokenizer(content: dict) -> tuple[dict[str, int], list, list[str]]:
    """Tokens, merges and added tokens of a `tokenizer.json`."""
    model, splitter = content.get("model"), content.get("pre_tokenizer")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise ValueError(
            "It must be a `tokenizer.json` with a BPE model. A `vocab.json` is read with its "
            "`merges`; a WordPiece model with `Vocabulary.read`."
        )
    if not splitter or splitter.get("type") != "ByteLevel" or content.get("normalizer"):
        raise ValueError(
            "It must have a `ByteLevel` pre-tokenizer and no normalizer, as RoBERTa's has: text "
            "would be split into other words than the model was trained on."
        )
    added = {entry["content"]: entry for entry in content.get("added_tokens", [])}
    tokens = model["vocab"] | {token: entry["id"] for token, entry in added.items()}
    words = [token for token in added if token not in SPECIAL_TOKENS]
    for token in words:
        flags = [name for name in ("single_word", "lstrip", "rstrip") if added[token].get(name)]
        if flags:
            raise ValueError(
                f"Its added token {token!r} has {' and '.join(flags)}, which this kit lacks: set "
                "it to false, if the model was trained without."
            )
    # Older files write a merge as "a b", newer ones as ["a", "b"].
    merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
    return tokens, merges, words


def _as_json(ids: dict[str, int]) -> bytes:
    return json.dumps(ids, ensure_ascii=False).encode()
