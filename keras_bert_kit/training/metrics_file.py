"""`metrics.jsonl`: one JSON object a line, of which a full disk loses none."""

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)


class MetricsFile:
    """Appends lines to a file; those that cannot be written wait for the next.

    Args:
        path: the file.
    """

    def __init__(self, path: Path):
        self.path = path
        self._waiting = ""

    def append(self, line: str) -> None:
        """Writes a line behind those that wait; if that fails, logs a warning and lets it wait."""
        self._waiting += f"{line}\n"
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(self._waiting)
        except OSError as error:
            if self.path.exists():
                os.truncate(self.path, size)  # the part of a line that there was room for
            logger.warning(
                "%s could not be written (%s): %d line(s) wait for room.",
                self.path,
                error.strerror,
                self._waiting.count("\n"),
            )
        else:
            self._waiting = ""
