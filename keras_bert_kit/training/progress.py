"""The progress of a whole training at a glance: a bar on a terminal, plain lines in a log file."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import keras
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from keras_bert_kit.training.held_out_logs import held_out_logs
from keras_bert_kit.training.stopwatch import Stopwatch

LABELS = {
    "masked_lm_loss": "MLM loss",
    "masked_lm_accuracy": "MLM accuracy",
    "next_sentence_loss": "NSP loss",
    "next_sentence_accuracy": "NSP accuracy",
}
RATE_WINDOW = 30.0  # seconds over which tokens per second are averaged
DRAWING_INTERVAL = 0.2  # seconds


class Progress(keras.callbacks.Callback):
    """Shows step, metrics, tokens per second and time left over the whole training.

    It is meant for `fit(verbose=0)`, whose own bar starts anew with each epoch. On a terminal it
    is a bar, elsewhere a line every few seconds; in both cases each evaluation gets a line:

        step 1,200/6,000  loss 6.213  MLM accuracy 0.151  13,400 tokens/s  2 min 10 s left
        step 1,200/6,000  held out: loss 6.305  MLM accuracy 0.147

    The step is that of the optimizer, so a run that goes on from a checkpoint starts where it was.
    Tokens per second leave out evaluation and saving; the time left reckons with them.

    Used as a context manager it goes on over several calls of `fit`, ends the bar's line whatever
    happens, and has what others print meanwhile stand above the bar. Without it there is still
    nothing to put right after an exception: no thread goes on drawing, and the cursor is never
    hidden.

    Args:
        total_steps: optimizer steps in the whole training, those before `start_step` included.
        start_step: the step at which `fit` begins; left out, it is the optimizer's.
        tokens_per_step: tokens in the batches of one optimizer step; without it steps per second
            are shown.
        metrics: names of the logs to show; those that are not logged are left out.
        held_out_metrics: names of those to show of evaluations; by default all.
        seconds: between two lines where there is no terminal.
        console: where to write; standard output if left out.
        clock: returns the time in seconds.

    Raises:
        ValueError: if `total_steps` is less than one.

    Example:
        >>> x = keras.ops.ones([8, 1])
        >>> model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
        >>> model.compile("sgd", "mse")
        >>> with Progress(total_steps=1, seconds=3600) as progress:  # doctest: +ELLIPSIS
        ...     history = model.fit(x, x, batch_size=8, callbacks=[progress], verbose=0)
        step 1/1  loss 0.000  done in ... s
    """

    def __init__(
        self,
        total_steps: int,
        start_step: int | None = None,
        tokens_per_step: int | None = None,
        *,
        metrics: Sequence[str] = ("loss", "masked_lm_accuracy"),
        held_out_metrics: Sequence[str] | None = None,
        seconds: float = 10.0,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        if total_steps < 1:
            raise ValueError(f"`total_steps` must be at least 1, received {total_steps}.")
        self.total_steps = total_steps
        self.start_step = start_step
        self.tokens_per_step = tokens_per_step
        self.metrics = metrics
        self.held_out_metrics = held_out_metrics
        self.seconds = seconds
        self.console = console or Console()
        self.clock = clock
        self._stopwatch = Stopwatch(clock)
        self._is_managed = self._has_begun = False
        self._bar = None

    def __enter__(self) -> "Progress":
        """Begins with the next `fit`, and ends with the block."""
        self._is_managed, self._has_begun = True, False
        return self

    def __exit__(self, exception: type | None, *details) -> None:
        """Shows the last step; after an exception, ends the bar and says nothing."""
        if exception is None and self._has_begun:
            self._show_end()
        self._is_managed = False
        self._end_bar()

    def on_train_begin(self, logs: Mapping | None = None) -> None:
        """Shows the step from which the training goes on."""
        if self._is_managed and self._has_begun:
            return
        self._has_begun = True
        iterations = self._iterations()
        start_step = iterations if self.start_step is None else self.start_step
        self._offset = start_step - iterations
        self._numbers = {}  # the latest logs
        self._began = self._shown = self.clock()
        self._first = None  # (time, step) after the first batch, which compiles
        self._recent = deque()  # (training seconds, step) within the last `RATE_WINDOW`
        self._stopwatch.restart()
        self._end_bar()  # of a `fit` that failed
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._start_bar(start_step)

    def on_epoch_begin(self, epoch: int, logs: Mapping | None = None) -> None:
        """Lets the stopwatch go on."""
        self._stopwatch.go_on()

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        """Draws the bar or prints a line, if it is time to."""
        self._numbers = dict(logs or {})
        step, now = self._step(), self.clock()
        if self._first is None:
            self._first = (now, step)
        self._recent.append((self._stopwatch.seconds, step))
        while len(self._recent) > 2 and self._recent[-1][0] - self._recent[0][0] > RATE_WINDOW:
            self._recent.popleft()
        if now - self._shown >= (self.seconds if self._bar is None else DRAWING_INTERVAL):
            self._show(step, self._time_left(step, now))

    def on_test_begin(self, logs: Mapping | None = None) -> None:
        """Holds the stopwatch."""
        self._stopwatch.hold()

    def on_test_end(self, logs: Mapping | None = None) -> None:
        """Lets the stopwatch go on."""
        self._stopwatch.go_on()

    def on_epoch_end(self, epoch: int, logs: Mapping | None = None) -> None:
        """Prints what was found on held-out data."""
        self._stopwatch.hold()
        held_out = held_out_logs(logs)
        if self.held_out_metrics is not None:
            held_out = {n: held_out[n] for n in self.held_out_metrics if n in held_out}
        if held_out:
            self._print(f"{self._position(self._step())}  held out: {_describe(held_out)}")

    def on_train_end(self, logs: Mapping | None = None) -> None:
        """Shows the last step and how long it took to get there."""
        if not self._is_managed:
            self._show_end()
            self._end_bar()

    def _iterations(self) -> int:
        # Batches are not counted: a call may run several (`steps_per_execution`), and a step may
        # take several (gradient accumulation).
        return int(self.model.optimizer.iterations.numpy())

    def _step(self) -> int:
        return self._iterations() + self._offset

    def _position(self, step: int) -> str:
        return f"step {step:,}/{self.total_steps:,}"

    def _show(self, step: int, ending: str) -> None:
        shown = {name: self._numbers[name] for name in self.metrics if name in self._numbers}
        parts = [part for part in (_describe(shown), self._rate(), ending) if part]
        if self._bar is None:
            self._print("  ".join([self._position(step), *parts]))
        else:
            self._bar.update(self._task, completed=step, description="  ".join(parts))
            self._bar.refresh()
        self._shown = self.clock()

    def _show_end(self) -> None:
        step, took = self._step(), _duration(self.clock() - self._began)
        self._show(step, f"{'done in' if step >= self.total_steps else 'stopped after'} {took}")

    def _rate(self) -> str:
        """Tokens per second over the recent steps; empty before there are two of them."""
        if len(self._recent) < 2 or self._recent[-1][0] == self._recent[0][0]:
            return ""
        (start, first), (stop, last) = self._recent[0], self._recent[-1]
        steps_per_second = (last - first) / (stop - start)
        if self.tokens_per_step is None:
            return f"{steps_per_second:,.1f} steps/s"
        return f"{steps_per_second * self.tokens_per_step:,.0f} tokens/s"

    def _time_left(self, step: int, now: float) -> str:
        """From the mean over the whole run, so that evaluations to come are counted in."""
        began, first = self._first
        if step == first:
            return ""
        seconds = (now - began) / (step - first) * max(self.total_steps - step, 0)
        return f"{_duration(seconds)} left"

    def _start_bar(self, start_step: int) -> None:
        self._bar = Bar(
            TextColumn("{task.completed:,}/{task.total:,}"),
            BarColumn(bar_width=None),
            TextColumn("{task.description}", markup=False),
            console=self.console,
            expand=True,
            auto_refresh=False,  # no thread: nothing must be drawn once `fit` has failed
            redirect_stdout=self._is_managed,
            redirect_stderr=self._is_managed,
        )
        self._task = self._bar.add_task("", total=self.total_steps, completed=start_step)
        self._bar.start()
        self.console.show_cursor(True)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _print(self, line: str) -> None:
        # Rich would break lines at 80 columns in a log file, and colour numbers.
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)


def _describe(numbers: Mapping[str, float]) -> str:
    return "  ".join(f"{LABELS.get(name, name)} {value:.3f}" for name, value in numbers.items())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
