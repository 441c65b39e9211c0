"""Rows to labelled texts: which columns hold them, and a check of every row before it is used."""

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from keras_bert_kit.data.label_values import (
    KINDS,
    class_label,
    number_label,
    several_labels,
    without_fractions,
)
from keras_bert_kit.data.row_checks import (
    BadRows,
    check_choice,
    column_name,
    first_places,
)
from keras_bert_kit.data.row_table import find_column
from keras_bert_kit.data.rows import Rows

DEFAULT_TEXT = "text"
# What public data sets call them, pairs first: `question` alone would be half of a pair.
USUAL_NAMES = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("#1 String", "#2 String"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("sentence", None),
    ("review", None),
    ("review_body", None),
)
MOST_CLASSES = 50  # of which most may occur only once, before the column is taken for an id

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledTexts:
    """Texts, or pairs of texts, with their labels.

    Attributes:
        texts: R texts.
        pairs: for each text the second one of its pair, or None.
        labels: for each text the name of its class, a number, or a tuple of names; None without.
        numbers: where each is in its source, counted from 1.
        source: what messages call the source.
        groups: what each text belongs to (a film, an author), or None.
    """

    texts: list[str]
    pairs: list[str] | None
    labels: list | None
    numbers: list[int]
    source: str
    groups: list | None = None

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.texts)

    def select(self, indices: Sequence[int]) -> "LabelledTexts":
        """The texts at `indices`, in that order."""

        def chosen(column):
            return None if column is None else [column[i] for i in indices]

        return LabelledTexts(
            chosen(self.texts),
            chosen(self.pairs),
            chosen(self.labels),
            chosen(self.numbers),
            self.source,
            chosen(self.groups),
        )


def usual_text(name: str | int | None, columns: Mapping[str, object], source: str) -> str | int:
    """The column of texts that training had, if there is one here, else `DEFAULT_TEXT`.

    Lines of plain text are called `text`, whatever the column was called in training.

    Args:
        name: its name or position.
        columns: those there are.
        source: what they are of.

    Example:
        >>> usual_text("-1", {"id": [], "body": []}, "a.csv")
        'body'
        >>> usual_text("body", {"text": []}, "a.txt")
        'text'
    """
    try:
        return DEFAULT_TEXT if name is None else find_column(name, columns, source)
    except ValueError:
        return DEFAULT_TEXT


def labelled_texts(
    rows: Rows,
    *,
    text: str | int = DEFAULT_TEXT,
    pair: str | int | None = None,
    label: str | int = "label",
    group: str | int | None = None,
    kind: str = "single_label",
    on_bad: str = "error",
    on_empty: str = "keep",
    label_separator: str = ",",
    with_labels: bool = True,
) -> LabelledTexts:
    """Takes texts and labels from rows, and checks each of them.

    Where `text` is left as it is and there is no such column, the names that public data sets use
    are tried (`USUAL_NAMES`), and what was taken is logged.

    Args:
        rows: the table.
        text: the column of texts. Columns are given by name, or by position from 0 (or -1).
        pair: the column of second texts, for tasks on pairs.
        label: the column of labels.
        group: a column that says which texts belong together.
        kind: `"single_label"` (labels become strings), `"regression"` (floats) or `"multi_label"`
            (tuples of names, from a list or from a string).
        on_bad: what happens to rows without a text or a label, or with one of another kind:
            `"error"`, or `"skip"` to leave them out, which is logged.
        on_empty: what happens to texts of white space alone: `"keep"`, `"skip"` or `"error"`. Their
            number is logged.
        label_separator: what stands between the names of several labels in one string.
        with_labels: whether there are labels to take; without them `labels` is None.

    Returns:
        The texts, in the order of the rows.

    Raises:
        ValueError: if a column is missing, there are no rows, rows are bad and not to be skipped,
            or an option is none that there is.

    Example:
        >>> rows = Rows({"sentence": ["Good.", "Bad."], "label": [1, 0]}, "a.tsv", [2, 3])
        >>> examples = labelled_texts(rows)
        >>> examples.texts, examples.labels
        (['Good.', 'Bad.'], ['1', '0'])
    """
    check_choice("kind", kind, KINDS)
    check_choice("on_empty", on_empty, ("keep", "skip", "error"))
    if not label_separator:
        raise ValueError("`label_separator` is empty: give what stands between labels.")
    bad = BadRows(rows, on_bad)
    text, pair = text_columns(rows, text, pair)
    texts = rows.columns[text]
    pairs = None if pair is None else rows.columns[pair]
    for column, name in ((texts, text), (pairs, pair)):
        for i, value in enumerate(column or ()):
            if not isinstance(value, str):
                bad.add(i, f"{name!r} must be a string, received {value!r:.60}")
    labels = groups = None
    if with_labels:
        label = column_name(rows, label, "label")
        read = _reader(kind, label_separator, rows.class_names.get(label))
        labels = _labels(rows.columns[label], read, bad)
        if kind == "single_label":
            labels = without_fractions(labels)
    if group is not None:
        group = column_name(rows, group, "group")
        groups = rows.columns[group]
        for i, value in enumerate(groups):
            if value is None or value != value or value == "":  # NaN is not equal to itself
                bad.add(i, f"{group!r} does not say which group it belongs to ({value})")
            elif not isinstance(value, Hashable):
                bad.add(i, f"{group!r} must be one value, received {value!r:.60}")
    kept = _without_empty(rows, bad.good(), [texts, *([pairs] if pairs else [])], on_empty)
    if kind == "multi_label" and labels and (num := sum(not labels[i] for i in kept)):
        logger.info("%s: %d of %d rows have none of the labels.", rows.source, num, len(kept))
    return LabelledTexts(texts, pairs, labels, rows.numbers, rows.source, groups).select(kept)


