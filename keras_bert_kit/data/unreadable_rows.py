"""What happens to rows that cannot be read: an error, or a count."""

import logging

logger = logging.getLogger(__name__)


class UnreadableRows:
    """The rows of one source that cannot be read.

    Args:
        on_bad: `"error"` to raise at the first one, or `"skip"` to count them.

    Example:
        >>> bad = UnreadableRows("skip")
        >>> bad.add("train.tsv, line 3 has 1 field, expected 2.")
        >>> bad.num_skipped
        1
    """

    def __init__(self, on_bad: str = "error"):
        self.on_bad = on_bad
        self.num_skipped = 0
        self._first = ""

    def add(self, message: str, cause: Exception | None = None) -> None:
        """Raises `message`, or counts the row as skipped.

        Raises:
            ValueError: if rows are not to be skipped.
        """
        if self.on_bad != "skip":
            raise ValueError(
                f'{message} Correct it, or leave such rows out with `on_bad="skip"`.'
            ) from cause
        self.num_skipped += 1
        self._first = self._first or message

    def report(self, name: str) -> None:
        """Logs how many rows of the source `name` were skipped, and why the first of them was."""
        if self.num_skipped:
            logger.warning(
                "%s: skipped %d row(s) that cannot be read. The first: %s",
                name,
                self.num_skipped,
                self._first,
            )
