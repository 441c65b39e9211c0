"""Rows to sentences of tagged words, their tags in one scheme."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keras_bert_kit.data.label_values import class_label
from keras_bert_kit.data.labels import names_of
from keras_bert_kit.data.row_checks import BadRows, column_name, first_places
from keras_bert_kit.data.rows import Rows
from keras_bert_kit.data.tag_schemes import PLAIN, Detection, detect_scheme, to_iob2

# What public data sets call them
USUAL_WORDS = ("tokens", "words")
USUAL_TAGS = ("tags", "ner_tags", "ner")
NO_TYPE = "_"  # of entities that are of one kind only

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaggedWords:
    """Sentences as words, with a tag for each.

    Attributes:
        words: for each of R sentences its words.
        tags: for each sentence a tag a word, in IOB2 unless they mark no entities; or None.
        numbers: where each sentence is in its source, counted from 1.
        source: what messages call the source.
        scheme: `"IOB2"`, `"plain"` for tags that mark no entities, or None without tags.
    """

    words: list[list[str]]
    tags: list[list[str]] | None
    numbers: list[int]
    source: str
    scheme: str | None = None

    def __len__(self) -> int:
        """How many sentences there are."""
        return len(self.words)

    def select(self, indices: Sequence[int]) -> "TaggedWords":
        """The sentences at `indices`, in that order."""
        return TaggedWords(
            [self.words[i] for i in indices],
            None if self.tags is None else [self.tags[i] for i in indices],
            [self.numbers[i] for i in indices],
            self.source,
            self.scheme,
        )


def tagged_words(
    rows: Rows,
    *,
    words: str | int = "tokens",
    tags: str | int = "tags",
    scheme: str | None = None,
    on_bad: str = "error",
    with_tags: bool = True,
) -> TaggedWords:
    """Takes sentences of words and tags from rows, checks each, and puts the tags into IOB2.

    Where `words` or `tags` is left as it is and there is no such column, the names that public data
    sets use are tried, and what was taken is logged. Which scheme the tags are in is found out from
    all of them (`tag_schemes.py` says how) and logged; so is their conversion. IOB2 with faults is
    left as it is and its faults are counted: `scheme="IOB1"` makes `B` of each `I` that begins.
    `B` and `I` without a type get the type `_`, as in `seqeval`.

    Args:
        rows: the table.
        words: the column of words, a list in each row.
        tags: the column of tags, a list in each row: strings, or numbers of the classes that the
            source names.
        scheme: what the tags are in, where that is known: one of `tag_schemes.SCHEMES`, or
            `"plain"` for tags that mark no entities, such as parts of speech.
        on_bad: what happens to sentences without words, with a word of white space alone, with a
            missing tag, or with more or fewer tags than words: `"error"`, or `"skip"` to leave them
            out, which is logged.
        with_tags: whether there are tags to take.

    Raises:
        ValueError: if a column is missing, there are no rows, rows are bad and not to be skipped,
            or the tags are of no scheme.

    Example:
        >>> columns = {"tokens": [["In", "New", "York"]], "tags": [["O", "I-LOC", "I-LOC"]]}
        >>> examples = tagged_words(Rows(columns, "train.conll", [1]))
        >>> examples.tags, examples.scheme
        ([['O', 'B-LOC', 'I-LOC']], 'IOB2')
    """
    bad = BadRows(rows, on_bad)
    words = _column(rows, words, USUAL_WORDS, "words")
    sentences = [_sentence(value, i, bad) for i, value in enumerate(rows.columns[words])]
    if not with_tags:
        kept = bad.good()
        return TaggedWords(sentences, None, rows.numbers, rows.source).select(kept)
    tags = _column(rows, tags, USUAL_TAGS, "tags")
    names = rows.class_names.get(tags)
    columns = zip(sentences, rows.columns[tags], strict=True)
    found = [_tags(sentence, value, names, i, bad) for i, (sentence, value) in enumerate(columns)]
    kept = bad.good()
    if scheme != PLAIN and {"O"} != {tag for i in kept for tag in found[i]} <= {"B", "I", "O"}:
        found = [[tag if tag == "O" else f"{tag}-{NO_TYPE}" for tag in tags] for tags in found]
    detection = detect_scheme([found[i] for i in kept], scheme)
    _say(detection, rows, kept)
    found = [to_iob2(sentence, detection.scheme) for sentence in found]
    scheme = PLAIN if detection.scheme == PLAIN else "IOB2"
    return TaggedWords(sentences, found, rows.numbers, rows.source, scheme).select(kept)


def labels_of_tags(tags: Iterable[Sequence[str]], scheme: str = "IOB2") -> tuple[str, ...]:
    """The tags that a model of these sentences should know, in a fixed order.

    For tags that mark entities these are `O` and, for each type that occurs, both `B` and `I`:
    whether a type has entities of several words may be different in other data.

    Args:
        tags: for each sentence its tags.
        scheme: `"IOB2"`, or `"plain"` for the different tags as they are.

    Example:
        >>> labels_of_tags([["B-PER", "I-PER", "O"], ["B-LOC"]])
        ('O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER')
        >>> labels_of_tags([["NN", "VB"]], "plain")
        ('NN', 'VB')
    """
    if scheme == PLAIN:
        return names_of(tags)
    types = names_of([[tag[2:] for tag in sentence if tag != "O"] for sentence in tags])
    return ("O", *(f"{letter}-{name}" for name in types for letter in "BI"))


def _column(rows: Rows, name: str | int, usual: Sequence[str], option: str) -> str:
    if name == usual[0] and name not in rows.columns:
        other = next((other for other in usual if other in rows.columns), None)
        if other is not None:
            logger.info("%s: %r is taken as the %s.", rows.source, other, option)
            return other
    return column_name(rows, name, option)


def _sentence(value, index: int, bad: BadRows) -> list[str]:
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        bad.add(index, f"words must be a list of strings, received {value!r:.60}")
        return []
    if not value:
        bad.add(index, "the sentence has no words")
    for place, word in enumerate(value, 1):
        if not isinstance(word, str):
            bad.add(index, f"word {place} must be a string, received {word!r:.60}")
        elif not word.strip():
            bad.add(index, f"word {place} is {word!r}, which is empty or white space")
    return list(value)


def _tags(
    words: list[str], value, names: Sequence[str] | None, index: int, bad: BadRows
) -> list[str]:
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        bad.add(index, f"tags must be a list, received {value!r:.60}")
        return []
    if len(value) != len(words):
        bad.add(index, f"there are {len(words)} words and {len(value)} tags")
    tags = []
    for place, tag in enumerate(value, 1):
        try:
            tags.append(class_label(tag, names))
        except ValueError as error:
            bad.add(index, f"tag {place}: {error}")
            tags.append("O")  # never looked at: a bad row is left out, or nothing goes on
    return tags


def _say(detection: Detection, rows: Rows, kept: list[int]) -> None:
    faulty = [kept[i] for i in detection.faulty]
    if detection.scheme in ("IOB2", PLAIN):
        logger.info("%s: the tags are %s.", rows.source, detection)
    else:
        logger.warning(
            "%s: the tags are %s. They are converted to IOB2.", rows.source, str(detection)
        )
    if faulty:
        num_faults = detection.faults[detection.scheme]
        hint = (
            ' They stay as they are; `scheme="IOB1"` makes B of each I that begins an entity.'
            if detection.scheme == "IOB2"
            else " They are read as the nearest entities."
        )
        logger.warning(
            "%s: %d tags of %d sentences break the rules of %s (%s).%s",
            rows.source,
            num_faults,
            len(faulty),
            detection.scheme,
            first_places(rows, faulty),
            hint,
        )
