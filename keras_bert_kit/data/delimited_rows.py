"""CSV and TSV files to rows."""

import csv
import logging
from collections import deque
from collections.abc import Iterable, Iterator

from keras_bert_kit.data.text_lines import TextLines
from keras_bert_kit.data.unreadable_rows import UnreadableRows

LONGEST_FIELD = 1 << 30  # characters: a quote that is never closed takes in all that follows

logger = logging.getLogger(__name__)


def delimited_rows(
    lines: TextLines, delimiter: str, quoted: bool, header: bool, bad: UnreadableRows
) -> Iterator[tuple[int, dict[str, str]]]:
    r"""Reads rows whose fields are separated by a character.

    A line with nothing on it is no row, except in an unquoted file of one column.

    Args:
        lines: the lines of the file.
        delimiter: the character between two fields.
        quoted: whether fields may stand in quotes (a quote in them is written twice), with
            delimiters and line ends inside. Otherwise a quote is a character like any other.
        header: whether the first row names the columns; otherwise they are `"0"`, `"1"` and so on.
        bad: takes the rows that have another number of fields than the first row.

    Yields:
        The number of the first line of a row, and its values by column, all of them strings.

    Raises:
        ValueError: if two columns have the same name.

    Example:
        >>> import io
        >>> file = io.BytesIO(b'text,label\n"one,\n two",1\n')
        >>> list(delimited_rows(TextLines(file, "a.csv"), ",", True, True, UnreadableRows()))
        [(2, {'text': 'one,\n two', 'label': '1'})]
    """
    read = _quoted_fields if quoted else _plain_fields
    names = None
    looks_quoted = False
    for number, fields in read(lines, delimiter, bad):
        if header and names is None and fields == [""]:
            continue
        if names is None:
            names = _column_names(fields, header, f"{lines.name}, line {number}")
            if header:
                continue
        if not quoted and fields == [""] and len(names) > 1:
            continue
        if len(fields) != len(names):
            bad.add(
                f"{lines.name}, line {number} has {len(fields)} field(s), expected {len(names)} "
                f"({', '.join(names)}) with {delimiter!r} between them."
                + _quote_hint(fields, quoted)
            )
            continue
        if not quoted and not looks_quoted and any(map(_looks_quoted, fields)):
            looks_quoted = True
            logger.warning(
                "%s, line %d, perhaps among others, has a field in quotes with doubled quotes "
                "inside. They are kept as they are; if the file was written with quoted fields, "
                "give `quoted=True`.",
                lines.name,
                number,
            )
        yield number, dict(zip(names, fields, strict=True))


def _plain_fields(
    lines: Iterable[str], delimiter: str, bad: UnreadableRows
) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        yield number, line.split(delimiter)


def _quoted_fields(
    lines: TextLines, delimiter: str, bad: UnreadableRows
) -> Iterator[tuple[int, list[str]]]:
    # The limit is one for the whole process, and by default shorter than a long text.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    unread = _UnreadLines(lines)
    reader = csv.reader(unread, delimiter=delimiter, strict=True)
    while True:
        unread.taken.clear()
        number = unread.position + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            bad.add(
                f"{lines.name}, line {number} begins a row whose quotes do not match ({error}, in "
                f"line {unread.position}). A quote inside of quotes is written twice; if quotes "
                "are plain characters in this file, give `quoted=False`.",
                error,
            )
            # A quote that is never closed took in all that follows: only its line is bad.
            unread.put_back()
            reader = csv.reader(unread, delimiter=delimiter, strict=True)
            continue
        if fields:
            yield number, fields


class _UnreadLines:
    """Lines with their line feed, of which those that were `taken` last can be put back."""

    def __init__(self, lines: Iterable[str]):
        self._lines = iter(lines)
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self.position = 0

    def __iter__(self) -> "_UnreadLines":
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines) + "\n"
        self.position += 1
        self.taken.append(line)
        return line

    def put_back(self) -> None:
        """All but the first."""
        self._back.extendleft(reversed(self.taken[1:]))
        self.position -= len(self.taken) - 1


def _column_names(fields: list[str], header: bool, where: str) -> list[str]:
    numbers = [str(index) for index in range(len(fields))]
    if not header:
        return numbers
    # A column without name, such as the index that pandas writes, has its number.
    names = [field.strip() or number for field, number in zip(fields, numbers, strict=True)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{where} should name the columns, but has {', '.join(map(repr, repeated))} more than "
            "once. Rename them, or give `header=False` if the file has no header: its columns are "
            'then "0", "1" and so on.'
        )
    return names


def _looks_quoted(field: str) -> bool:
    return len(field) > 4 and field[0] == field[-1] == '"' and '""' in field[1:-1]


def _quote_hint(fields: list[str], quoted: bool) -> str:
    if quoted or not any(field.startswith('"') or field.endswith('"') for field in fields):
        return ""
    return " It has a quote: if fields stand in quotes in this file, give `quoted=True`."
