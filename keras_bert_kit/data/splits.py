"""Rows into training, validation and test rows: by chance, by class, by group."""

import logging
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Sized

import numpy as np

logger = logging.getLogger(__name__)

_BIG_GROUP = 0.1  # of the smallest split: such groups find a place before all others


def split_rows(
    examples: int | Sized,
    fractions: Mapping[str, float],
    *,
    stratify: Sequence[Hashable] | None = None,
    group: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> dict[str, list[int]]:
    """Splits rows at random, the same way for the same arguments.

    - Alone, every split gets its fraction of the rows, rounded by largest remainder.
    - With `stratify` so does every class, within one row: a split has `floor` or `ceil` of the
      class's rows times its fraction. The splits' sizes may then be off by more than one row.
      The largest split has rows of every class; which classes are missing elsewhere is logged.
    - With `group` no group is in two splits. Groups go one after another, in random order, to the
      split that lacks the largest share of what it is to get; before them, from large to small,
      those of more than a tenth of the smallest split, to where they least increase
      `sum_s (rows of s - wanted of s)^2 / wanted of s`. Sizes are thus approximate, and far off
      where few groups hold most of the rows.
    - With both, shares and sums are taken for each class and added up; the classes' shares are
      approximate as well.

    Args:
        examples: how many rows there are, or the rows.
        fractions: the splits' names and shares, which add up to 1.
        stratify: the class of each row, whose share is to be the same in every split. Values to
            predict by regression are no classes: cut them into bins first.
        group: what each row belongs to.
        seed: another one gives another split.

    Returns:
        For each name the indices of its rows, ascending.

    Raises:
        ValueError: if the fractions are not positive or do not add up to 1, `stratify` or `group`
            has not a value for each row, or a split would be empty.

    Example:
        >>> parts = split_rows(10, {"train": 0.8, "dev": 0.2}, stratify=["a"] * 5 + ["b"] * 5)
        >>> {name: len(indices) for name, indices in parts.items()}
        {'train': 8, 'dev': 2}

    Reference:
        Sechidis et al., On the Stratification of Multi-Label Data (2011), for the greedy way.
    """
    total = examples if isinstance(examples, int) else len(examples)
    names, shares = _checked(fractions)
    for option, values in (("stratify", stratify), ("group", group)):
        if values is not None and len(values) != total:
            raise ValueError(
                f"`{option}` must have a value for each of {total} rows; received {len(values)}."
            )
        if values is not None and any(value is None for value in values):
            first = next(i for i, value in enumerate(values) if value is None)
            raise ValueError(f"`{option}` is None for the row at index {first}; give it a value.")
    generator = np.random.default_rng(seed)
    classes = _numbered(stratify if stratify is not None else [0] * total)
    if group is not None:
        split_of = _split_groups(_numbered(group), classes, shares, generator)
    else:
        split_of = _split_classes(classes, shares, generator)
    parts = {name: np.flatnonzero(split_of == i).tolist() for i, name in enumerate(names)}
    _check_not_empty(parts, total, fractions, group)
    if stratify is not None:
        _say_missing_classes(parts, stratify)
    return parts


def _checked(fractions: Mapping[str, float]) -> tuple[list[str], np.ndarray]:
    shares = np.array(list(fractions.values()), np.float64)
    shown = ", ".join(f"{name} {share:g}" for name, share in fractions.items())
    if not (shares > 0).all():
        raise ValueError(f"Fractions must be positive; received {shown}.")
    if abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f"Fractions must add up to 1; received {shown}, which is {sum(shares):g}.")
    return list(fractions), shares


def _numbered(values: Sequence[Hashable]) -> np.ndarray:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _split_classes(classes: np.ndarray, shares: np.ndarray, generator) -> np.ndarray:
    """The split of each row, every class within one row of its shares."""
    class_sizes = np.bincount(classes)
    wanted = class_sizes[:, None] * shares
    # Without the small number 10 * 0.7 and the like end up below a whole number.
    sizes = np.floor(wanted + 1e-9).astype(np.int64)  # (classes, splits)
    missing = len(classes) * shares - sizes.sum(0)
    largest = int(shares.argmax())
    # What rounding left over, a row for a split at most. Largest first: they have most to say.
    for c in np.argsort(-class_sizes, kind="stable"):
        need = missing.copy()
        if sizes[c, largest] == 0:
            need[largest] = np.inf
        chosen = np.argsort(-need, kind="stable")[: class_sizes[c] - sizes[c].sum()]
        sizes[c, chosen] += 1
        missing[chosen] -= 1
    split_of = np.empty(len(classes), np.int64)
    order = generator.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]  # by class, within it by chance
    split_of[order] = np.repeat(np.tile(np.arange(len(shares)), len(sizes)), sizes.ravel())
    return split_of


def _split_groups(
    groups: np.ndarray, classes: np.ndarray, shares: np.ndarray, generator
) -> np.ndarray:
    """The split of each row, no group in two."""
    counts = np.zeros((groups.max(initial=-1) + 1, classes.max(initial=-1) + 1))
    np.add.at(counts, (groups, classes), 1)  # (groups, classes)
    wanted = shares[:, None] * counts.sum(0)  # (splits, classes)
    have = np.zeros_like(wanted)
    order = generator.permutation(len(counts))
    sizes = counts.sum(1)
    is_big = sizes > _BIG_GROUP * shares.min() * len(groups)
    order = order[np.argsort(-np.where(is_big, sizes, 0)[order], kind="stable")]
    split_of_group = np.empty(len(counts), np.int64)
    for position, g in enumerate(order):
        more = counts[g]
        # (have + more - wanted)^2 - (have - wanted)^2, over wanted. Small groups do without the
        # square of their size: it would send all but the smallest to the largest split.
        cost = (more * (more * is_big[g] + 2 * (have - wanted)) / wanted).sum(1)
        is_empty = ~have.any(1)
        if len(order) - position <= is_empty.sum():  # the last groups go where there is none yet
            cost[~is_empty] = np.inf
        split_of_group[g] = best = int(cost.argmin())
        have[best] += more
    return split_of_group[groups]


def _check_not_empty(
    parts: Mapping[str, list[int]], total: int, fractions: Mapping[str, float], group
) -> None:
    for name, indices in parts.items():
        if not indices:
            what = f"{total} rows"
            if group is not None:
                what += f" in {len(set(group))} groups"
            raise ValueError(
                f"The split {name!r} would be empty: {what} cannot give it a share of "
                f"{fractions[name]:g}. Give it a larger one, or split more rows."
            )


def _say_missing_classes(parts: Mapping[str, list[int]], stratify: Sequence[Hashable]) -> None:
    sizes = Counter(stratify)
    for name, indices in parts.items():
        there = {stratify[i] for i in indices}
        missing = [label for label in sizes if label not in there]
        if missing:
            shown = ", ".join(f"{label!r} (of {sizes[label]} rows)" for label in missing[:5])
            more = ", ..." if len(missing) > 5 else ""
            logger.warning(
                "The split %r has no row of %d of %d classes, which are too small: %s%s.",
                name,
                len(missing),
                len(sizes),
                shown,
                more,
            )
