"""Bad rows: all of them found before one is complained of, or left out with their count.

A message about the first bad row alone sends its reader round and round. Here the rows are gathered
and the message says how many there are, where the first ones lie and what is wrong with each.
"""

import logging
from collections.abc import Sequence

from keras_bert_kit.data.rows import Rows, find_column

ON_BAD = ("error", "skip")
NUM_SHOWN = 5

logger = logging.getLogger(__name__)


class BadRows:
    """Gathers what is wrong with rows; refuses them, or leaves them out, once all are known.

    Args:
        rows: the table.
        on_bad: `"error"`, or `"skip"` to leave bad rows out and log their count.

    Raises:
        ValueError: if `on_bad` is neither, or there are no rows at all.
    """

    def __init__(self, rows: Rows, on_bad: str):
        check_choice("on_bad", on_bad, ON_BAD)
        if len(rows) == 0:
            raise ValueError(f"There are no rows in {rows.source}: nothing but a header, or empty.")
        self.rows = rows
        self.on_bad = on_bad
        self.reasons: dict[int, str] = {}

    def add(self, index: int, reason: str) -> None:
        """Notes what is wrong with a row; the first reason given for it stands."""
        self.reasons.setdefault(index, reason)

    def good(self) -> list[int]:
        """Indices of the rows to go on with, in order.

        Raises:
            ValueError: if there are bad rows that are not to be skipped, or no others.
        """
        total = len(self.rows)
        if not self.reasons:
            return list(range(total))
        bad = sorted(self.reasons)
        shown = "; ".join(f"{self.rows.place(i)}: {self.reasons[i]}" for i in bad[:NUM_SHOWN])
        more = f"; and {len(bad) - NUM_SHOWN} more" if len(bad) > NUM_SHOWN else ""
        what = f"{len(bad)} of {total} rows of {self.rows.source} cannot be used: {shown}{more}."
        if self.on_bad == "error":
            raise ValueError(f'{what} Correct them, or leave them out with `on_bad="skip"`.')
        if len(bad) == total:
            raise ValueError(f"{what} No row is left.")
        logger.warning("Left out: %s", what)
        return [i for i in range(total) if i not in self.reasons]


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Refuses a `value` of `option` that is none of `choices`.

    Raises:
        ValueError: if it is none of them.
    """
    if value not in choices:
        raise ValueError(f"`{option}` must be one of {', '.join(choices)}; received {value!r}.")


def column_name(rows: Rows, name: str | int, option: str) -> str:
    """The name of the column that the user chose by `option`, by its name or position.

    Raises:
        ValueError: if there is none; the message lists those that there are.
    """
    try:
        return find_column(name, rows.columns, rows.source)
    except ValueError as error:
        raise ValueError(f"{error} Say which one to take with `{option}`.") from None


def first_places(rows: Rows, indices: Sequence[int]) -> str:
    """Where the first few of the rows at `indices` are, for a message."""
    shown = ", ".join(rows.place(i) for i in indices[:NUM_SHOWN])
    return shown + (", ..." if len(indices) > NUM_SHOWN else "")
