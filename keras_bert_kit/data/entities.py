"""Raw text to words with their place in it, and tags of words to entities with theirs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from keras_bert_kit.text.normalizer import normalization_rules

OUTSIDE = "O"


@dataclass(frozen=True)
class Entity:
    """Part of a text that has a name.

    Attributes:
        label: what it is.
        start: where it begins in the text, in characters.
        end: where it ends, exclusively.
        text: `text[start:end]`, as it stands in the text.
        probability: that of its least certain word.
    """

    label: str
    start: int
    end: int
    text: str
    probability: float


def split_words(text: str) -> tuple[list[str], list[int], list[int]]:
    """The words of a text as BERT sees them.

    White space parts words; each punctuation mark and each Chinese character is one.

    Returns:
        The words, where each begins and where it ends (exclusively), in characters.

    Example:
        >>> split_words("In Zürich, 你好!")
        (['In', 'Zürich', ',', '你', '好', '!'], [0, 3, 9, 11, 12, 13], [2, 9, 10, 12, 13, 14])

    Reference:
        BERT's `BasicTokenizer`, https://github.com/google-research/bert/blob/master/tokenization.py
    """
    found = list(_word_pattern().finditer(text))
    return [m.group() for m in found], [m.start() for m in found], [m.end() for m in found]


def entities_of(
    text: str,
    starts: Sequence[int],
    ends: Sequence[int],
    tags: Sequence[str],
    confidences: Sequence[float],
) -> list[Entity]:
    """The entities that the tags of words spell out.

    `B-X` begins an entity, `I-X` goes on with it, or begins one where none of that label goes
    before, as in seqeval's default mode. A tag without `B-` or `I-` is an entity for its word
    alone.

    Args:
        text: the text.
        starts: `(W,)` where each word begins in it, in characters.
        ends: `(W,)` where it ends, exclusively.
        tags: `(W,)`; `O` is no entity. `B` and `I` alone are those of a label `_`.
        confidences: `(W,)` the probability of each tag.

    Returns:
        The entities in the order of the text.

    Raises:
        ValueError: if there are not as many tags as words.

    Example:
        >>> text = "Ada Lovelace of London"
        >>> _, starts, ends = split_words(text)
        >>> tags = ["B-PER", "I-PER", "O", "I-LOC"]
        >>> for entity in entities_of(text, starts, ends, tags, [0.9, 0.8, 0.7, 0.6]):
        ...     print(entity.label, entity.text, entity.probability)
        PER Ada Lovelace 0.8
        LOC London 0.6
    """
    if not len(starts) == len(ends) == len(tags) == len(confidences):
        raise ValueError(
            f"There must be a tag and its probability for each of {len(starts)} words; received "
            f"{len(tags)} tags and {len(confidences)} probabilities."
        )
    spans: list[list] = []  # label, first word, word after the last
    open_label = None  # of the entity that the word before is in
    for at, tag in enumerate(tags):
        prefix, label = parts_of_tag(tag)
        if prefix == "I" and label == open_label:
            spans[-1][2] = at + 1
        elif prefix != OUTSIDE:
            spans.append([label, at, at + 1])
        open_label = label if prefix in ("B", "I") else None
    return [
        Entity(
            label,
            int(starts[first]),
            int(ends[stop - 1]),
            text[starts[first] : ends[stop - 1]],
            float(min(confidences[first:stop])),
        )
        for label, first, stop in spans
    ]


def parts_of_tag(tag: str) -> tuple[str, str]:
    """`B`, `I`, `O` or nothing, and the label."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if tag in ("B", "I"):
        return tag, "_"  # as seqeval calls it
    if tag[:2] in ("B-", "I-"):
        return tag[0], tag[2:]
    return "", tag


@cache
def _word_pattern() -> re.Pattern:
    rules = normalization_rules(lowercase=False)
    # What BERT drops, such as control characters, parts nothing: it is in the word around it.
    white = {" ", *(chr(c) for c, new in rules.replacements.items() if new and not new.strip(" "))}
    alone = _character_class(rules.alone)
    return re.compile(f"[{alone}]|[^{alone}{_character_class(white)}]+")


def _character_class(characters) -> str:
    """The inside of a regular expression's `[...]`, in ranges."""
    ranges: list[list[int]] = []
    for code_point in sorted(map(ord, characters)):
        if ranges and code_point == ranges[-1][1] + 1:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges)
