"""One source of rows, of whatever format, to its rows."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keras_bert_kit.data.class_names import TAGS, tag_column, with_named_tags, with_squad_columns
from keras_bert_kit.data.conll_rows import conll_rows, shared_prefix
from keras_bert_kit.data.dataset_rows import DatasetRows
from keras_bert_kit.data.delimited_rows import delimited_rows
from keras_bert_kit.data.json_rows import json_line_rows, json_rows
from keras_bert_kit.data.parquet_rows import ParquetRows
from keras_bert_kit.data.row_options import RowOptions
from keras_bert_kit.data.text_lines import COMPRESSED_ENDINGS, TextLines
from keras_bert_kit.data.text_sources import TEXT_ENDINGS, TFDS_PREFIX, text_ending
from keras_bert_kit.data.unreadable_rows import UnreadableRows

STANDARD_INPUT = "-"
ENDINGS = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "parquet": (".parquet", ".pq"),
    "conll": (".conll", ".conll2003", ".iob", ".iob2", ".bio"),
    "txt": TEXT_ENDINGS,
}

logger = logging.getLogger(__name__)


class NoRowsError(ValueError):
    """Says that a source has no row at all, which not everybody calls a mistake."""


class RowFile:
    """The rows of one file, of a dataset or of standard input.

    Args:
        path: a file, `tfds:name[:version][:split]`, or `"-"` for standard input.
        options: how to read it.

    Attributes:
        name: what error messages call it.
        unit: what a number counts, known once the first row is read: `"line"`, `"row"` or
            `"question"`.
        class_names: the names of classes by column, where the source has them; known like `unit`.

    Raises:
        ValueError: if its format cannot be told.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "train.csv"
        >>> _ = path.write_text("text,label\\ngood,1\\n")
        >>> list(RowFile(path, RowOptions()))
        [(2, {'text': 'good', 'label': '1'})]
    """

    def __init__(self, path: str | Path, options: RowOptions):
        self.path = str(path)
        self.options = options
        self.name = "standard input" if self.path == STANDARD_INPUT else self.path
        self.unit = "line"
        self.class_names: dict[str, tuple[str, ...]] = {}
        self.format = find_format(self.path, options)

    def __iter__(self) -> Iterator[tuple[int, dict]]:
        """Reads the source once more from its start; standard input can be read only once.

        Raises:
            NoRowsError: if there is no row.
            ValueError: if a row cannot be read, or all of them were skipped.
        """
        bad = UnreadableRows(self.options.on_bad)
        found = False
        try:
            for numbered_row in self._rows(bad):
                found = True
                yield numbered_row
        finally:  # also where only the first rows are asked for
            bad.report(self.name)
        if not found:
            raise (ValueError if bad.num_skipped else NoRowsError)(self._says_empty(bad))

    def _rows(self, bad: UnreadableRows) -> Iterator[tuple[int, dict]]:
        if self.format in ("parquet", "tfds"):
            self.unit = "row"
            table = (ParquetRows if self.format == "parquet" else DatasetRows)(self.path)
            self.class_names = dict(table.class_names)
            for column, names in table.tag_names.items():
                renamed = TAGS if column == tag_column(table.tag_names) else column
                self.class_names[renamed] = names
            named = with_named_tags(table, table.tag_names, self.name, bad)
            yield from with_squad_columns(named)
            return
        with self._open() as file:
            lines = self._lines(file)
            try:
                yield from self._text_rows(lines, bad)
            finally:
                if lines.num_skipped:
                    logger.warning(
                        "%s: skipped %d line(s) that are not %s.",
                        self.name,
                        lines.num_skipped,
                        lines.encoding,
                    )

    def _text_rows(self, lines: TextLines, bad: UnreadableRows) -> Iterator[tuple[int, dict]]:
        options = self.options
        if self.format == "txt":
            return ((number, {"text": line}) for number, line in enumerate(lines, start=1))
        if self.format == "jsonl":
            return json_line_rows(lines, lines.name, bad)
        if self.format == "json":
            self.unit, rows = json_rows(lines, bad)
            return with_squad_columns(rows)
        if self.format == "conll":
            prefix = options.strip_prefix
            if prefix is None and self.path == STANDARD_INPUT:  # cannot be read twice
                return self._with_a_look_at_prefixes(self._conll_rows(lines, bad, ""))
            return self._conll_rows(lines, bad, self._find_prefix() if prefix is None else prefix)
        delimiter = options.delimiter or ("," if self.format == "csv" else "\t")
        quoted = self.format == "csv" if options.quoted is None else options.quoted
        return delimited_rows(lines, delimiter, quoted, options.header, bad)

    def _conll_rows(self, lines: TextLines, bad: UnreadableRows, prefix: str | None) -> Iterator:
        options = self.options
        return conll_rows(
            lines, bad, options.token_column, options.tag_column, options.tagged, prefix
        )

    def _find_prefix(self) -> str:
        """The prefix that every token has; for nearly all files, one look at their first token."""
        with self._open() as file:
            rows = self._conll_rows(self._lines(file), UnreadableRows(self.options.on_bad), None)
            prefix = shared_prefix(rows)
        if prefix:
            logger.info(
                "%s: every token begins with %r, which is taken off. To keep it, give "
                '`strip_prefix=""`.',
                self.name,
                prefix,
            )
        return prefix

    def _with_a_look_at_prefixes(self, rows: Iterator) -> Iterator:
        for index, row in enumerate(rows):
            prefix = "" if index else shared_prefix([row])
            if prefix:
                logger.warning(
                    "%s: the first tokens begin with %r. To take it off, give `strip_prefix=%r`.",
                    self.name,
                    prefix,
                    prefix,
                )
            yield row

    def _open(self) -> BinaryIO:
        if self.path == STANDARD_INPUT:
            return _AsItArrives(sys.stdin.buffer)
        return Path(self.path).open("rb")

    def _lines(self, file: BinaryIO) -> TextLines:
        return TextLines(
            file, self.name, self.options.encoding, self.options.undecodable, rows=True
        )

    def _says_empty(self, bad: UnreadableRows) -> str:
        if bad.num_skipped:
            return f"{self.name} has no row that can be read: all {bad.num_skipped} were skipped."
        if self.format in ("csv", "tsv") and self.options.header:
            return (
                f"{self.name} is empty, or has only a header: expected rows below it. If the "
                "file has no header, give `header=False`."
            )
        return f"{self.name} is empty: expected rows, read as {self.format}."


class _AsItArrives:
    """A stream that hands out what is there, so that a pipe is read line by line."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read1(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Standard input stays open: it is not ours."""


