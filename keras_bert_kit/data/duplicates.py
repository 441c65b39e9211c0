"""Texts that occur in more than one split, which make a model look better than it is.

Two texts are the same if only case and white space tell them apart. Among the reviews of IMDB 123
of the test set are in the training set too.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keras_bert_kit.data.labelled_texts import LabelledTexts
from keras_bert_kit.data.questions import Questions
from keras_bert_kit.data.same_text import text_digest
from keras_bert_kit.data.tagged_words import TaggedWords

NUM_SHOWN = 5
Examples = LabelledTexts | TaggedWords | Questions | Sequence[str]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repeated:
    """A text that occurs more than once.

    Attributes:
        rows: for each split that has it the indices of its rows there.
        contradictory: whether its rows have different labels.
    """

    rows: dict[str, list[int]]
    contradictory: bool


@dataclass(frozen=True)
class Duplicates:
    """The texts that occur more than once, in one split or in several.

    Attributes:
        repeated: those texts, in the order of their first rows.
        numbers: for each split where its rows are in their source.
    """

    repeated: list[Repeated]
    numbers: dict[str, Sequence[int]]

    def __bool__(self) -> bool:
        """Whether any text occurs more than once."""
        return bool(self.repeated)

    @property
    def kept(self) -> dict[str, list[int]]:
        """For each split the rows whose text no later split has: a text stays in the last one."""
        return self.without(within=False)

    def without(self, within: bool) -> dict[str, list[int]]:
        """What `without_duplicates` returns."""
        leave: dict[str, set[int]] = {name: set() for name in self.numbers}
        for text in self.repeated:
            *others, last = text.rows  # in the order of the splits
            for name in others:
                leave[name].update(text.rows[name])
            if within:
                leave[last].update(text.rows[last][1:])
        return {
            name: [i for i in range(len(numbers)) if i not in leave[name]]
            for name, numbers in self.numbers.items()
        }

    @property
    def across(self) -> list[Repeated]:
        """The texts that more than one split has."""
        return [text for text in self.repeated if len(text.rows) > 1]

    @property
    def contradictory(self) -> list[Repeated]:
        """The texts, of one split or of several, whose rows have different labels."""
        return [text for text in self.repeated if text.contradictory]

    def num_shared(self, split: str, other: str) -> int:
        """How many rows of `split` have a text that `other` has too."""
        return sum(
            len(text.rows[split])
            for text in self.repeated
            if split in text.rows and other in text.rows
        )

    def num_repeats(self, split: str) -> int:
        """How many rows of `split` could be left out without losing a text."""
        return sum(len(text.rows[split]) - 1 for text in self.repeated if split in text.rows)

    def __str__(self) -> str:
        """What was found, a line for each split and each pair of splits that has something."""
        names = list(self.numbers)
        lines = []
        for i, other in enumerate(names):
            if num := self.num_repeats(other):
                found = [text for text in self.repeated if len(text.rows.get(other, ())) > 1]
                lines.append(
                    f"{num} rows of {other} repeat a text of it{self._about(found, other)}"
                )
            for split in names[i + 1 :]:
                if num := self.num_shared(split, other):
                    found = [t for t in self.repeated if split in t.rows and other in t.rows]
                    lines.append(
                        f"{num} rows of {split} have a text of {other}{self._about(found, split)}"
                    )
        return "\n".join(lines) or "no text occurs twice"

    def _about(self, found: list[Repeated], split: str) -> str:
        first = [str(self.numbers[split][text.rows[split][-1]]) for text in found[:NUM_SHOWN]]
        more = ", ..." if len(found) > NUM_SHOWN else ""
        num = sum(text.contradictory for text in found)
        labels = f"; {num} of {len(found)} texts have labels that differ" if num else ""
        return f" (at {', '.join(first)}{more}){labels}"


def duplicates_across(splits: Mapping[str, Examples], *, exact: bool = False) -> Duplicates:
    """Finds the texts that occur more than once, within splits and across them.

    Args:
        splits: by name, the examples of a task or bare texts. Of pairs both texts must be the same,
            of questions the context too. Answers and numbers to predict are not compared as labels:
            people give different ones.
        exact: whether case and white space make two texts different.

    Example:
        >>> found = duplicates_across({"train": ["A b", "c", "c"], "test": ["a  B", "d"]})
        >>> found.num_shared("test", "train"), found.num_repeats("train")
        (1, 1)
        >>> print(found)
        1 rows of train repeat a text of it (at 3)
        1 rows of test have a text of train (at 1)
    """
    rows_of: dict[bytes, dict[str, list[int]]] = {}
    for name, examples in splits.items():
        for i, texts in enumerate(_texts(examples)):
            rows_of.setdefault(text_digest(texts, exact), {}).setdefault(name, []).append(i)
    labels = {name: _labels(examples) for name, examples in splits.items()}
    repeated = []
    for rows in rows_of.values():
        if sum(map(len, rows.values())) > 1:
            given = {labels[name][i] for name in rows if labels[name] for i in rows[name]}
            repeated.append(Repeated(rows, len(given) > 1))
    numbers = {
        name: getattr(examples, "numbers", range(1, len(examples) + 1))
        for name, examples in splits.items()
    }
    return Duplicates(repeated, numbers)


def without_duplicates(
    splits: Mapping[str, Examples],
    *,
    exact: bool = False,
    within: bool = True,
) -> dict[str, list[int]]:
    """The rows to keep so that every text occurs once; how many are left out is logged.

    A text stays in the last split that has it: with `{"train": ..., "test": ...}` the test set
    stays comparable with what others report on it, and the training set loses the text.

    Args:
        splits: as with `duplicates_across`; the one to be kept whole comes last.
        exact: whether case and white space make two texts different.
        within: whether a text occurs once in its own split too; the first of its rows stays, with
            its label.

    Returns:
        For each split the indices of the rows to keep, ascending.

    Example:
        >>> without_duplicates({"train": ["A b", "c", "c"], "test": ["a  B", "d"]})
        {'train': [1], 'test': [0, 1]}
    """
    kept = duplicates_across(splits, exact=exact).without(within)
    for name, examples in splits.items():
        if num := len(examples) - len(kept[name]):
            logger.info("%d of %d rows of %r are left out as duplicates.", num, len(examples), name)
    return kept


def _texts(examples: Examples) -> Iterator[tuple[str, ...]]:
    if isinstance(examples, TaggedWords):
        return ((" ".join(words),) for words in examples.words)
    if isinstance(examples, Questions):
        return zip(examples.questions, examples.contexts, strict=True)
    if not isinstance(examples, LabelledTexts):
        return ((text,) for text in examples)
    if examples.pairs is None:
        return ((text,) for text in examples.texts)
    return zip(examples.texts, examples.pairs, strict=True)


def _labels(examples: Examples) -> list | None:
    """What is equal for two rows whose labels agree; None where there is nothing to compare."""
    if isinstance(examples, TaggedWords) and examples.tags is not None:
        return [tuple(tags) for tags in examples.tags]
    if not isinstance(examples, LabelledTexts) or not examples.labels:
        return None
    if isinstance(examples.labels[0], float):
        return None
    several = isinstance(examples.labels[0], tuple)
    return [frozenset(label) for label in examples.labels] if several else examples.labels
