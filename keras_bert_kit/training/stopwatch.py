"""A stopwatch that can be held: training time without the time that evaluation takes."""

import time
from collections.abc import Callable


class Stopwatch:
    """Counts seconds from `restart` on, save while it is held.

    Args:
        clock: returns the time in seconds; it never goes back.

    Example:
        >>> stopwatch = Stopwatch(clock=iter([0.0, 5.0, 65.0, 70.0]).__next__)
        >>> stopwatch.hold()  # at 5 s
        >>> stopwatch.go_on()  # at 65 s
        >>> stopwatch.seconds  # at 70 s
        10.0
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self.restart()

    def restart(self) -> None:
        """Starts from zero, running."""
        self._counted, self._since = 0.0, self.clock()

    def hold(self) -> None:
        """Stops counting until `go_on`; nothing happens if it is held already."""
        if self._since is not None:
            self._counted, self._since = self._counted + self.clock() - self._since, None

    def go_on(self) -> None:
        """Counts again; nothing happens if it is running already."""
        if self._since is None:
            self._since = self.clock()

    @property
    def seconds(self) -> float:
        """The seconds counted so far."""
        return self._counted + (0.0 if self._since is None else self.clock() - self._since)
