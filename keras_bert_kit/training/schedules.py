"""Learning rates as functions of the step."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Up in a straight line to `peak`, then down in a straight line to zero.

    `peak * min((step + 1) / warmup_steps, (total_steps - step) / (total_steps - warmup_steps))`.
    The original code's decay starts at step 0, so that its rate jumps down where warm-up ends;
    here the two lines meet.

    Args:
        peak: the highest learning rate.
        warmup_steps: number of steps on the way up.
        total_steps: the step at which the rate reaches zero.

    Raises:
        ValueError: if the warm-up is not shorter than the whole.

    Example:
        >>> schedule = LinearWarmupDecay(1.0, warmup_steps=2, total_steps=6)
        >>> [float(schedule(step)) for step in range(7)]
        [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]

    Reference:
        BERT, appendix A.2, https://arxiv.org/abs/1810.04805
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int):
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "`warmup_steps` must be at least 0 and less than `total_steps`; received "
                f"warmup_steps={warmup_steps} and total_steps={total_steps}."
            )
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        """The learning rate of step number `step`, counted from 0; a float32 scalar."""
        step = ops.cast(step, "float32")
        up = (step + 1.0) / max(self.warmup_steps, 1)
        down = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(up, down), 0.0, 1.0)

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
