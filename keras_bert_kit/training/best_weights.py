"""Early stopping that outlasts a kill: the best weights and what was decided lie on the disk."""

import json
import logging
import math
import zipfile
from pathlib import Path

import keras
import numpy as np

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.training.strategy import value_of_chief, wait_for_all

logger = logging.getLogger(__name__)
STATE = "best.json"


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the best evaluation, and stops where none has been better for long.

    What it has seen is in `best.json`, the weights in the `.npz` file that is named there. A run
    that was killed and goes on from a checkpoint forgets the evaluations after that and makes them
    again, so that it decides as if it had never stopped.

    Args:
        monitor: name of the measure in the logs of an epoch.
        mode: `"max"` if more is better, `"min"` if less is.
        patience: after how many evaluations in a row without a better one training stops; none for
            never.
        folder: where the files go.
        restore: whether the end of `fit` puts the best weights into the model. Where `fit` is
            called several times, let it be false and call `restore_best` after the last.
        writes: whether this process writes the files; of several workers one does, and all read.

    Attributes:
        best: the best value so far, none before there is one.
        best_step: the step that it was measured at.
        stopped: whether patience is at its end.

    Raises:
        ValueError: if `mode` is none, `patience` is less than 1, the measure is not in the logs, or
            the folder is of another measure.
    """

    def __init__(
        self,
        monitor: str,
        mode: str,
        patience: int | None,
        folder: str | Path,
        restore: bool = True,
        writes: bool = True,
    ):
        super().__init__()
        if mode not in ("max", "min"):
            raise ValueError(f"`mode` must be 'max' or 'min'; received {mode!r}.")
        if patience is not None and patience < 1:
            raise ValueError(f"`patience` must be at least 1, or none; received {patience}.")
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.folder = Path(folder)
        self.restore = restore
        self.writes = writes
        self.best = self.best_step = None
        self._steps_since = []  # of the evaluations after the best

    @property
    def stopped(self) -> bool:
        """Whether there have been as many evaluations without a better one as `patience` says."""
        return self.patience is not None and len(self._steps_since) >= self.patience

    def on_train_begin(self, logs=None):
        """Takes up what is on the disk, as far as the step that training goes on from."""
        wait_for_all(self.model.distribute_strategy)  # for what an earlier `fit` has written
        self.resume(int(self.model.optimizer.iterations.numpy()))
        self.model.stop_training = self.stopped

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the measure."""
        logs = logs or {}
        if self.monitor not in logs:
            raise ValueError(
                f"`monitor` is {self.monitor!r}, but the logs have only "
                f"{', '.join(sorted(logs)) or 'nothing'}. Name one of these, or put the callback "
                "that measures before this one."
            )
        step = int(self.model.optimizer.iterations.numpy())
        # Two machines may round differently, but have to stop together.
        value = value_of_chief(self.model.distribute_strategy, float(logs[self.monitor]))
        if self._is_better(value) or (step == self.best_step and value == self.best):
            self._keep(step, value)
        elif self.best_step is None or step > self.best_step:
            if math.isnan(value):
                logger.warning("%s is not a number at step %d.", self.monitor, step)
            self._steps_since.append(step)
        self._write_state()
        if self.stopped:
            logger.info(
                "Stopped at step %d: the best %s is %s, of step %s.",
                step,
                self.monitor,
                self.best,
                self.best_step,
            )
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """Puts the best weights into the model."""
        if self.restore:
            self.restore_best()

    def resume(self, step: int) -> None:
        """Takes up what is on the disk, without the evaluations after `step`.

        To ask before `fit` whether a run had `stopped`.

        Args:
            step: the step that training goes on from; at 0 it begins anew.
        """
        path = self.folder / STATE
        self.best = self.best_step = None
        self._steps_since = []
        if step == 0 or not path.exists():
            return
        state = json.loads(path.read_text(encoding="utf-8"))
        if (state["monitor"], state["mode"]) != (self.monitor, self.mode):
            raise ValueError(
                f"{path} is of the {state['mode']}imum of {state['monitor']}, not of the "
                f"{self.mode}imum of {self.monitor}. Choose another folder, or remove that one."
            )
        # A best that came after `step` stays: its weights are there, and it will come again.
        self.best, self.best_step = state["best"], state["best_step"]
        self._steps_since = [s for s in state["steps_since"] if s <= step]

    def restore_best(self, model: keras.Model | None = None) -> None:
        """Puts the best weights into the model; without any, it stays as it is and that is logged.

        Args:
            model: the model; by default the one in training.

        Raises:
            ValueError: if the file cannot be read or is of another model.
        """
        model = model or self.model
        wait_for_all(model.distribute_strategy)  # for the file
        if self.best_step is None:
            logger.warning("%s never was a number: no best weights to restore.", self.monitor)
            return
        path = self._weights_file(self.best_step)
        try:
            with np.load(path) as saved:
                values = [saved[f"{index:04d}"] for index in range(len(saved.files))]
            model.set_weights(values)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"The best weights in {path} cannot be put into this model ({error}). Remove "
                "the folder to begin anew."
            ) from error

    def _is_better(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        return value > self.best if self.mode == "max" else value < self.best

    def _keep(self, step: int, value: float) -> None:
        """Writes the weights, then what names them, then removes those that are named no more."""
        self.best, self.best_step, self._steps_since = value, step, []
        if not self.writes:
            return
        weights = {f"{i:04d}": value for i, value in enumerate(self.model.get_weights())}
        write_atomically(self._weights_file(step), lambda file: np.savez(file, **weights))
        self._write_state()
        for old in self.folder.glob("best-*.npz"):
            if old != self._weights_file(step):
                old.unlink()

    def _weights_file(self, step: int) -> Path:
        return self.folder / f"best-{step:09d}.npz"

    def _write_state(self) -> None:
        if not self.writes:
            return
        state = {
            "monitor": self.monitor,
            "mode": self.mode,
            "best": self.best,
            "best_step": self.best_step,
            "evaluations_without_improvement": len(self._steps_since),
            "steps_since": self._steps_since,
        }
        write_atomically(
            self.folder / STATE, lambda file: file.write(json.dumps(state, indent=1).encode())
        )
