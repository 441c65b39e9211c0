"""What a run writes down about itself: TensorBoard events and `metrics.jsonl`, by optimizer step.

Every point is the mean over its own window of steps and not, as Keras's own logs are, over the
epoch so far: a curve then shows what the model does now. A run that was killed and goes on from a
checkpoint leaves one curve without gaps or repeats: what was written after that checkpoint is
taken out first.
"""

import contextlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_kit.training.held_out_logs import held_out_logs
from keras_bert_kit.training.metrics_file import MetricsFile
from keras_bert_kit.training.rewind import rewind_events, rewind_metrics
from keras_bert_kit.training.stopwatch import Stopwatch

logger = logging.getLogger(__name__)
OPTIONS_TAG, SAMPLES_TAG = "options", "samples"


class Monitor(keras.callbacks.Callback):
    """Writes all that `fit` logs, per window of steps and per evaluation.

    `folder/train` and `folder/heldout` get the same tags, so that TensorBoard draws both curves in
    one chart. To the logs are added `learning_rate` (the one that the next step will use) and
    `tokens_per_second` (without evaluation time and without the first step, which compiles).

    The step is that of the optimizer, whatever an epoch or a call of `fit` is; a window ends where
    the step passes a multiple of `every`, and with the epoch. Put this callback before the one
    that saves checkpoints: then no checkpoint is ever ahead of the records.

    A full disk does not stop the training, and is logged as a warning: lines of the metrics file
    wait for room, events for TensorBoard may be missing.

    Args:
        folder: where TensorBoard is pointed at.
        every: optimizer steps in a window.
        tokens_per_step: tokens in the batches of one optimizer step; without it no
            `tokens_per_second` is written.
        start_step: the step that the run goes on from. If given, it is checked against the
            optimizer when `fit` begins; left out, the optimizer is believed.
        histograms: whether to write a histogram of every trainable weight with each epoch.
        options_text: the run's options as Markdown, written once at the start.
        samples: returns Markdown to be written with each evaluation, for instance predictions for
            a few masked sentences.
        metrics_file: a file that gets the same numbers as one JSON object a line, for instance
            `{"step": 50, "split": "train", "loss": 6.2}`; what is not finite is `null`. What it
            holds after the starting step is dropped when `fit` begins.
        writes: whether this process writes; of several workers one does, and the means of all of
            them begin anew with its windows.
        clock: returns the time in seconds.

    Raises:
        ValueError: if `every` or `tokens_per_step` is less than one; when `fit` begins, if the
            optimizer is not at `start_step`.

    Example:
        >>> import json, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = tf.ones([8, 1])
        >>> monitor = Monitor(folder, every=2, metrics_file=folder / "metrics.jsonl")
        >>> _ = model.fit(x, x, batch_size=1, callbacks=[monitor], verbose=0)
        >>> [json.loads(line)["step"] for line in (folder / "metrics.jsonl").open()]
        [2, 4, 6, 8]
    """

    def __init__(
        self,
        folder: str | Path,
        every: int = 50,
        *,
        tokens_per_step: int | None = None,
        start_step: int | None = None,
        histograms: bool = False,
        options_text: str | None = None,
        samples: Callable[[], str] | None = None,
        metrics_file: str | Path | None = None,
        writes: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1 step, received {every}.")
        if tokens_per_step is not None and tokens_per_step < 1:
            raise ValueError(f"`tokens_per_step` must be at least 1, received {tokens_per_step}.")
        self.folder = Path(folder)
        self.every = every
        self.tokens_per_step = tokens_per_step
        self.start_step = start_step
        self.histograms = histograms
        self.options_text = options_text
        self.samples = samples
        self.metrics_file = Path(metrics_file) if metrics_file is not None and writes else None
        self.writes = writes
        self.clock = clock
        self._stopwatch = Stopwatch(clock)
        self._options_are_written = False
        self._writers = {}

    def on_train_begin(self, logs: Mapping | None = None) -> None:
        """Takes back what is after the step to start from, and writes the options."""
        step = self._step()
        if self.start_step not in (None, step):
            raise ValueError(
                f"`start_step` is {self.start_step:,}, but the optimizer has taken {step:,} steps: "
                "restore the checkpoint before `fit`, or leave `start_step` out."
            )
        self.start_step = None  # A second `fit` starts elsewhere.
        if self.metrics_file is not None:
            self.metrics_file.parent.mkdir(parents=True, exist_ok=True)
            rewind_metrics(self.metrics_file, step)
            self._lines = MetricsFile(self.metrics_file)
        repeated = () if self._options_are_written else (OPTIONS_TAG,)
        for split in ("train", "heldout") if self.writes else ():
            rewind_events(self.folder / split, step, tags_from_step=repeated)
            self._writers[split] = tf.summary.create_file_writer(str(self.folder / split))
        if self.writes and self.options_text is not None and not self._options_are_written:
            self._write_text("train", OPTIONS_TAG, self.options_text, step)
        self._options_are_written = True
        self._written_step = step  # where the last window ended
        self._latest_step, self._latest_logs = step, {}  # after the last batch
        self._reset_is_due = False
        self._has_compiled = False
        self._restart_stopwatch(step)

    def on_epoch_begin(self, epoch: int, logs: Mapping | None = None) -> None:
        """Starts a window: `fit` has just reset the metrics."""
        self._restart_stopwatch(self._step())

    def on_train_batch_begin(self, batch: int, logs: Mapping | None = None) -> None:
        """Resets the metrics if a window ended before this batch."""
        # Not as soon as the window ends: after the last batch `fit` reads the metrics once more.
        if self._reset_is_due:
            self.model.reset_metrics()
            self._reset_is_due = False

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        """Ends the window if the step has passed a multiple of `every`."""
        self._latest_step, self._latest_logs = self._step(), dict(logs or {})
        if self._latest_step // self.every > self._written_step // self.every:
            self._end_window(self._latest_step, self._latest_logs)
            self._reset_is_due = True
        if not self._has_compiled:
            self._has_compiled = True
            self._restart_stopwatch(self._latest_step)

    def on_test_begin(self, logs: Mapping | None = None) -> None:
        """Holds the stopwatch."""
        self._stopwatch.hold()

    def on_test_end(self, logs: Mapping | None = None) -> None:
        """Lets the stopwatch go on."""
        self._stopwatch.go_on()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Ends the window, and writes what was found on held-out data."""
        logs = {} if logs is None else logs
        # At the end of data of unknown length `fit` begins a batch that is not there, which resets
        # or spoils the metrics before `fit` reads them (and counts as a step of the optimizer).
        # All callbacks share this dict: put it right.
        logs.update(self._latest_logs)
        step = self._latest_step
        if step > self._written_step:
            self._end_window(step, self._latest_logs)
        held_out = held_out_logs(logs)
        if held_out:
            self._write("heldout", held_out, step)
            if self.writes and self.samples is not None:
                self._write_text("heldout", SAMPLES_TAG, self.samples(), step)
        if self.writes and self.histograms:
            with self._events("train", step):
                for weight in self.model.trainable_weights:
                    tf.summary.histogram(weight.path, tf.cast(weight.numpy(), tf.float32))

    def on_train_end(self, logs: Mapping | None = None) -> None:
        """Closes the event files."""
        for writer in self._writers.values():
            with _training_goes_on():
                writer.close()

    def _step(self) -> int:
        # Batches are not counted: a call may run several (`steps_per_execution`), and a step may
        # take several (gradient accumulation).
        return int(self.model.optimizer.iterations.numpy())

    def _restart_stopwatch(self, step: int) -> None:
        self._stopwatch = Stopwatch(self.clock)
        self._timed_from = step

    def _end_window(self, step: int, logs: Mapping) -> None:
        numbers = dict(logs)
        numbers.setdefault("learning_rate", float(self.model.optimizer.learning_rate.numpy()))
        has_timed = self._has_compiled and step > self._timed_from
        if self.tokens_per_step is not None and has_timed:
            tokens = (step - self._timed_from) * self.tokens_per_step
            numbers["tokens_per_second"] = tokens / self._stopwatch.seconds
        self._write("train", numbers, step)
        self._written_step = step
        self._restart_stopwatch(step)

    def _write(self, split: str, numbers: Mapping[str, float], step: int) -> None:
        if not self.writes:
            return
        with self._events(split, step):
            for name, value in numbers.items():
                tf.summary.scalar(name, value)
        if self.metrics_file is not None:
            finite = {name: x if math.isfinite(x) else None for name, x in numbers.items()}
            line = json.dumps({"step": step, "split": split, **finite}, allow_nan=False)
            self._lines.append(line)

    def _write_text(self, split: str, tag: str, markdown: str, step: int) -> None:
        with self._events(split, step):
            tf.summary.text(tag, markdown)

    @contextlib.contextmanager
    def _events(self, split: str, step: int) -> Iterator[None]:
        # The end of the inner block flushes: nothing is lost if the run is killed.
        with _training_goes_on(), self._writers[split].as_default(step):
            yield


@contextlib.contextmanager
def _training_goes_on() -> Iterator[None]:
    """Warns where events cannot be written, as on a full disk."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.strip().splitlines()[0].split("}} ")[-1]
        logger.warning("TensorBoard lacks events that could not be written: %s.", reason)