def check_trainable(examples: LabelledTexts) -> None:
    """Refuses labels that nothing can be learned from; for training, not for evaluation.

    These are a single class or value, and names of classes that look like an id: more than
    `MOST_CLASSES` of them, of which more than half occur once.

    Raises:
        ValueError: if the labels are such, or there are none.

    Example:
        >>> check_trainable(LabelledTexts(["a", "b"], None, ["x", "x"], [1, 2], "a.tsv"))
        Traceback (most recent call last):
        ValueError: All 2 rows of a.tsv have the label 'x': there is nothing to tell apart. ...
    """
    if not examples.labels:
        raise ValueError(f"{examples.source} has no labels, and training needs them.")
    counts = Counter(
        frozenset(label) if isinstance(label, tuple) else label for label in examples.labels
    )
    if len(counts) == 1:
        raise ValueError(
            f"All {len(examples)} rows of {examples.source} have the label {examples.labels[0]!r}: "
            "there is nothing to tell apart. Take another column with `label`, or rows of at least "
            "two kinds."
        )
    once = [label for label, count in counts.items() if count == 1]
    if (
        isinstance(examples.labels[0], str)
        and len(counts) > MOST_CLASSES
        and len(once) > len(counts) / 2
    ):
        example = ", ".join(map(repr, once[:3]))
        raise ValueError(
            f"The label column of {examples.source} looks like an id: of its {len(counts)} "
            f"different values {len(once)} occur once, for instance {example}. Take another column "
            'with `label`, or `kind="regression"` if they are numbers to predict.'
        )


def text_columns(rows: Rows, text: str | int, pair: str | int | None) -> tuple[str, str | None]:
    """The columns of texts and of second texts, if any, as `labelled_texts` takes them.

    Raises:
        ValueError: if there is no such column; the message lists those that there are.
    """
    if pair is not None:
        pair = column_name(rows, pair, "pair")
    if text == DEFAULT_TEXT and text not in rows.columns:
        for first, second in USUAL_NAMES:
            if first not in rows.columns or first == pair:
                continue
            if pair is None and second is not None and second not in rows.columns:
                continue
            taken = pair or second
            also = f" and {taken!r} as the second text" if taken else ""
            logger.info("%s: %r is taken as the text%s.", rows.source, first, also)
            return first, taken
    return column_name(rows, text, "text"), pair


def _reader(kind: str, separator: str, class_names: Sequence[str] | None) -> Callable:
    if kind == "regression":
        return number_label
    if kind == "multi_label":
        return lambda value: several_labels(value, separator, class_names)
    return lambda value: class_label(value, class_names)


def _labels(values: Sequence, read: Callable, bad: BadRows) -> list:
    labels = []
    for i, value in enumerate(values):
        try:
            labels.append(read(value))
        except ValueError as error:
            bad.add(i, str(error))
            labels.append(None)
    return labels


def _without_empty(rows: Rows, kept: list[int], columns: list[list], on_empty: str) -> list[int]:
    empty = [i for i in kept if any(not column[i].strip() for column in columns)]
    if not empty:
        return kept
    what = f"{len(empty)} of {len(kept)} rows have an empty text ({first_places(rows, empty)})"
    if on_empty == "error":
        raise ValueError(f'{what}. Keep them with `on_empty="keep"`, or leave them out: "skip".')
    logger.warning("%s; they are %s.", what, "kept" if on_empty == "keep" else "left out")
    if on_empty == "keep":
        return kept
    if len(empty) == len(kept):
        raise ValueError(f"{what}. No row is left.")
    leave = set(empty)
    return [i for i in kept if i not in leave]
