"""How far a build is: a bar on a terminal, otherwise a line now and then."""

import sys
import time

from keras_bert_kit.data.corpus import Corpus

SECONDS_BETWEEN_LINES = 30
SECONDS_BETWEEN_UPDATES = 0.2


class BuildProgress:
    """Shows tokens, tokens per second, the share of the corpus that is read, and the time left.

    Args:
        corpus: whose `bytes_read` and `size` give the share.
        enabled: whether to show anything.

    Example:
        >>> with BuildProgress(corpus) as shown:  # doctest: +SKIP
        ...     shown.advance(num_tokens)
    """

    def __init__(self, corpus: Corpus, enabled: bool = True):
        self.corpus = corpus
        self.enabled = enabled
        self.num_tokens = 0
        self._bar = None

    def __enter__(self) -> "BuildProgress":
        """Starts the clock."""
        self._start = self._last = time.monotonic()
        self._bytes_before: int | None = None
        if self.enabled and sys.stderr.isatty():
            self._bar = _make_bar(self.corpus.size)
            self._bar.start()
        return self

    def __exit__(self, error_type, *_) -> None:
        """Leaves the last state on the screen."""
        if self._bar:
            self._bar.stop()
        elif self.enabled and error_type is None:
            print(self._line(), file=sys.stderr, flush=True)

    def advance(self, num_tokens: int) -> None:
        """Counts `num_tokens` more tokens."""
        self.num_tokens += num_tokens
        now = time.monotonic()
        if self._bytes_before is None:
            # A build that goes on runs through what it has already: no measure of what is left.
            self._start, self._bytes_before = now, self.corpus.bytes_read
        if not self.enabled:
            return
        if self._bar and now - self._last >= SECONDS_BETWEEN_UPDATES:
            self._last = now
            self._bar.update(
                self._bar.task_ids[0],
                completed=self.corpus.bytes_read,
                rate=f"{self.num_tokens / 1e6:,.1f} M tokens, {self._rate(now):,.0f} tokens/s",
            )
        elif not self._bar and now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            print(self._line(), file=sys.stderr, flush=True)

    def _rate(self, now: float) -> float:
        return self.num_tokens / max(now - self._start, 1e-9)

    def _line(self) -> str:
        now = time.monotonic()
        read, size = self.corpus.bytes_read, max(self.corpus.size, 1)
        new = read - (self._bytes_before or 0)
        left = (now - self._start) * (size - read) / new if new else 0
        return (
            f"Tokenising: {read / size:.0%} of the text read, {self.num_tokens / 1e6:,.1f} M "
            f"tokens, {self._rate(now):,.0f} tokens/s, {left:,.0f} s left"
        )


def _make_bar(size: int):
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("Tokenising"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    bar.add_task("tokenise", total=size, rate="")
    return bar
