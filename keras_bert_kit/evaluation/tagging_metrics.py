"""Numbers for tagged words: entities that are found whole, with the right type.

An entity counts only if its type, first word and last word are all right, as CoNLL 2003 scores
them and `seqeval` does. Two readings of tags that break the rules of IOB2 are common:

- strict (the default here): an entity begins with `B-` and goes on with `I-` of its own type. An
  `I-` without such a beginning is no entity. It is `seqeval`'s `mode="strict", scheme=IOB2`.
- not strict: an `I-` that follows another type, or no entity, begins one. It is `seqeval`'s
  default, and that of the `conlleval` script.

They differ only where a model predicts what no correct data hold.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_bert_kit.evaluation.class_table import by_class
from keras_bert_kit.evaluation.precision_recall import averages, number, rates
from keras_bert_kit.evaluation.scored_rows import log_undefined

NO_TYPE = "_"  # of the bare tags B and I, which mark entities of a single kind

logger = logging.getLogger(__name__)


class Entity(NamedTuple):
    """An entity: its type, its first word, and the word after its last."""

    type: str
    start: int
    end: int


def entities(tags: Sequence[str], strict: bool = True) -> list[Entity]:
    """The entities that tags of one sentence mark.

    Args:
        tags: `O`, `B-type` or `I-type` (or bare `B`, `I`) for each word.
        strict: whether an entity has to begin with `B-`.

    Returns:
        The entities, first ones first.

    Raises:
        ValueError: if a tag is none of these; the message names it and its word.

    Example:
        >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
        [Entity(type='PER', start=0, end=2)]
        >>> entities(["B-PER", "I-PER", "O", "I-LOC"], strict=False)[1]
        Entity(type='LOC', start=3, end=4)

    Reference:
        Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003),
        section 2.3.
    """
    found = []
    type_, start = None, 0  # the entity that the words so far are in, if any
    for position, tag in enumerate(tags):
        prefix, next_type = _split(tag, position, strict)
        if prefix == "I" and next_type == type_:
            continue
        if type_ is not None:
            found.append(Entity(type_, start, position))
        begins = prefix == "B" or (prefix == "I" and not strict)
        type_, start = (next_type, position) if begins else (None, position)
    if type_ is not None:
        found.append(Entity(type_, start, len(tags)))
    return found


def tagging_metrics(
    true: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    names: Sequence[str] | None = None,
    strict: bool = True,
) -> dict:
    """Everything about sentences of tagged words.

    Args:
        true: the tags of each sentence, in IOB2.
        predicted: tags for the same words.
        names: types to list under `classes` first, whether or not they occur.
        strict: whether an entity has to begin with `B-`; see above.

    Returns:
        By name: `precision`, `recall` and `f1` of all entities (micro); `precision_macro`,
        `recall_macro`, `f1_macro` (means over the types that occur in either) and `..._weighted`;
        `accuracy` of words; `classes` by type with `precision`, `recall`, `f1` and `support`; and
        the counts `rows`, `words`, `entities`, `entities_predicted`.

    Raises:
        ValueError: if sentences differ in number or length, or a tag is not IOB2; the message names
            the sentence.

    Example:
        >>> metrics = tagging_metrics([["B-PER", "I-PER", "B-LOC"]], [["B-PER", "O", "B-LOC"]])
        >>> metrics["f1"], metrics["f1_macro"], round(metrics["accuracy"], 3)
        (0.5, 0.5, 0.667)

    Reference:
        Nakayama, "seqeval: A Python framework for sequence labeling evaluation" (2018).
    """
    types, by_sentence, right_words, words = entity_counts(true, predicted, names, strict)
    counts = by_sentence.sum(axis=0).T  # (3, K)
    hits, found, actual = counts
    metrics = {name: number(value) for name, value in rates(*counts.sum(axis=1)).items()}
    means = averages(*counts)
    metrics |= {name: value for name, value in means.items() if not name.endswith("micro")}
    metrics["accuracy"] = float(right_words.sum() / words.sum()) if words.any() else None
    metrics |= {
        "rows": len(words),
        "words": int(words.sum()),
        "entities": int(actual.sum()),
        "entities_predicted": int(found.sum()),
        "classes": by_class(types, hits, found, actual),
    }
    log_undefined(metrics, types, predicted=found, actual=actual)
    return metrics


def entity_counts(
    true: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    names: Sequence[str] | None = None,
    strict: bool = True,
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """What each sentence adds to the metrics; their sum over any sentences gives those of them.

    Args:
        true: the tags of each sentence.
        predicted: tags for the same words.
        names: types to list first.
        strict: whether an entity has to begin with `B-`.

    Returns:
        The types that occur, `K` of them; entities of each type in each sentence that are right,
        predicted and actual, `(R, K, 3)`; how many words have the right tag and how many there are,
        both `(R,)`. All but the types is what `row_scores.tagging_score` takes.

    Raises:
        ValueError: as `tagging_metrics`.

    Example:
        >>> types, counts, right_words, words = entity_counts([["B-PER"]], [["B-LOC"]])
        >>> types, counts.tolist(), right_words.tolist(), words.tolist()
        (['LOC', 'PER'], [[[0, 1, 0], [0, 0, 1]]], [0], [1])
    """
    if len(true) != len(predicted):
        raise ValueError(
            f"`true` has {len(true)} sentences, `predicted` {len(predicted)}: expected as many."
        )
    rows = []
    for index, (truth, guess) in enumerate(zip(true, predicted, strict=True)):
        if len(truth) != len(guess):
            raise ValueError(
                f"Sentence {index + 1} has {len(truth)} tags in `true` and {len(guess)} in "
                "`predicted`: expected one for each of its words in both."
            )
        try:
            rows.append((set(entities(truth, strict)), set(entities(guess, strict))))
        except ValueError as error:
            raise ValueError(f"Sentence {index + 1}: {error}") from error
    occurring = {entity.type for row in rows for side in row for entity in side}
    first = list(dict.fromkeys(names or ()))
    types = first + sorted(occurring - set(first))
    place = {name: position for position, name in enumerate(types)}
    counts = np.zeros((len(rows), len(types), 3), np.int64)
    for index, (actual, found) in enumerate(rows):
        for column, side in enumerate((actual & found, found, actual)):
            for entity in side:
                counts[index, place[entity.type], column] += 1
    right = [
        sum(a == b for a, b in zip(*pair, strict=True))
        for pair in zip(true, predicted, strict=True)
    ]
    words = [len(tags) for tags in true]
    return types, counts, np.array(right, np.int64), np.array(words, np.int64)


def _split(tag: str, position: int, strict: bool) -> tuple[str, str | None]:
    """A tag's prefix and type."""
    if tag == "O":
        return "O", None
    if isinstance(tag, str) and tag[:1] in ("B", "I") and tag[1:2] in ("", "-"):
        # The two modes of seqeval part at dashes around a type, and so must these.
        return tag[0], (tag[1:].strip("-") if strict else tag[2:]) or NO_TYPE
    raise ValueError(
        f"word {position + 1} has the tag {tag!r}, expected O, B-type or I-type (IOB2). Convert "
        "other schemes, such as BIOES, first."
    )
