"""Checkpoints that a killed run goes on from as if it had never stopped."""

import logging
import signal
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from keras_bert_kit.atomic_file import UNFINISHED, write_atomically
from keras_bert_kit.training.strategy import any_worker, has_workers, wait_for_all

logger = logging.getLogger(__name__)
METRICS = "metrics"
ASK_WORKERS_EVERY = 10  # calls of a step: to ask takes a message to each worker and back
# What `np.load` raises where a file is torn or a bit of it is another: zip files have checksums.
DAMAGED = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile)


class Checkpoints:
    """A folder of checkpoints, each one `.npz` file of all variables.

    In a file are the weights, the seeds of dropout, the optimizer with its step (and the loss
    scale, if it is a `LossScaleOptimizer`), and the metrics, whose means go on where an epoch is
    cut in its middle. The position in the data is the step.

    A file appears under its name only when it is whole and on the disk: a full disk or a kill
    leaves the checkpoints that were there.

    Args:
        folder: where the files go.
        keep: how many of the newest are kept.
        writes: whether this process writes them; of several workers one does, and all read.
    """

    def __init__(self, folder: str | Path, keep: int = 2, writes: bool = True):
        self.folder = Path(folder)
        self.keep = keep
        self.writes = writes
        self._writer = ThreadPoolExecutor(1, "checkpoints")
        self._writing: Future | None = None
        self._metrics = []  # of the checkpoint that was restored, until an epoch begins

    def save(self, model: keras.Model) -> Path:
        """Writes the state of a compiled model and its optimizer; returns the file.

        Raises:
            OSError: if it cannot be written; nothing half-written is left.
        """
        self.wait()
        return self._write(*_copy(model, with_metrics=True))

    def save_in_background(self, model: keras.Model, with_metrics: bool = True) -> None:
        """Copies the state and lets a thread write it, once the save before has ended.

        What cannot be written is logged as a warning.

        Args:
            model: a compiled model.
            with_metrics: whether the metrics are those of an epoch that goes on.
        """
        self.wait()
        state = _copy(model, with_metrics)  # on all workers: metrics are summed over them
        if self.writes:
            self._writing = self._writer.submit(self._write_or_warn, *state)

    def wait(self) -> None:
        """Waits until what is saved in the background is on the disk."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def paths(self) -> list[Path]:
        """All checkpoints, the oldest first."""
        return sorted(self.folder.glob("step-*.npz"))

    def restore(self, model: keras.Model) -> int:
        """Puts the newest whole checkpoint, if there is one, into a compiled model.

        A damaged one is logged and passed over for the one before.

        Returns:
            The step that training goes on from, 0 without a checkpoint.

        Raises:
            ValueError: if the checkpoint is of another model, or all are damaged.
        """
        self.wait()
        if self.writes:
            for half_written in self.folder.glob(f"step-*{UNFINISHED}"):  # by a killed run
                half_written.unlink()
        paths = self.paths()
        for path in reversed(paths):
            try:
                with np.load(path) as saved:
                    values = {key: saved[key] for key in saved.files}
            except DAMAGED as error:
                logger.warning("The checkpoint %s cannot be read (%s): passed over.", path, error)
            else:
                return self._assign(model, values, path)
        if paths:
            raise ValueError(
                f"None of the {len(paths)} checkpoints in {self.folder} can be read. Put back a "
                "copy, or remove the folder to start over."
            )
        return 0

    def restore_metrics(self, model: keras.Model) -> None:
        """Puts in the metrics of the checkpoint that was restored, once.

        To be called when an epoch has begun: `fit` resets them there. Keras makes those that
        `compile` was given with their first batch, so `evaluate` one before; `fit_steps` does.
        """
        values, self._metrics = self._metrics, []
        variables = model.metrics_variables
        if [value.shape for value in values] == [tuple(one.shape) for one in variables]:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        elif values:
            logger.warning("The checkpoint is of other metrics: logged means begin anew.")

    def _assign(self, model: keras.Model, values: dict[str, np.ndarray], path: Path) -> int:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        state = _state(model)
        metrics = [values.pop(key) for key in sorted(values) if key.startswith(METRICS)]
        shapes = {key: tuple(variable.shape) for key, variable in state.items()}
        if shapes != {key: value.shape for key, value in values.items()}:
            raise ValueError(
                f"The checkpoint {path} is of another model. Train under another name, or remove "
                "the folder to start over."
            )
        for key, variable in state.items():
            variable.assign(values[key])
        self._metrics = metrics
        return int(model.optimizer.iterations.numpy())

    def _write(self, step: int, state: dict[str, np.ndarray]) -> Path:
        path = self._path(step)
        write_atomically(path, lambda file: np.savez(file, **state))
        # One that is ahead was passed over; it stays until this run gets there.
        for old in [one for one in self.paths() if one <= path][: -self.keep]:
            old.unlink()
        return path

    def _write_or_warn(self, step: int, state: dict[str, np.ndarray]) -> None:
        try:
            self._write(step, state)
        except OSError as error:
            whole = [one.name for one in self.paths() if one < self._path(step)]
            logger.warning(
                "Step %s is NOT saved: could not write %s (%s). Training goes on; the newest "
                "checkpoint is %s. Make room.",
                f"{step:,}",
                self._path(step),
                error.__cause__ or error,
                whole[-1] if whole else "not there yet",
            )

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:09d}.npz"


class SaveCheckpoints(keras.callbacks.Callback):
    """Saves a checkpoint every so many steps or minutes, at the end, and when told to stop.

    Training goes on while a file is written, and also when it cannot be: each time that is logged
    as a warning. The end of `fit` waits until the last is on the disk.

    On Ctrl-C or SIGTERM the step under way is finished and saved, then `KeyboardInterrupt` is
    raised out of `fit`; a second Ctrl-C does not wait. Of several workers it is enough that one
    gets the signal: every few steps they ask each other, and all stop at the same one.

    Args:
        checkpoints: where to save.
        every: optimizer steps between two checkpoints.
        minutes: a checkpoint is saved after so many minutes too, if no other was.
        clock: returns the time in seconds.

    Raises:
        ValueError: if `every` or `minutes` is not positive.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        every: int,
        minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1 step; received {every}.")
        if minutes is not None and minutes <= 0:
            raise ValueError(f"`minutes` must be positive, or left out; received {minutes}.")
        self.checkpoints = checkpoints
        self.every = every
        self.minutes = minutes
        self.clock = clock
        self._signal = None
        self._begun = 0  # batches
        self._previous_handlers = {}

    def on_train_begin(self, logs=None):
        """Takes over the two signals, where the interpreter lets it."""
        self._saved_step, self._saved_at = self._step(), self.clock()
        self._give_signals_back()  # of a `fit` that failed
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous_handlers[number] = signal.signal(number, self._on_signal)
            except ValueError:  # not the main thread: the signals are another's business
                return

    def on_epoch_begin(self, epoch, logs=None):
        """Lets the means that are logged go on where the run was stopped."""
        self.checkpoints.restore_metrics(self.model)

    def on_train_batch_begin(self, batch, logs=None):
        """Saves the steps so far, if it is due, or on a signal."""
        # Not at the end of the batch before: if an epoch ended with it, a run that goes on behind
        # it would leave its evaluation out, and if a window of logs did, begin with its means.
        self._begun += 1
        is_told = self._is_told(may_ask=self._begun % ASK_WORKERS_EVERY == 0)
        if is_told or self._is_due():
            self._save(with_metrics=True)
        if is_told:
            self._stop()

    def on_train_end(self, logs=None):
        """Saves the last step."""
        self._save(with_metrics=False)
        self.checkpoints.wait()
        if self._is_told():
            self._stop()
        self._give_signals_back()

    def _is_due(self) -> bool:
        if self._step() // self.every > self._saved_step // self.every:
            return True
        return self.minutes is not None and self.clock() - self._saved_at >= 60 * self.minutes

    def _save(self, with_metrics: bool) -> None:
        if self._step() != self._saved_step:
            self.checkpoints.save_in_background(self.model, with_metrics)
            self._saved_step, self._saved_at = self._step(), self.clock()

    def _is_told(self, may_ask: bool = True) -> bool:
        """Whether a signal has come; to several workers, to one of them."""
        strategy = self.model.distribute_strategy
        if has_workers(strategy) and not may_ask:
            return False
        return any_worker(strategy, self._signal is not None)

    def _stop(self) -> None:
        self.checkpoints.wait()
        wait_for_all(self.model.distribute_strategy)  # for the chief's file
        self._give_signals_back()
        number = self._signal or signal.SIGTERM  # that of another worker
        raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")

    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _on_signal(self, number, frame) -> None:
        self._signal = number
        self._give_signals_back()

    def _give_signals_back(self) -> None:
        while self._previous_handlers:
            signal.signal(*self._previous_handlers.popitem())


def _state(model: keras.Model) -> dict[str, keras.Variable]:
    """All variables but those of metrics, by order: paths hold names that Keras numbers anew."""
    metrics = {id(variable) for variable in model.metrics_variables}
    variables = [variable for variable in model.variables if id(variable) not in metrics]
    return _numbered("model", variables) | _numbered("optimizer", model.optimizer.variables)


def _copy(model: keras.Model, with_metrics: bool) -> tuple[int, dict[str, np.ndarray]]:
    """The step and the values of all variables, which no later step changes."""
    state = _state(model)
    if with_metrics:
        state |= _numbered(METRICS, model.metrics_variables)
    copies = {key: np.asarray(variable).copy() for key, variable in state.items()}
    return int(model.optimizer.iterations.numpy()), copies


def _numbered(group: str, variables) -> dict[str, keras.Variable]:
    return {f"{group}/{index:04d}": variable for index, variable in enumerate(variables)}
