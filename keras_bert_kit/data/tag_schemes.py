"""How tags of words say where entities begin and end, and one way of saying it for all of them.

A tag is `O`, outside of any entity, or a letter, a hyphen and a type, as in `B-PER`. What differs
is how the words of an entity are lettered:

| scheme | one word | two words | four words | letters that only border on an entity get |
| --- | --- | --- | --- | --- |
| IO | I | I I | I I I I | none: entities of one type that touch become one |
| IOB2 | B | B I | B I I I | |
| IOB1 | I | I I | I I I I | B on the first word, behind an entity of the same type |
| BIOES | S | B E | B I I E | |
| BILOU | U | B L | B I I L | |
| BMES | S | B E | B M M E | |
| IOE2 | E | I E | I I I E | |
| IOE1 | I | I I | I I I I | E on the last word, before an entity of the same type |

**Reading** is the same for all of them. A word that is not `O` begins an entity if no entity of its
type reaches up to it, if its letter is one that opens (B, S, U), or if the letter before it is one
that closes (E, S, L, U). So no sequence is refused, and one that breaks the rules of its scheme
means what most readers would take it to mean.

**Faults** of a sequence under a scheme are the words whose letter differs from the one that the
scheme gives to the entities just read: `I-PER` behind `O` is one fault of IOB2 and none of IOB1.

**Detection** counts the faults of a whole data set under each scheme that has all the letters that
occur, and takes the scheme with the fewest; of equals the one that comes first in the table. Data
in which every entity begins with I is thus IOB1 where B marks borders, and IO where B never occurs.

Reference:
    Tjong Kim Sang and Veenstra, Representing Text Chunks, https://arxiv.org/abs/cs/9907006
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keras_bert_kit.data.row_checks import check_choice

PLAIN = "plain"  # tags that mark no entities, such as parts of speech
# The letter of an entity of one word, and of the first, middle and last word of a longer one.
_LETTERS = {
    "IO": "IIII",
    "IOB2": "BBII",
    "IOB1": "IIII",
    "BIOES": "SBIE",
    "BILOU": "UBIL",
    "BMES": "SBME",
    "IOE2": "EIIE",
    "IOE1": "IIII",
}
_AT_BORDERS = {"IOB1": "B", "IOE1": "E"}
SCHEMES = tuple(_LETTERS)
_OPEN, _CLOSE = "BSU", "ESLU"
_TAG = re.compile(r"([BIESLUM])-(.+)", re.DOTALL)


class Entity(NamedTuple):
    """Words `start` to `stop` (exclusive) of a sentence, and their type."""

    start: int
    stop: int
    type: str


@dataclass(frozen=True)
class Detection:
    """The scheme of a data set and what speaks for it.

    Attributes:
        scheme: one of `SCHEMES`, or `"plain"`.
        letters: how often each letter occurs, `O` among them; for plain tags nothing.
        faults: for each scheme that has these letters, how many words break its rules.
        num_entities: how many entities there are.
        faulty: indices of the sentences that break the rules of `scheme`.
    """

    scheme: str
    letters: dict[str, int]
    faults: dict[str, int]
    num_entities: int
    faulty: list[int]

    def __str__(self) -> str:
        """The scheme and the evidence, in words."""
        if self.scheme == PLAIN:
            return "plain tags, which mark no entities"
        letters = ", ".join(f"{letter} {count}" for letter, count in self.letters.items())
        faults = ", ".join(f"{scheme} {count}" for scheme, count in self.faults.items())
        return (
            f"{self.scheme}: {self.num_entities} entities; letters {letters}; "
            f"words against the rules of {faults}"
        )


def detect_scheme(sentences: Sequence[Sequence[str]], scheme: str | None = None) -> Detection:
    """Which scheme the tags of a data set follow.

    Args:
        sentences: for each sentence the tags of its words.
        scheme: the scheme where it is known: one of `SCHEMES`, or `"plain"`.

    Returns:
        The scheme with the evidence; `"plain"` where no tag looks like `B-PER`.

    Raises:
        ValueError: if `scheme` is none of those there are or has not all the letters that occur, if
            no scheme has, or if some tags look like `B-PER` while others are neither that nor `O`.

    Example:
        >>> found = detect_scheme([["I-PER", "I-PER", "O"], ["I-LOC", "B-LOC"]])
        >>> found.scheme, found.num_entities
        ('IOB1', 3)
        >>> print(found)
        IOB1: 3 entities; letters B 1, I 3, O 1; words against the rules of IOB2 2, IOB1 0, ...
    """
    if scheme is not None:
        check_choice("scheme", scheme, (*SCHEMES, PLAIN))
    tags = Counter(tag for sentence in sentences for tag in sentence)
    if scheme == PLAIN or (scheme is None and are_plain(tags)):
        return Detection(PLAIN, {}, {}, 0, [])
    odd = [tag for tag in tags if tag != "O" and not _TAG.fullmatch(tag)]
    if odd:
        shown = ", ".join(f"{tag!r} ({tags[tag]})" for tag in odd[:5])
        raise ValueError(
            f"{len(odd)} of {len(tags)} different tags are neither 'O' nor like 'B-PER': {shown}. "
            'Correct them, or give `scheme="plain"` if these tags mark no entities.'
        )
    letters = Counter()
    for tag, count in tags.items():
        letters[tag[0]] += count
    used = set(letters) - {"O"}
    fitting = [name for name in SCHEMES if used <= set(_LETTERS[name] + _AT_BORDERS.get(name, ""))]
    if not fitting or scheme not in (None, *fitting):
        raise ValueError(
            f"Tags with the letters {', '.join(sorted(letters))} are "
            + (f"not of the scheme {scheme}" if scheme else "of no scheme")
            + f". The schemes are {', '.join(SCHEMES)}"
            + (f", and those that have these letters {', '.join(fitting)}." if fitting else ".")
        )
    faults = {
        name: [len(_faults(sentence, name)) for sentence in sentences]
        for name in ([scheme] if scheme else fitting)
    }
    sums = {name: sum(counts) for name, counts in faults.items()}
    best = min(sums, key=sums.__getitem__)  # the first of equals
    faulty = [i for i, count in enumerate(faults[best]) if count]
    num_entities = sum(len(entities(sentence)) for sentence in sentences)
    return Detection(best, dict(sorted(letters.items())), sums, num_entities, faulty)


def are_plain(tags: Iterable[str]) -> bool:
    """Whether some tags, `O` not alone, mark no entities: none looks like `B-PER`.

    Example:
        >>> are_plain(["NOUN", "VERB"]), are_plain(["O", "B-PER"]), are_plain(["O"])
        (True, False, False)
    """
    tags = set(tags)
    return tags != {"O"} and not any(_TAG.fullmatch(tag) for tag in tags)


def to_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags of a sentence in IOB2.

    Tags that are IOB2 already stay as they are, with their faults, and so do plain tags.

    Args:
        tags: a tag a word.
        scheme: what they are in.

    Raises:
        ValueError: if there is no such scheme.

    Example:
        >>> to_iob2(["B-PER", "E-PER", "O", "S-LOC"], "BIOES")
        ['B-PER', 'I-PER', 'O', 'B-LOC']
        >>> to_iob2(["I-LOC", "B-LOC", "I-LOC"], "IOB1")
        ['B-LOC', 'B-LOC', 'I-LOC']
    """
    check_choice("scheme", scheme, (*SCHEMES, PLAIN))
    if scheme in ("IOB2", PLAIN):
        return list(tags)
    return tags_of(entities(tags), len(tags), "IOB2")