def find_format(path: str, options: RowOptions) -> str:
    """The format of a source: as the options say, or by the ending of its name.

    Raises:
        ValueError: if the ending is not known, or the format cannot be read from such a source.

    Example:
        >>> find_format("train.tsv.xz", RowOptions())
        'tsv'
        >>> find_format("train.txt", RowOptions(format="conll"))
        'conll'
    """
    if path.startswith(TFDS_PREFIX):
        return "tfds"
    ending = "" if path == STANDARD_INPUT else text_ending(path)
    by_ending = next((name for name, endings in ENDINGS.items() if ending in endings), None)
    if by_ending is None and ending[1:].isdigit():  # part.0001
        by_ending = "txt"
    if by_ending in (None, "txt") and options.delimiter:  # only tables have one
        by_ending = "tsv" if options.delimiter == "\t" else "csv"
    found = options.format or by_ending
    if found is None:
        known = " ".join(ending for endings in ENDINGS.values() for ending in endings if ending)
        raise ValueError(
            f"{path}: the format of a file that ends in {ending} is not known. Give its `format`: "
            f"{', '.join(ENDINGS)}. Endings that are known: {known}, and these with "
            f"{' '.join(COMPRESSED_ENDINGS)}."
        )
    if found == "parquet" and (path == STANDARD_INPUT or path.lower().endswith(COMPRESSED_ENDINGS)):
        raise ValueError(
            f"{path}: Parquet is read from a plain file, not from standard input or a compressed "
            "file. Unpack it first; Parquet files are compressed inside."
        )
    return found
