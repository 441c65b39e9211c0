"""Rows of labelled text: a table in memory from files and datasets, or one row at a time."""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from keras_bert_kit.data.row_files import STANDARD_INPUT, RowFile
from keras_bert_kit.data.row_options import RowOptions
from keras_bert_kit.data.row_table import Rows, find_column
from keras_bert_kit.data.text_sources import TFDS_PREFIX, find_sources

__all__ = ["Rows", "find_column", "open_sources", "read_rows", "stream_rows"]

logger = logging.getLogger(__name__)


def read_rows(
    source: str | Path | Sequence[str | Path], *, limit: int | None = None, **options
) -> Rows:
    """Reads a table from files or datasets, one after another.

    The format goes by the ending of a file's name, with or without `.gz`, `.xz` or `.bz2`:
    - `.csv`, `.tsv`: columns of strings;
    - `.jsonl`, `.ndjson`: an object a line; `.json`: that, a list of objects, or SQuAD's format,
      with the columns `id title context question answers is_impossible`;
    - `.parquet`;
    - `.conll`, `.iob2`, `.iob`, `.bio`: sentences, with the columns `tokens` and `tags`;
    - `.txt` or none: a text a line, in the column `text`; a blank line is an empty text.

    Args:
        source: one or several of: a file, a pattern such as `parts/*.csv`, a TensorFlow dataset
            (`tfds:name[:version][:split]`), or `"-"` for standard input.
        limit: how many rows to read at most, of all sources together.
        options: those of `RowOptions`, such as `header=False`, `delimiter=";"`, `format="conll"`.

    Raises:
        FileNotFoundError: if a source does not exist.
        ValueError: if a source is empty or cannot be read, or two have not the same columns.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "train.tsv"
        >>> _ = path.write_text("text\\tlabel\\ngood\\t1\\nbad\\t0\\n")
        >>> read_rows(path).columns
        {'text': ['good', 'bad'], 'label': ['1', '0']}
    """
    _check_limit(limit)
    tables = []
    for one in open_sources(source, RowOptions(**options)):
        left = None if limit is None else limit - sum(map(len, tables))
        if left == 0:
            break
        tables.append(_read_table(one, left))
    return tables[0] if len(tables) == 1 else _concatenate(tables)


def stream_rows(
    source: str | Path, *, limit: int | None = None, **options
) -> Iterator[tuple[int, dict]]:
    """Reads one row at a time, however many there are, in constant memory.

    Only a `.json` file that is one list or SQuAD's is read as a whole.

    Args:
        source: as `read_rows` takes it, but only one.
        limit: how many rows to read at most.
        options: those of `RowOptions`.

    Yields:
        The number of the row in its source, as in `Rows`, and its values by column.

    Raises:
        FileNotFoundError: if the source does not exist.
        ValueError: if it is empty, cannot be read, or is several files.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "texts.txt"
        >>> _ = path.write_text("One text.\\n\\nAnother.\\n")
        >>> list(stream_rows(path))
        [(1, {'text': 'One text.'}), (2, {'text': ''}), (3, {'text': 'Another.'})]
    """
    _check_limit(limit)
    files = open_sources(source, RowOptions(**options))
    if len(files) > 1:
        raise ValueError(
            f"Expected one source of rows. Received {len(files)}: "
            f"{', '.join(file.name for file in files)}."
        )
    return islice(iter(files[0]), limit)


def open_sources(source: str | Path | Sequence[str | Path], options: RowOptions) -> list[RowFile]:
    """The files and datasets that `read_rows` would read, none of them read yet.

    Raises:
        FileNotFoundError: if a source does not exist, or none was given.
        ValueError: if one is a folder, or its format cannot be told.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    files = []
    for one in sources:
        if str(one) == STANDARD_INPUT:
            files.append(RowFile(STANDARD_INPUT, options))
            continue
        is_folder = str(one) and not str(one).startswith(TFDS_PREFIX)
        if is_folder and Path(one).expanduser().is_dir():
            raise ValueError(
                f"{one} is a folder: name a file in it, or a pattern such as {one}/*.csv."
            )
        files += [RowFile(found.path, options) for found in find_sources(one)]
    if not files:
        raise FileNotFoundError("No source of rows was given. Name a file or a dataset.")
    return files


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be 1 or more, or None for all rows. Received: {limit}.")


def _read_table(file: RowFile, limit: int | None) -> Rows:
    columns: dict[str, list] = {}
    numbers: list[int] = []
    num_missing: dict[str, int] = {}
    for number, row in islice(iter(file), limit):
        if row.keys() != columns.keys():  # only JSON objects need not all have the same
            for name in [name for name in row if name not in columns]:
                columns[name] = [None] * len(numbers)
                num_missing[name] = len(numbers)
            for name in columns.keys() - row.keys():
                num_missing[name] += 1
        for name, values in columns.items():
            values.append(row.get(name))
        numbers.append(number)
    missing = {name: count for name, count in num_missing.items() if count}
    if missing:
        logger.warning(
            "%s: rows without a field that others have, which is then None: %s.",
            file.name,
            ", ".join(f"`{name}` in {count} of {len(numbers)}" for name, count in missing.items()),
        )
    return Rows(columns, file.name, numbers, file.class_names, file.unit)


def _concatenate(tables: list[Rows]) -> Rows:
    first = tables[0]
    for other in tables[1:]:
        if other.columns.keys() != first.columns.keys():
            raise ValueError(
                "Sources that are read together must have the same columns. "
                f"{first.source} has {', '.join(map(repr, first.columns))}; {other.source} has "
                f"{', '.join(map(repr, other.columns))}."
            )
        if other.class_names != first.class_names:
            raise ValueError(
                "Sources that are read together must have the same names of classes. "
                f"{first.source} has {first.class_names}; {other.source} has {other.class_names}."
            )
    return Rows(
        {name: [value for t in tables for value in t.columns[name]] for name in first.columns},
        f"{first.source} and {len(tables) - 1} more",
        [number for table in tables for number in table.numbers],
        first.class_names,
        first.unit,
        [(table.source, table.unit) for table in tables for _ in range(len(table))],
    )
