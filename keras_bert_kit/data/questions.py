"""Rows to questions with the places of their answers, each place checked against the text.

An offset that is off by a few characters teaches a model to answer with half words, and nothing
about the training shows it. Offsets count characters (code points) of `context`; files made by
programs that count bytes, or UTF-16 units, go wrong behind the first character of another width.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

from keras_bert_kit.data.row_checks import BadRows, column_name
from keras_bert_kit.data.rows import Rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Questions:
    """Questions about texts.

    Attributes:
        ids: R different names, as the official script's predictions are keyed.
        questions: what is asked.
        contexts: the text in which the answer is to be found.
        answers: for each question the answers given to it, as (text, first character in the
            context); no answers say that the context holds none. None where nothing is known.
        titles: for each question the document that its context is from, `""` where none is given.
        numbers: where each is in its source, counted from 1.
        source: what messages call the source.
    """

    ids: list[str]
    questions: list[str]
    contexts: list[str]
    answers: list[list[tuple[str, int]]] | None
    titles: list[str]
    numbers: list[int]
    source: str

    def __len__(self) -> int:
        """How many questions there are."""
        return len(self.ids)

    def select(self, indices: Sequence[int]) -> "Questions":
        """The questions at `indices`, in that order."""

        def chosen(column):
            return None if column is None else [column[i] for i in indices]

        return Questions(
            chosen(self.ids),
            chosen(self.questions),
            chosen(self.contexts),
            chosen(self.answers),
            chosen(self.titles),
            chosen(self.numbers),
            self.source,
        )


def questions(rows: Rows, *, on_bad: str = "error", with_answers: bool = True) -> Questions:
    """Takes questions from rows with SQuAD's columns, and checks each of them.

    The columns are `question`, `context`, `answers` (`{"text": [...], "answer_start": [...]}`, or a
    list of `{"text": ..., "answer_start": ...}`), and where there are such `id`, `title` and
    `is_impossible`. Without ids the numbers of the rows are taken, which is logged, as is how many
    questions have no answer: none in SQuAD 1.1, a third to a half in SQuAD 2.0.

    Args:
        rows: the table.
        on_bad: what happens to questions whose answers do not stand where they are said to, that
            lack a text, or whose `is_impossible` and `answers` contradict each other: `"error"`, or
            `"skip"` to leave them out, which is logged.
        with_answers: whether there are answers to take.

    Raises:
        ValueError: if a column is missing, there are no rows, an id occurs twice, questions are bad
            and not to be skipped, or none has an answer and none is marked as impossible.

    Example:
        >>> columns = {
        ...     "id": ["q1"],
        ...     "question": ["Who was late?"],
        ...     "context": ["The rabbit was late."],
        ...     "answers": [{"text": ["The rabbit"], "answer_start": [0]}],
        ... }
        >>> questions(Rows(columns, "train.json", [1])).answers
        [[('The rabbit', 0)]]
    """
    bad = BadRows(rows, on_bad)
    asked, contexts = (
        rows.columns[column_name(rows, name, name)] for name in ("question", "context")
    )
    ids = _ids(rows)
    for column, name in ((asked, "question"), (contexts, "context")):
        for i, value in enumerate(column):
            if not isinstance(value, str) or not value.strip():
                bad.add(i, f"{_of(ids[i])}{name!r} must be a text, received {value!r:.60}")
    answers = None
    if with_answers:
        impossible = rows.columns.get("is_impossible", [None] * len(rows))
        answers = [[] for _ in ids]
        for i, value in enumerate(rows.columns[column_name(rows, "answers", "answers")]):
            try:
                answers[i] = _answers(value, impossible[i])
                if isinstance(contexts[i], str):
                    _check_places(answers[i], contexts[i])
            except ValueError as error:
                bad.add(i, f"{_of(ids[i])}{error}")
    kept = bad.good()
    if answers is not None:
        _say_how_many_answers(rows, [answers[i] for i in kept], kept)
    titles = rows.columns.get("title", [""] * len(rows))
    titles = [title if isinstance(title, str) else "" for title in titles]
    found = Questions(ids, asked, contexts, answers, titles, rows.numbers, rows.source)
    return found.select(kept)


def _ids(rows: Rows) -> list[str]:
    if "id" not in rows.columns:
        logger.info("%s has no column 'id': questions are named by their number.", rows.source)
        return [str(number) for number in range(1, len(rows) + 1)]
    ids = ["" if value is None else str(value) for value in rows.columns["id"]]
    repeated = {name: count for name, count in Counter(ids).items() if count > 1}
    if repeated:
        first = ", ".join(f"{name!r} ({count} times)" for name, count in repeated.items())
        name = next(iter(repeated))
        where = ", ".join(rows.place(i) for i, other in enumerate(ids) if other == name)
        raise ValueError(
            f"{len(repeated)} ids of {rows.source} occur more than once: {first:.300}. "
            f"{name!r} is at {where:.300}. Predictions are told apart by them: give each question "
            "an id of its own."
        )
    return ids


def _of(name: str) -> str:
    return f"question {name!r}: "


def _answers(value, impossible) -> list[tuple[str, int]]:
    """The answers of a row as pairs; raises with the reason where they cannot be read."""
    if isinstance(value, dict):
        texts, starts = (_as_list(value.get(name)) for name in ("text", "answer_start"))
    else:
        value = _as_list(value)
        if value is not None and not all(isinstance(answer, dict) for answer in value):
            value = None
        texts, starts = (
            None if value is None else [answer.get(name) for answer in value]
            for name in ("text", "answer_start")
        )
    if texts is None or starts is None:
        raise ValueError("`answers` must hold lists named 'text' and 'answer_start'")
    if len(texts) != len(starts):
        raise ValueError(f"there are {len(texts)} answers and {len(starts)} places of answers")
    answers = []
    for text, start in zip(texts, starts, strict=True):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"an answer must be a text, received {text!r:.60}")
        if isinstance(start, bool) or not isinstance(start, Integral):
            raise ValueError(f"the place of {text!r:.60} must be a whole number, received {start}")
        answers.append((text, int(start)))
    if impossible is not None and bool(impossible) == bool(answers):
        raise ValueError(
            f"it has {len(answers)} answers, but its `is_impossible` is {bool(impossible)}"
        )
    return answers


def _as_list(value) -> list | None:
    value = value.tolist() if hasattr(value, "tolist") else value
    return list(value) if isinstance(value, list | tuple) else None


def _check_places(answers: list[tuple[str, int]], context: str) -> None:
    for text, start in answers:
        if start >= 0 and context.startswith(text, start):
            continue
        there = context[max(start, 0) : max(start, 0) + len(text)]
        first = context.find(text)
        if first < 0:
            elsewhere = "the context does not hold it"
        elif context.find(text, first + 1) >= 0:
            elsewhere = "it stands at several other places"
        else:
            elsewhere = f"it stands only at {first}"
        raise ValueError(
            f"the answer {text!r:.60} should be at {start}, where there is {there!r:.60}; "
            f"{elsewhere}"
        )


def _say_how_many_answers(rows: Rows, answers: list[list], kept: list[int]) -> None:
    num_none = sum(not given for given in answers)
    marked = rows.columns.get("is_impossible")
    if num_none == len(answers) and (marked is None or not any(marked[i] for i in kept)):
        raise ValueError(
            f"None of the {len(answers)} questions of {rows.source} has an answer, and none is "
            "marked with `is_impossible`: this looks like a test set whose answers were taken out. "
            "Give `with_answers=False` to predict them."
        )
    logger.info(
        "%s: %d of %d questions have no answer%s.",
        rows.source,
        num_none,
        len(answers),
        ", as in SQuAD 2.0" if num_none else ", as in SQuAD 1.1",
    )
