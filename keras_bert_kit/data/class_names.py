"""Classes that a source keeps as numbers with a list of names, in datasets and Parquet files."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from keras_bert_kit.data.squad_rows import is_impossible
from keras_bert_kit.data.unreadable_rows import UnreadableRows

TAGS = "tags"
TAG_COLUMNS = (TAGS, "ner_tags", "ner")  # in this order; what the others are called becomes `tags`

logger = logging.getLogger(__name__)

Names = tuple[str, ...]


def with_named_tags(
    rows: Iterable[tuple[int, dict]],
    names: Mapping[str, Names],
    name: str,
    bad: UnreadableRows,
) -> Iterator[tuple[int, dict]]:
    """Writes out the tags of words that are kept as numbers, and calls their column `tags`.

    Args:
        rows: numbers and rows.
        names: the names of tags, for each column whose values are lists of numbers.
        name: of the source, for error messages.
        bad: takes the rows with a number that has no name.

    Yields:
        The same, with names instead of the numbers; None for words whose tags nobody knows, which
        are -1 all of them, or missing.

    Example:
        >>> rows = [(1, {"tokens": ["Ada", "smiled"], "ner": [1, 0]})]
        >>> bad = UnreadableRows()
        >>> list(with_named_tags(rows, {"ner": ("O", "B-PER")}, "tfds:conll2003", bad))
        [(1, {'tokens': ['Ada', 'smiled'], 'tags': ['B-PER', 'O']})]
    """
    renamed = tag_column(names)
    if renamed not in (None, TAGS):
        logger.info("%s: the tags in the column `%s` are called `%s`.", name, renamed, TAGS)
    for number, row in rows:
        wrong = ""
        for column, known in names.items():
            values = row[column]
            if values is None or (len(values) and all(value == -1 for value in values)):
                row[column] = None
                continue
            wrong = wrong or _what_is_wrong(values, known, column, f"{name}, row {number}")
            if not wrong:
                row[column] = [known[value] for value in values]
        if wrong:
            bad.add(wrong)
            continue
        if renamed is not None:
            row = {TAGS if column == renamed else column: row[column] for column in row}
        yield number, row


def tag_column(names: Mapping[str, Names]) -> str | None:
    """Which of the columns with tags is `tags`, if any.

    Example:
        >>> tag_column({"pos_tags": ("NN",), "ner_tags": ("O",)})
        'ner_tags'
    """
    return next((column for column in TAG_COLUMNS if column in names), None)


def with_squad_columns(rows: Iterable[tuple[int, dict]]) -> Iterator[tuple[int, dict]]:
    """Adds `is_impossible` to questions with `answers` where their source leaves it out.

    Example:
        >>> answers = {"text": [], "answer_start": []}
        >>> rows = [(1, {"context": "Here.", "question": "Where?", "answers": answers})]
        >>> next(with_squad_columns(rows))[1]["is_impossible"]
        True
    """
    for number, row in rows:
        answers = row.get("answers")
        if (
            isinstance(answers, dict)
            and answers.keys() >= {"text", "answer_start"}
            and row.keys() >= {"context", "question"}
        ):
            answers = {key: answers[key] for key in ("text", "answer_start")}
            impossible = is_impossible(row.get("is_impossible"), answers)
            row = {**row, "answers": answers, "is_impossible": impossible}
        yield number, row


def _what_is_wrong(values: Iterable[int], names: Names, column: str, where: str) -> str:
    for value in values:
        if value is None or not 0 <= value < len(names):
            return (
                f"{where} has the tag {value} in `{column}`, which has {len(names)} tags, from 0 "
                f"to {len(names) - 1}."
            )
    return ""
