"""Predicted rows to a file or to standard output, a chunk at a time, always in whole lines."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from keras_bert_kit.text.characters import well_formed

STANDARD_OUTPUT = "-"
JSON_LINES, CSV, CONLL = "jsonl", "csv", "conll"
ENDINGS = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".csv": CSV,
    ".conll": CONLL,
    ".iob2": CONLL,
}


def output_format(output: str) -> str:
    """The format of an output, by the ending of its name; standard output is JSON lines.

    Raises:
        ValueError: if the ending is not known.

    Example:
        >>> output_format("-"), output_format("out.csv")
        ('jsonl', 'csv')
    """
    ending = Path(output).suffix.lower()
    if output == STANDARD_OUTPUT:
        return JSON_LINES
    if ending not in ENDINGS:
        raise ValueError(
            f"{output}: predictions are written to files that end in {', '.join(ENDINGS)}; "
            f"received {ending!r}. Choose one of these, or leave `output` out for JSON lines on "
            "standard output."
        )
    return ENDINGS[ending]


def check_output(output: str, overwrite: bool = False, inputs: Sequence[str | Path] = ()) -> None:
    """Refuses, before any work is done, a file that is there already, or that is read as well.

    Raises:
        FileExistsError: if it is there and is not to be overwritten.
        ValueError: if it is one of `inputs`, or of no known format.
    """
    output_format(output)
    path = Path(output)
    if output == STANDARD_OUTPUT or not path.exists():
        return
    if any(Path(one).exists() and path.samefile(one) for one in inputs):
        raise ValueError(f"{output} is read, so it cannot be written: choose another `output`.")
    if not overwrite:
        raise FileExistsError(
            f"{output} is there already: choose another `output`, or allow `overwrite`."
        )


@contextmanager
def open_output(output: str, overwrite: bool = False) -> Iterator[Callable[[list[dict]], None]]:
    """Opens a file for predicted rows; each call of what it gives writes some of them.

    - JSON lines: an object a line.
    - CSV: the columns of the first row; lists and objects are written as JSON.
    - CoNLL: a word and its tag a line, a blank line behind each sentence.

    Where writing ends with an error or Ctrl-C, the file holds all whole chunks before it, and is
    gone if there are none.

    Args:
        output: a file, or `"-"` for standard output.
        overwrite: whether the file may be there.

    Yields:
        A function that writes rows.

    Raises:
        FileExistsError: if the file is there and is not to be overwritten.
        ValueError: if its format is not known, or the rows cannot be written in it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "out.csv"
        >>> with open_output(str(path)) as write:
        ...     write([{"text": 'Said "no".', "label": "bad", "probability": 0.75}])
        >>> print(path.read_text(), end="")
        text,label,probability
        "Said ""no"".",bad,0.75
    """
    check_output(output, overwrite)
    writer = {JSON_LINES: json_lines, CSV: CsvLines(), CONLL: conll_lines}[output_format(output)]
    if output == STANDARD_OUTPUT:
        sys.stdout.flush()
        yield lambda rows: _write(sys.stdout.buffer, writer(rows))
        return
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = 0

    def write(rows: list[dict]) -> None:
        nonlocal whole
        whole += _write(file, writer(rows))

    with path.open("wb") as file:
        try:
            yield write
        except BaseException:
            if path.is_file():  # not a pipe or a device
                with suppress(OSError):  # of a full disk, which is what is being told of
                    file.flush()
                os.truncate(path, whole)
                if not whole:
                    path.unlink()
            raise


def _write(file: BinaryIO, content: bytes) -> int:
    file.write(content)
    file.flush()
    return len(content)


def json_lines(rows: list[dict]) -> bytes:
    r"""Rows as JSON lines, in UTF-8.

    Halves of surrogate pairs, which have no UTF-8, are escaped; what is no number is null.

    Example:
        >>> json_lines([{"text": "ü\ud83d", "value": float("nan")}]).decode()
        '{"text": "ü\\ud83d", "value": null}\n'
    """
    # Such a half can only be inside of a string, where Python's escape is JSON's too.
    return b"".join(_json(row).encode("utf-8", "backslashreplace") + b"\n" for row in rows)


class CsvLines:
    """Rows as lines of CSV, below the names of the columns of the first one."""

    def __init__(self):
        self.columns: list[str] = []

    def __call__(self, rows: list[dict]) -> bytes:
        """The lines of some rows, in UTF-8.

        Raises:
            ValueError: if a row has a column that the first one has not.
        """
        lines = []
        for row in rows:
            if not self.columns:
                self.columns = list(row)
                lines.append(self.columns)
            unknown = row.keys() - set(self.columns)
            if unknown:
                raise ValueError(
                    f"A row has {', '.join(map(repr, sorted(unknown)))}, which the first one has "
                    f"not ({', '.join(self.columns)}): CSV has no place for it. Write JSON lines: "
                    "give an `output` that ends in .jsonl."
                )
            lines.append([row.get(name) for name in self.columns])
        text = "".join(",".join(map(_csv_field, line)) + "\n" for line in lines)
        return well_formed(text).encode()


def conll_lines(rows: list[dict]) -> bytes:
    r"""Sentences of tagged words (`tokens` and `tags`), a word and its tag on each line.

    Raises:
        ValueError: if a word has a tab or a line end in it.

    Example:
        >>> conll_lines([{"tokens": ["Ada", "smiled"], "tags": ["B-PER", "O"]}])
        b'Ada\tB-PER\nsmiled\tO\n\n'
    """
    lines = []
    for row in rows:
        for word, tag in zip(row["tokens"], row["tags"], strict=True):
            if any(character in word for character in "\t\r\n"):
                raise ValueError(
                    f"The word {word!r} has a tab or a line end in it, for which CoNLL has no "
                    "place. Write JSON lines: give an `output` that ends in .jsonl."
                )
            lines.append(f"{word}\t{tag}\n")
        lines.append("\n")
    return well_formed("".join(lines)).encode()


def _csv_field(value) -> str:
    """A field; in quotes wherever a reader could take part of it for something else."""
    if value is None:
        return ""
    if not isinstance(value, str | bool | int | float | list | dict):
        value = _plain(value)  # a date is written as one, not as a string of JSON
    text = value if isinstance(value, str) else _json(value)
    if text != text.strip() or any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _json(value) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:  # NaN
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def _plain(value):
    """What Parquet and TFDS have and JSON has not: arrays, bytes, dates."""
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)


def _finite(value):
    """The value with None for every float that is no number."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return value
