"""Ends a training that has blown up, or takes it back and leaves out the batches that did it."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_kit.json_file import read_json, write_json
from keras_bert_kit.training.checkpoints import Checkpoints

logger = logging.getLogger(__name__)
LEFT_OUT = "left_out_batches"  # pairs of a step and a number of batches


class BlowUp(ValueError):
    """A training that does not learn any more.

    Args:
        step: the last step that was taken.
        reason: what was seen.
    """

    def __init__(self, step: int, reason: str):
        super().__init__(
            f"Training has blown up: at step {step:,} {reason}. Lower the learning rate, give it a "
            "longer warm-up, or look at the texts of these batches; `--roll-backs` goes on "
            "without them."
        )
        self.step = step
        self.reason = reason


class WatchForBlowUps(keras.callbacks.Callback):
    """Raises `BlowUp` after many steps that were skipped one after another, or at a high loss.

    Args:
        max_skipped: so many steps in a row whose gradients are not finite are a blow-up. Under
            float16 some are none, while the loss scale is still too high.
        max_loss: so is a `loss` above this, in the mean that is logged; without it none is.

    Raises:
        ValueError: if `max_skipped` is not at least 1.
    """

    def __init__(self, max_skipped: int = 50, max_loss: float | None = None):
        super().__init__()
        if max_skipped < 1:
            raise ValueError(f"`max_skipped` must be at least 1 step; received {max_skipped}.")
        self.max_skipped = max_skipped
        self.max_loss = max_loss

    def on_train_begin(self, logs: Mapping | None = None) -> None:
        """Begins to count."""
        self._step, self._sum, self._in_a_row = self._steps_taken(), 0, 0

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        """Counts, and raises."""
        step, total = self._steps_taken(), round(float(logs["skipped_steps"]))
        # A sum since the metrics were reset, which may have been before these steps.
        skipped = total - self._sum if total >= self._sum else total
        all_skipped = skipped == step - self._step
        self._in_a_row = self._in_a_row + skipped if all_skipped else 0
        self._step, self._sum = step, total
        if self._in_a_row >= self.max_skipped:
            in_a_row = f"the gradients of {self._in_a_row:,} steps in a row were not finite"
            raise BlowUp(step, in_a_row)
        loss = float(logs["loss"])
        if self.max_loss is not None and not loss <= self.max_loss:
            raise BlowUp(step, f"the loss is {loss:.4g}, above {self.max_loss:g}")

    def on_epoch_begin(self, epoch: int, logs: Mapping | None = None) -> None:
        """`fit` has reset the metrics."""
        self._sum = 0

    def _steps_taken(self) -> int:
        return int(self.model.optimizer.iterations.numpy())


class LeftOut:
    """Which batches a training leaves out, in a file beside its checkpoints.

    Step k is that of batch k, and behind those that were left out of a later one.

    Args:
        path: the file; nothing is left out if it is not there.

    Example:
        >>> import tempfile
        >>> left_out = LeftOut(Path(tempfile.mkdtemp()) / "left-out.json")
        >>> left_out.add(3, 2)  # the batches of steps 3 and 4, so that step 3 is that of batch 5
        >>> batches = left_out.of(lambda step, num_steps=None: tf.data.Dataset.range(step, 9))
        >>> [int(batch) for batch in batches(4)]
        [6, 7, 8]
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._places = read_json(self.path)[LEFT_OUT] if self.path.exists() else []

    def __len__(self) -> int:
        """How often batches were left out."""
        return len(self._places)

    def add(self, step: int, count: int) -> None:
        """Leaves out the next `count` batches at a step, beside those that are left out already."""
        self._places = sorted([*self._places, [step, count]])
        write_json(self.path, {LEFT_OUT: self._places})

    def of(self, batches: Callable) -> Callable[[int], tf.data.Dataset]:
        """A function that gives the batches from a step on, without those that are left out.

        Args:
            batches: gives all of them, as `PretrainingData.dataset(start_step, num_steps)` does.
        """

        def remaining(step: int) -> tf.data.Dataset:
            number = step + sum(count for at, count in self._places if at <= step)
            later = [at for at, _ in self._places if at > step]
            if not later:
                return batches(number)
            return batches(number, num_steps=later[0] - step).concatenate(remaining(later[0]))

        return remaining


class RollBacks:
    """Goes back to the last checkpoint and leaves out the batches since then.

    Args:
        model: the compiled model that is trained.
        checkpoints: where to go back to.
        left_out: the batches that are left out so far; each time counts, also of earlier starts.
        most: how often.
    """

    def __init__(self, model: keras.Model, checkpoints: Checkpoints, left_out: LeftOut, most: int):
        self.model = model
        self.checkpoints = checkpoints
        self.left_out = left_out
        self.most = most

    def __call__(self, blow_up: BlowUp) -> None:
        """Takes the training back.

        Raises:
            BlowUp: the one given, if that was often enough, or there is no checkpoint yet.
        """
        if len(self.left_out) >= self.most:
            raise blow_up
        step = self.checkpoints.restore(self.model)
        if step == 0:
            raise blow_up
        self.left_out.add(step, blow_up.step - step)
        logger.warning(
            "Training has blown up: at step %d %s. Back to step %d, without the %d batches since.",
            blow_up.step,
            blow_up.reason,
            step,
            blow_up.step - step,
        )
