"""Texts that a corpus must not hold, such as those that a model will be tested on."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from keras_bert_kit.data.corpus import Corpus, Document
from keras_bert_kit.data.same_text import text_digest


class ExcludedTexts:
    """A set of documents; of each only 16 bytes are in memory.

    Two documents are the same if only case and white space, line ends among it, tell them apart.

    Args:
        sources: files, folders, patterns and datasets, read as `Corpus` reads them: a row of JSON
            lines is a text, in plain text a blank line ends one.
        text_field: see `Corpus`.
        encoding: see `Corpus`.
        undecodable: see `Corpus`.

    Raises:
        FileNotFoundError: if a source does not exist.
        ValueError: if an option is none that is known; and, once the texts are read, if a file
            cannot be read or there is no text.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "test.txt").write_text("One line.\\nAnother.\\n\\nThe second document.")
        >>> excluded = ExcludedTexts(folder / "test.txt")
        >>> ["one line. another."] in excluded, ["One line."] in excluded, len(excluded)
        (True, False, 2)
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        *,
        text_field: str = "text",
        encoding: str = "utf-8",
        undecodable: str = "error",
    ):
        self._corpus = Corpus(
            sources, text_field=text_field, encoding=encoding, undecodable=undecodable
        )

    def __contains__(self, document: Document) -> bool:
        """Whether `document`, the lines of a text, is one of the texts."""
        return _digest(document) in self._digests

    def __len__(self) -> int:
        """The number of different texts."""
        return len(self._digests)

    def __str__(self) -> str:
        """How many texts there are, and what tells them from any others."""
        fingerprint = blake2b(digest_size=6)
        for digest in sorted(self._digests):  # in whatever order or files they were
            fingerprint.update(digest)
        return f"{len(self):,} texts, fingerprint {fingerprint.hexdigest()}"

    @cached_property
    def _digests(self) -> set[bytes]:
        return {_digest(document) for _, document in self._corpus.documents()}


def _digest(document: Document) -> bytes:
    return text_digest([" ".join(document)])
