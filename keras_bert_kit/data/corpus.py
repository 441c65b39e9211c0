"""Files of text to documents, one at a time: what lies on the disk never lies in memory as a whole."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from keras_bert_kit.data.text_lines import COMPRESSED_ENDINGS, TextLines

TFDS_PREFIX = "tfds:"
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
TEXT_ENDINGS = ("", ".txt", ".text", ".raw", ".tokens")  # what a folder is searched for
LONGEST_DOCUMENT = 8 << 20  # characters; a longer document is cut, so that memory stays bounded

Document = list[str]
"""The paragraphs or lines of a document: stripped, none of them empty, at least one."""

logger = logging.getLogger(__name__)


def read_documents(
    sources: str | Path | Sequence[str | Path],
    *,
    text_field: str = "text",
    encoding: str = "utf-8",
    undecodable: str = "error",
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
    corpus = Corpus(sources, text_field=text_field, encoding=encoding, undecodable=undecodable)
    return (document for _, document in corpus.documents())


@dataclass(frozen=True)
class Source:
    """One file, or one split of a TensorFlow dataset.

    Attributes:
        path: where it is, or `tfds:name:split`.
        size: bytes as they lie on the disk.
    """

    path: str
    size: int


class Corpus:
    """Documents in files, and how far they have been read.

    Plain text has a blank line between documents, and a paragraph or a sentence on each line (a
    line with nothing but a form feed or spaces is blank too). JSON lines (`.jsonl`, `.ndjson`,
    `.json`) have a document a row, whose lines are its paragraphs. Both may be compressed: `.gz`,
    `.xz`, `.bz2`. A document of more than `LONGEST_DOCUMENT` characters is cut at a line end.

    Args:
        sources: one or several of: a file, read whatever its ending; a folder, searched with all
            its folders for text files, the hidden ones left out; a pattern such as `books/**/*.txt`;
            a TensorFlow dataset with an optional split, such as `tfds:wikipedia/20230601.en:train`.
        text_field: the field of a JSON row or of a dataset that holds the text.
        encoding: of the files; one in which a line feed is the byte 0A.
        undecodable: what to do with a line that is not valid in `encoding`: `"error"`, or `"skip"`
            it and log how many were skipped.

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
    ):
        if undecodable not in ("error", "skip"):
            raise ValueError(f'`undecodable` must be "error" or "skip". Received: {undecodable!r}.')
        _check_encoding(encoding)
        self.text_field = text_field
        self.encoding = encoding
        self.undecodable = undecodable
        self.sources: list[Source] = _find_sources(sources)
        self.size = sum(source.size for source in self.sources)
        self.bytes_read = 0

    def documents(self, start: tuple[int, int] = (0, 0)) -> Iterator[tuple[tuple[int, int], Document]]:
        """Reads the documents from `start` on.

        Args:
            start: a position: the index of a source, and of a document within that source.

        Yields:
            The position behind each document (a value for `start`), and the document.

        Raises:
            ValueError: if a source is not what its name says, or there is no document in any.
        """
        found = False
        for index, source in enumerate(self.sources):
            behind = sum(source.size for source in self.sources[:index])
            self.bytes_read = behind
            if index < start[0]:
                found = True
                continue
            if source.path.startswith(TFDS_PREFIX):
                documents = self._dataset_documents(source, behind)
            else:
                documents = self._file_documents(source, behind)
            for number, document in enumerate(documents):
                found = True
                if (index, number) >= start:
                    yield (index, number + 1), document
        self.bytes_read = self.size
        if not found:
            raise ValueError(
                f"There is no document in {self.sources[0].path}"
                + (f" and {len(self.sources) - 1} other file(s)" if self.sources[1:] else "")
                + ": nothing but white space was found."
            )

    def _file_documents(self, source: Source, behind: int) -> Iterator[Document]:
        is_json = _text_ending(source.path) in JSON_ENDINGS
        with Path(source.path).open("rb") as file:
            lines = TextLines(file, source.path, self.encoding, self.undecodable, cut=not is_json)
            read = self._json_documents if is_json else self._text_documents
            for document in read(lines):
                self.bytes_read = behind + file.tell()
                yield document
        if lines.num_skipped:
            logger.warning(
                "Skipped %d line(s) of %s that are not %s.",
                lines.num_skipped,
                source.path,
                self.encoding,
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
            logger.warning(
                "%s: cut long documents in %d place(s), at %d million characters. Documents are "
                "separated by blank lines.",
                lines.name,
                num_cuts,
                LONGEST_DOCUMENT >> 20,
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
                    f"{lines.name}, line {number} is not JSON ({error}). Expected one JSON object a "
                    "line."
                ) from error
            if not isinstance(row, dict) or not isinstance(row.get(self.text_field), str):
                fields = ", ".join(row) if isinstance(row, dict) else f"none: {line[:40]}"
                raise ValueError(
                    f"{lines.name}, line {number} has no text in a field `{self.text_field}`. Its "
                    f"fields: {fields}. Name the right one as `text_field`."
                )
            document = _paragraphs(row[self.text_field])
            num_empty += not document
            if document:
                yield document
        if num_empty:
            logger.warning("%s: left out %d row(s) without any text.", lines.name, num_empty)

    def _dataset_documents(self, source: Source, behind: int) -> Iterator[Document]:
        builder, split = _dataset(source.path)
        fields = builder.info.features
        if self.text_field not in fields:
            raise ValueError(
                f"{source.path} has no field `{self.text_field}`. Its fields: {', '.join(fields)}. "
                "Name the right one as `text_field`."
            )
        rows = builder.as_dataset(split=split, shuffle_files=False)
        num_rows = builder.info.splits[split].num_examples
        num_empty = 0
        for number, text in enumerate(rows.map(lambda row: row[self.text_field])):
            self.bytes_read = behind + source.size * number // num_rows
            document = _paragraphs(text.numpy().decode())
            num_empty += not document
            if document:
                yield document
        if num_empty:
            logger.warning("%s: left out %d row(s) without any text.", source.path, num_empty)


def _paragraphs(text: str) -> Document:
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


def _check_encoding(encoding: str) -> None:
    try:
        ends_lines = "\n".encode(encoding) == b"\n"
    except (LookupError, TypeError):
        raise ValueError(f"`encoding` must be one that Python knows. Received: {encoding!r}.") from None
    if not ends_lines:
        raise ValueError(
            f"`encoding` must be one in which a line feed is one byte. Received: {encoding!r}. "
            f"Convert the files first, for instance with `iconv -f {encoding} -t utf-8`."
        )


def _text_ending(path: str | Path) -> str:
    """The ending of a file's name in lower case, that of the compression taken off."""
    path = Path(path)
    if path.suffix.lower() in COMPRESSED_ENDINGS:
        path = path.with_suffix("")
    return path.suffix.lower()


def _find_sources(sources: str | Path | Sequence[str | Path]) -> list[Source]:
    if isinstance(sources, str | Path):
        sources = [sources]
    if not sources:
        raise FileNotFoundError("No source of text was given. Name a file, a folder or a pattern.")
    found: dict[str, Source] = {}
    num_repeated = 0
    for source in sources:
        if str(source).startswith(TFDS_PREFIX):
            new = [_dataset_source(str(source))]
        else:
            new = [Source(str(path), path.stat().st_size) for path in _find_files(source)]
        for one in new:
            is_dataset = one.path.startswith(TFDS_PREFIX)
            key = one.path if is_dataset else str(Path(one.path).resolve())
            num_repeated += key in found
            found.setdefault(key, one)
    if num_repeated:
        logger.warning("Named %d file(s) more than once; each is read once.", num_repeated)
    return list(found.values())


def _find_files(source: str | Path) -> list[Path]:
    path = Path(source).expanduser()
    if path.is_dir():
        return _find_in_folder(path)
    if path.is_file():
        return [path]
    matches = sorted(Path(match) for match in glob(str(path), recursive=True))
    files = [match for match in matches if match.is_file()]
    if not files:
        raise FileNotFoundError(
            f"{source} is no file, no folder, and no pattern that matches a file. "
            f"Looked from {Path.cwd()}."
        )
    return files


def _find_in_folder(folder: Path) -> list[Path]:
    files, others = [], []
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if is_hidden or not path.is_file():
            continue
        ending = _text_ending(path)
        is_text = ending in TEXT_ENDINGS + JSON_ENDINGS or ending[1:].isdigit()  # part.0001
        (files if is_text else others).append(path)
    if not files:
        raise FileNotFoundError(
            f"There is no text file in {folder}: looked for names with no ending, .txt, .jsonl and "
            f"the like, plain or as .gz or .xz. Found {len(others)} other file(s)"
            + (f", such as {others[0].name}." if others else ".")
            + " A file named by itself or by a pattern is read whatever its ending."
        )
    if others:
        logger.warning(
            "%s: left out %d file(s) whose names are not those of text, such as %s.",
            folder,
            len(others),
            others[0].name,
        )
    return files


def _dataset_source(path: str) -> Source:
    builder, split = _dataset(path)
    return Source(path, builder.info.splits[split].num_bytes)


def _dataset(path: str):
    """The builder of `tfds:name[:split]`, its files on the disk, and the split."""
    import tensorflow_datasets as tfds

    name, _, split = path.removeprefix(TFDS_PREFIX).partition(":")
    split = split or "train"
    try:
        builder = tfds.builder(name)
    except (tfds.core.registered.DatasetNotFoundError, ValueError, AssertionError) as error:
        raise FileNotFoundError(f"{path} is no dataset that TensorFlow Datasets knows.") from error
    if not builder.data_path.exists():
        logger.info("Fetching %s with TensorFlow Datasets.", name)
        builder.download_and_prepare()
    if split not in builder.info.splits:
        raise ValueError(
            f"{path}: the dataset has no split {split!r}. Its splits: {', '.join(builder.info.splits)}."
        )
    return builder, split
