"""Names of labels to numbers of classes, and what to do with a name that training did not see."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from keras_bert_kit.data.row_checks import NUM_SHOWN, ON_BAD, check_choice

NAMES_SHOWN = 20

logger = logging.getLogger(__name__)


def names_of(labels: Iterable[str | Sequence[str]]) -> tuple[str, ...]:
    """The different labels, in the order in which a person would list them.

    Numbers come first, by value; then words by their characters, with the digits inside them
    compared as numbers. The place of a name is the number of its class.

    Args:
        labels: names, or sequences of names (several labels, tags of words).

    Example:
        >>> names_of(["10", "2", "1"]), names_of(["positive", "negative"])
        (('1', '2', '10'), ('negative', 'positive'))
        >>> names_of([("b", "a"), (), ("a",)])
        ('a', 'b')
    """
    found = set()
    for label in labels:
        found.update([label] if isinstance(label, str) else label)
    return tuple(sorted(found, key=_natural_order))


def label_ids(
    names: Sequence[str],
    labels: Sequence[str | tuple[str, ...]],
    source: str,
    numbers: Sequence[int],
    on_unknown: str = "error",
) -> tuple[np.ndarray, list[int]]:
    """The numbers of the classes of R rows.

    Args:
        names: the C classes, as `names_of` gives them for the training rows.
        labels: for each row a name, or a tuple of names.
        source: what messages call the rows.
        numbers: where each row is in its source.
        on_unknown: `"error"`, or `"skip"` to leave out the rows with a label that is none of
            `names`, which is logged.

    Returns:
        The numbers of classes, `(K,)` int32, for tuples of names `(K, C)` int32 of 0 and 1; and the
        indices of the K rows that they belong to: all R of them, unless some were left out.

    Raises:
        ValueError: if a label is unknown, or all are and are to be left out.

    Example:
        >>> ids, kept = label_ids(("bad", "good"), ["good", "bad"], "dev.tsv", [2, 3])
        >>> ids.tolist(), kept
        ([1, 0], [0, 1])
        >>> label_ids(("a", "b", "c"), [("a", "c"), ()], "dev.tsv", [2, 3])[0].tolist()
        [[1, 0, 1], [0, 0, 0]]
    """
    several = any(not isinstance(label, str) for label in labels)
    rows, kept = _ids_and_kept(
        names,
        [label if several else [label] for label in labels],
        source,
        numbers,
        on_unknown,
        "label",
    )
    if not several:
        return np.array([row[0] for row in rows], np.int32), kept
    ids = np.zeros((len(kept), len(names)), np.int32)
    for i, row in enumerate(rows):
        ids[i, row] = 1
    return ids, kept


def tag_ids(
    names: Sequence[str],
    tags: Sequence[Sequence[str]],
    source: str,
    numbers: Sequence[int],
    on_unknown: str = "error",
) -> tuple[list[np.ndarray], list[int]]:
    """The numbers of the tags of each word of R sentences.

    Args:
        names: the C tags that the model knows.
        tags: for each sentence the tags of its words.
        source: what messages call the sentences.
        numbers: where each sentence is in its source.
        on_unknown: as with `label_ids`, for whole sentences.

    Returns:
        For each of K sentences an int32 array, one number a word; and the indices of the K.

    Raises:
        ValueError: as with `label_ids`.

    Example:
        >>> tag_ids(("O", "B-LOC"), [["O", "B-LOC"], ["O"]], "dev.conll", [1, 4])[0]
        [array([0, 1], dtype=int32), array([0], dtype=int32)]
    """
    rows, kept = _ids_and_kept(names, tags, source, numbers, on_unknown, "tag")
    return [np.array(row, np.int32) for row in rows], kept


def _ids_and_kept(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    source: str,
    numbers: Sequence[int],
    on_unknown: str,
    what: str,
) -> tuple[list[list[int]], list[int]]:
    check_choice("on_unknown", on_unknown, ON_BAD)
    ids = {name: i for i, name in enumerate(names)}
    unknown = Counter()
    bad = []
    for i, row in enumerate(rows):
        missing = [name for name in row if name not in ids]
        if missing:
            unknown.update(missing)
            bad.append(i)
    if bad:
        message = _about_unknown(names, unknown, source, [numbers[i] for i in bad], len(rows), what)
        if on_unknown == "error":
            raise ValueError(
                f"{message} Correct them, add such rows to the training data, or leave them out "
                'with `--on-bad skip`, in Python `on_unknown="skip"`.'
            )
        if len(bad) == len(rows):
            raise ValueError(f"{message} No row is left.")
        logger.warning("Left out: %s", message)
    leave = set(bad)
    kept = [i for i in range(len(rows)) if i not in leave]
    return [[ids[name] for name in rows[i]] for i in kept], kept


def _about_unknown(
    names: Sequence[str], unknown: Counter, source: str, numbers: list[int], total: int, what: str
) -> str:
    first = ", ".join(map(str, numbers[:NUM_SHOWN])) + (", ..." if len(numbers) > NUM_SHOWN else "")
    rows = "row" if len(numbers) == 1 else "rows"
    shown = ", ".join(f"{name!r} ({n})" for name, n in unknown.most_common(NAMES_SHOWN))
    known = ", ".join(map(repr, names[:NAMES_SHOWN]))
    more = f", ... ({len(names)} in all)" if len(names) > NAMES_SHOWN else ""
    folded = {name.casefold(): name for name in names}
    alike = next((name for name in unknown if name.casefold() in folded), None)
    hint = "" if alike is None else f" {alike!r} and {folded[alike.casefold()]!r} differ in case."
    return (
        f"{len(numbers)} of {total} rows of {source} ({rows} {first}) have a {what} that is not "
        f"known: {shown}. Known are: {known}{more}.{hint}"
    )


def _natural_order(name: str) -> tuple:
    # `split` with a group gives text and digits in turn, text first: always comparable.
    parts = [int(p) if i % 2 else p for i, p in enumerate(re.split(r"(\d+)", name))]
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", name)
    return (0, float(name), parts, name) if is_number else (1, 0.0, parts, name)