def begun(tags: Sequence[str]) -> list[str]:
    """Tags in IOB2 in which every entity begins with `B-`, as of one that nothing goes before.

    A model tags each word for itself, and may go on with what it has not begun. What people are
    shown of it is an entity all the same, so that is what is measured.

    Example:
        >>> begun(["O", "I-PER", "I-PER", "I-LOC"])
        ['O', 'B-PER', 'I-PER', 'B-LOC']
    """
    return [
        "B" + tag[1:] if tag[0] == "I" and (before == "O" or before[1:] != tag[1:]) else tag
        for before, tag in itertools.pairwise(["O", *tags])
    ]


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence in any scheme, in order, as the page above says.

    Example:
        >>> entities(["O", "B-LOC", "I-LOC", "B-LOC"])
        [Entity(start=1, stop=3, type='LOC'), Entity(start=3, stop=4, type='LOC')]
    """
    found: list[Entity] = []
    before = "O"
    for i, tag in enumerate(tags):
        if tag != "O":
            goes_on = (
                before[1:] == tag[1:] and before[0] not in _CLOSE and tag[0] not in _OPEN
            )  # the rest of a tag is its hyphen and type
            start = found.pop().start if goes_on else i
            found.append(Entity(start, i + 1, tag[2:]))
        before = tag
    return found


def tags_of(found: Iterable[Entity], num_words: int, scheme: str) -> list[str]:
    """The tags of a sentence with these entities; the opposite of `entities`.

    Args:
        found: entities in order that do not overlap.
        num_words: of the sentence.
        scheme: one of `SCHEMES`.

    Raises:
        ValueError: if there is no such scheme.

    Example:
        >>> tags_of([Entity(0, 1, "LOC"), Entity(2, 4, "PER")], 4, "BIOES")
        ['S-LOC', 'O', 'B-PER', 'E-PER']
    """
    check_choice("scheme", scheme, SCHEMES)
    single, first, middle, last = _LETTERS[scheme]
    tags = ["O"] * num_words
    before = Entity(0, 0, "")
    for entity in found:
        start, stop, kind = entity
        letters = [single] if stop - start == 1 else [first, *middle * (stop - start - 2), last]
        tags[start:stop] = [f"{letter}-{kind}" for letter in letters]
        if before.stop == start and before.type == kind:
            if scheme == "IOB1":
                tags[start] = f"B-{kind}"
            elif scheme == "IOE1":
                tags[start - 1] = f"E-{kind}"
        before = entity
    return tags


def _faults(tags: Sequence[str], scheme: str) -> list[int]:
    right = tags_of(entities(tags), len(tags), scheme)
    return [i for i, tag in enumerate(tags) if tag != right[i]]
