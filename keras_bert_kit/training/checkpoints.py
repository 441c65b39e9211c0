"""Checkpoints that a killed run goes on from: weights, optimizer, random seeds and the step."""

import signal
import zipfile
from pathlib import Path

import keras
import numpy as np

from keras_bert_kit.atomic_file import write_atomically


class Checkpoints:
    """A folder of checkpoints, each one `.npz` file of all variables.

    A file appears under its name only when it is whole and on the disk: a full disk or a kill
    leaves the checkpoints that were there.

    Args:
        folder: where the files go.
        keep: how many of the newest are kept.
    """

    def __init__(self, folder: str | Path, keep: int = 2):
        self.folder = Path(folder)
        self.keep = keep

    def save(self, model: keras.Model) -> Path:
        """Writes the state of a compiled model and its optimizer; returns the file.

        Raises:
            OSError: if it cannot be written; nothing half-written is left.
        """
        step = int(model.optimizer.iterations)
        path = self.folder / f"step-{step:09d}.npz"
        state = {key: np.asarray(variable) for key, variable in _state(model).items()}
        write_atomically(path, lambda file: np.savez(file, **state))
        for old in self.paths()[: -self.keep]:
            old.unlink()
        return path

    def paths(self) -> list[Path]:
        """All checkpoints, the oldest first."""
        return sorted(self.folder.glob("step-*.npz"))

    def restore(self, model: keras.Model) -> int:
        """Puts the newest checkpoint, if there is one, into a compiled model.

        Returns:
            The step that training goes on from, 0 without a checkpoint.

        Raises:
            ValueError: if the checkpoint is of another model or cannot be read.
        """
        if not self.paths():
            return 0
        path = self.paths()[-1]
        model.optimizer.build(model.trainable_variables)
        state = _state(model)
        try:
            with np.load(path) as saved:
                values = {key: saved[key] for key in saved.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"The checkpoint {path} cannot be read ({error}). Remove it to go on from the one "
                "before, or from the start."
            ) from error
        shapes = {key: tuple(variable.shape) for key, variable in state.items()}
        if shapes != {key: value.shape for key, value in values.items()}:
            raise ValueError(
                f"The checkpoint {path} is of another model. Train under another name, or remove "
                "the folder to start over."
            )
        for key, variable in state.items():
            variable.assign(values[key])
        return int(model.optimizer.iterations)


class SaveCheckpoints(keras.callbacks.Callback):
    """Saves a checkpoint every so many steps, at the end, and when the run is told to stop.

    On Ctrl-C or SIGTERM the step under way is finished and saved, then `KeyboardInterrupt` is
    raised out of `fit`; a second Ctrl-C does not wait.

    Args:
        checkpoints: where to save.
        every: optimizer steps between two checkpoints.
    """

    def __init__(self, checkpoints: Checkpoints, every: int):
        super().__init__()
        self.checkpoints = checkpoints
        self.every = every
        self._signal = None
        self._previous_handlers = {}

    def on_train_begin(self, logs=None):
        """Takes over the two signals, where the interpreter lets it."""
        self._saved_step = int(self.model.optimizer.iterations)
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous_handlers[number] = signal.signal(number, self._on_signal)
            except ValueError:  # not the main thread: the signals are another's business
                return

    def on_train_batch_end(self, batch, logs=None):
        """Saves where the step passes a multiple of `every`, and on a signal."""
        # The last step of an epoch waits for its evaluation: a run that goes on behind it would
        # leave that out.
        if batch + 1 != self.params.get("steps"):
            self._save_if_due()

    def on_epoch_begin(self, epoch, logs=None):
        """Saves the last step of the epoch before, if it is due."""
        self._save_if_due()

    def on_train_end(self, logs=None):
        """Saves the last step."""
        self._save(int(self.model.optimizer.iterations))
        self._stop_if_told()
        self._give_signals_back()

    def _save_if_due(self) -> None:
        step = int(self.model.optimizer.iterations)
        if self._signal is not None or step // self.every > self._saved_step // self.every:
            self._save(step)
        self._stop_if_told()

    def _stop_if_told(self) -> None:
        if self._signal is not None:
            self._give_signals_back()
            raise KeyboardInterrupt(f"stopped by {signal.Signals(self._signal).name}")

    def _save(self, step: int) -> None:
        if step != self._saved_step:
            self.checkpoints.save(self.model)
            self._saved_step = step

    def _on_signal(self, number, frame) -> None:
        self._signal = number
        self._give_signals_back()

    def _give_signals_back(self) -> None:
        while self._previous_handlers:
            signal.signal(*self._previous_handlers.popitem())


def _state(model: keras.Model) -> dict[str, keras.Variable]:
    """All variables but those of metrics, by order: paths hold names that Keras numbers anew."""
    metrics = {id(variable) for variable in model.metrics_variables}
    groups = {
        "model": [variable for variable in model.variables if id(variable) not in metrics],
        "optimizer": model.optimizer.variables,
    }
    return {
        f"{group}/{index:04d}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
