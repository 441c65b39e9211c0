"""Files of text to documents, one at a time: the text never lies in memory as a whole."""

import json
import logging
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from keras_bert_kit.data.text_lines import TextLines
from keras_bert_kit.data.text_sources import (
    JSON_ENDINGS,
    Source,
    find_sources,
    open_dataset,
    text_ending,
)

LONGEST_DOCUMENT = 8 << 20  # characters; a longer document is cut, so that memory stays bounded

Document = list[str]
"""The paragraphs or lines of a document: stripped, none of them empty, at least one."""

Position = tuple[int, int]
"""The index of a source, and the number of documents of that source that lie before."""

logger = logging.getLogger(__name__)


def read_documents(
    sources: str | Path | Sequence[str | Path],
    *,
    text_field: str = "text",
    encoding: str = "utf-8",
    undecodable: str = "error",
    exclude: Container[Document] | None = None,
) -> Iterator[Document]:
    """Reads documents from files, folders, patterns and TensorFlow Datasets, in a fixed order.

    The arguments are those of `Corpus`.

    Returns:
        An iterator over the documents, each a list of its paragraphs or lines.

    Raises:
        FileNotFoundError: if a source does not exist, or holds no text file.
        ValueError: if a file cannot be read as what its name says; the message names the file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("One line.\\nAnother.\\n\\nThe second document.")
        >>> list(read_documents(folder))
        [['One line.', 'Another.'], ['The second document.']]
    """
    corpus = Corpus(
        sources,
        text_field=text_field,
        encoding=encoding,
        undecodable=undecodable,
        exclude=exclude,
    )
    return (document for _, document in corpus.documents())


