"""JSON lines and JSON files to rows."""

import itertools
import json
from collections.abc import Iterable, Iterator

from keras_bert_kit.data.squad_rows import is_squad, squad_rows
from keras_bert_kit.data.text_lines import TextLines
from keras_bert_kit.data.unreadable_rows import UnreadableRows

EXPECTED = "Expected one JSON object a line"


def json_line_rows(
    lines: Iterable[str], name: str, bad: UnreadableRows
) -> Iterator[tuple[int, dict]]:
    """Reads one object a line; blank lines are passed over.

    Args:
        lines: the lines of the file.
        name: what error messages call it.
        bad: takes the lines that are not a JSON object.

    Yields:
        The number of the line, and the object.

    Example:
        >>> lines = ['{"text": "one"}', "", '{"text": "two"}']
        >>> list(json_line_rows(lines, "a.jsonl", UnreadableRows()))
        [(1, {'text': 'one'}), (3, {'text': 'two'})]
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _parse(line)
        except (ValueError, RecursionError) as error:
            bad.add(f"{name}, line {number} is not JSON ({error}). {EXPECTED}.", error)
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            bad.add(
                f"{name}, line {number} is not a JSON object but {line.strip()[:40]!r}. "
                f'{EXPECTED}; a list of objects is read with `format="json"`.'
            )


def json_rows(lines: TextLines, bad: UnreadableRows) -> tuple[str, Iterator[tuple[int, dict]]]:
    """Reads a list of objects, JSON lines or SQuAD's format: whichever it turns out to be.

    JSON lines are read one at a time, the others as a whole.

    Args:
        lines: the lines of the file.
        bad: takes the rows that are not a JSON object.

    Returns:
        What a row is: `"line"`, `"row"` or `"question"`; and an iterator over the number of each
        row, from 1, and the object.

    Raises:
        ValueError: if the file is none of the three.

    Example:
        >>> import io
        >>> file = TextLines(io.BytesIO(b'[{"text": "one"},' + b' {"text": "two"}]'), "a.json")
        >>> unit, rows = json_rows(file, UnreadableRows())
        >>> unit, list(rows)
        ('row', [(1, {'text': 'one'}), (2, {'text': 'two'})])
    """
    read, beginning = [], ""
    every_line = iter(lines)
    for line in every_line:
        read.append(line)
        beginning = line.strip()
        if beginning:
            break
    every_line = itertools.chain(read, every_line)
    if _is_row(beginning):
        return "line", json_line_rows(every_line, lines.name, bad)
    if beginning and beginning[0] not in "[{":
        raise _not_json(lines.name, f"it begins with {beginning[:40]!r}")
    if not beginning:
        return "line", iter(())
    try:
        content = _parse("\n".join(every_line))
    except (ValueError, RecursionError) as error:
        raise _not_json(lines.name, str(error)) from error
    if is_squad(content):
        return "question", squad_rows(content, lines.name, bad)
    if isinstance(content, list):
        return "row", _list_rows(content, lines.name, bad)
    raise _not_json(lines.name, f"it is one object with the keys {', '.join(content)}")


def _is_row(line: str) -> bool:
    """Whether the first line of a file is a row by itself."""
    try:
        content = _parse(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return False
    return content is not None and not is_squad(content)


def _list_rows(content: list, name: str, bad: UnreadableRows) -> Iterator[tuple[int, dict]]:
    for number, row in enumerate(content, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            bad.add(f"{name}, row {number} is not a JSON object but {str(row)[:40]!r}.")


def _not_json(name: str, reason: str) -> ValueError:
    return ValueError(
        f"{name} is not JSON with rows: {reason}. Expected a list of objects, one object a line, "
        "or SQuAD's format."
    )


def _parse(text: str) -> object:
    content = json.loads(text)
    # Half of a surrogate pair, which JSON can write and UTF-8 cannot, becomes a question mark: one
    # character for one, so that offsets stay right.
    return _whole_characters(content) if "\\ud" in text or "\\uD" in text else content


def _whole_characters(content):
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode()
    if isinstance(content, list):
        return [_whole_characters(item) for item in content]
    if isinstance(content, dict):
        return {_whole_characters(key): _whole_characters(value) for key, value in content.items()}
    return content