class Corpus:
    """Documents in files, and how far they have been read.

    Plain text has a blank line between documents, and a paragraph or a sentence on each line (a
    line with nothing but a form feed or spaces is blank too). JSON lines (`.jsonl`, `.ndjson`,
    `.json`) have a document a row, whose lines are its paragraphs. Both may be compressed: `.gz`,
    `.xz`, `.bz2`. A document of more than `LONGEST_DOCUMENT` characters is cut at a line end.

    Args:
        sources: one or several of: a file, read whatever its ending; a folder, searched with all
            its folders for text files, the hidden ones left out; a pattern such as
            `books/**/*.txt`; a TensorFlow dataset, with a version and a split if need be, such
            as `tfds:wikipedia/20230601.en:1.0.0:train[:10%]`.
        text_field: the field of a JSON row or of a dataset that holds the text.
        encoding: of the files; one in which a line feed is the byte 0A.
        undecodable: what to do with a line that is not valid in `encoding`: `"error"`, or `"skip"`
            it and log how many were skipped.
        exclude: documents to leave out, see `ExcludedTexts`.
        open_file: opens a file by its path, where that is none of this machine.

    Raises:
        FileNotFoundError: if a source does not exist, or holds no text file.
        ValueError: if `encoding` or `undecodable` is none that is known.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        *,
        text_field: str = "text",
        encoding: str = "utf-8",
        undecodable: str = "error",
        exclude: Container[Document] | None = None,
        open_file: Callable[[str], BinaryIO] | None = None,
    ):
        if undecodable not in ("error", "skip"):
            raise ValueError(f'`undecodable` must be "error" or "skip". Received: {undecodable!r}.')
        check_encoding(encoding)
        self.text_field = text_field
        self.encoding = encoding
        self.undecodable = undecodable
        self.exclude = exclude
        self.open_file = open_file or _open
        self.sources: list[Source] = find_sources(sources)
        self.size = sum(source.size for source in self.sources)
        self.bytes_read = self.num_excluded = 0  # of the documents that are being read
        self._warned: set[str] = set()

    def documents(self, start: Position = (0, 0)) -> Iterator[tuple[Position, Document]]:
        """Reads the documents from `start` on, and counts in `num_excluded` those left out.

        Args:
            start: the index of a source, and of a document within that source.

        Yields:
            The position behind each document (a value for `start`), and the document.

        Raises:
            ValueError: if a source is not what its name says, or there is no document in any, or
                none is left.
        """
        found, size = False, 0
        self.num_excluded = num_read = 0
        for index, source in enumerate(self.sources):
            self.bytes_read = behind = size
            size += source.size
            if index < start[0]:
                found = True
                continue
            for number, document in enumerate(self.source_documents(index, behind)):
                found = True
                if (index, number) < start:
                    continue
                num_read += 1
                if self.exclude is not None and document in self.exclude:
                    self.num_excluded += 1
                else:
                    yield (index, number + 1), document
        self.bytes_read = self.size
        if not found:
            raise ValueError(
                f"There is no document in {self.sources[0].path}"
                + (f" and {len(self.sources) - 1} other file(s)" if self.sources[1:] else "")
                + ": nothing but white space was found."
            )
        if start == (0, 0) and self.num_excluded == num_read:
            raise ValueError(
                f"All {num_read:,} document(s) of {self.sources[0].path}"
                + (f" and {len(self.sources) - 1} other file(s)" if self.sources[1:] else "")
                + " equal a text that is to be left out: there is nothing to train on. Give other "
                "text, or leave less out."
            )

    def source_documents(self, index: int, behind: int = 0) -> Iterator[Document]:
        """Reads all documents of one source, those of `exclude` too.

        Args:
            index: which source.
            behind: the bytes of the sources before it.
        """
        source = self.sources[index]
        if source.is_dataset:
            return self._dataset_documents(source, behind)
        return self._file_documents(source, behind)

    def _file_documents(self, source: Source, behind: int) -> Iterator[Document]:
        is_json = text_ending(source.path) in JSON_ENDINGS
        with self.open_file(source.path) as file:
            lines = TextLines(file, source.path, self.encoding, self.undecodable, rows=is_json)
            read = self._json_documents if is_json else self._text_documents
            for document in read(lines):
                self.bytes_read = behind + file.tell()
                yield document
        if lines.num_skipped:
            self._warn(
                f"{source.path}: skipped {lines.num_skipped} line(s) that are not {self.encoding}."
            )

    def _text_documents(self, lines: TextLines) -> Iterator[Document]:
        document, length, num_cuts = [], 0, 0
        for line in lines:
            line = line.strip()
            if not line or length > LONGEST_DOCUMENT:
                if document:
                    yield document
                    document, length = [], 0
                num_cuts += bool(line)
            if line:
                document.append(line)
                length += len(line)
        if document:
            yield document
        if num_cuts:
            self._warn(
                f"{lines.name}: cut long documents in {num_cuts} place(s), after every "
                f"{LONGEST_DOCUMENT:,} characters. Documents are separated by blank lines."
            )

    def _json_documents(self, lines: TextLines) -> Iterator[Document]:
        num_empty = 0
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"{lines.name}, line {number} is not JSON ({error}). Expected one JSON "
                    "object a line."
                ) from error
            if not isinstance(row, dict):
                raise ValueError(
                    f"{lines.name}, line {number} is not a JSON object but {line.strip()[:40]!r}. "
                    "Expected one JSON object a line."
                )
            document = _paragraphs(self._text_of(row, f"{lines.name}, line {number}"))
            num_empty += not document
            if document:
                yield document
        if num_empty:
            self._warn(f"{lines.name}: left out {num_empty} row(s) without any text.")

    def _dataset_documents(self, source: Source, behind: int) -> Iterator[Document]:
        builder, split = open_dataset(source.path)
        rows = builder.as_dataset(split=split, shuffle_files=False)
        num_rows = builder.info.splits[split].num_examples
        num_empty = 0
        for number, row in enumerate(rows.as_numpy_iterator()):
            self.bytes_read = behind + source.size * number // num_rows
            document = _paragraphs(self._text_of(row, f"{source.path}, row {number}"))
            num_empty += not document
            if document:
                yield document
        if num_empty:
            self._warn(f"{source.path}: left out {num_empty} row(s) without any text.")

    def _text_of(self, row: dict, where: str) -> str:
        if self.text_field not in row:
            raise ValueError(
                f"{where} has no field `{self.text_field}`. Its fields: {', '.join(row)}. Name the "
                "right one as `text_field`."
            )
        text = row[self.text_field]
        if text is None:  # a gap in a table: a document without text
            return ""
        if isinstance(text, bytes):
            return text.decode("utf-8", "replace")
        if not isinstance(text, str):
            raise ValueError(
                f"{where} has no text in its field `{self.text_field}`, but {text!r}. Name the "
                "right field as `text_field`."
            )
        return text

    def _warn(self, message: str) -> None:
        """Logs `message`, once for however many times the corpus is read."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message)


def _open(path: str) -> BinaryIO:
    return Path(path).open("rb")


def _paragraphs(text: str) -> Document:
    if not text.isascii():  # half a surrogate pair, which JSON can write and UTF-8 cannot
        text = text.encode("utf-8", "replace").decode()
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


def check_encoding(encoding: str) -> None:
    """Refuses an encoding that does not exist, or in which lines cannot be told apart."""
    try:
        ends_lines = "\n".encode(encoding) == b"\n"
    except (LookupError, TypeError):
        raise ValueError(
            f"`encoding` must be one that Python knows, such as utf-8. Received: {encoding!r}."
        ) from None
    if not ends_lines:
        raise ValueError(
            f"`encoding` must be one in which a line feed is one byte. Received: {encoding!r}. "
            f"Convert the files first, for instance with `iconv -f {encoding} -t utf-8`."
        )
