"""Evaluates and ends with the averages of the weights that the optimizer keeps.

Keras's `SwapEMAWeights` swaps by additions, which changes the last digits of the weights, puts
zeros in before the first step, and leaves a run that goes on with the averages.
"""

import keras

from keras_bert_kit.training.optimizers import AdamW


class AveragedWeights(keras.callbacks.Callback):
    """Puts the averages of `AdamW(use_ema=True)` into the model whenever it is measured.

    That is while `fit` evaluates, and from the end of an epoch to the beginning of the next: put it
    before the callbacks that measure or keep the weights. Training itself goes on from its own.

    Args:
        keep_at_end: whether the averages stay in the model when `fit` ends. With checkpoints, or
            with several calls of `fit`, let it be false and call `use_averages` after the last.

    Raises:
        ValueError: in `fit`, if the optimizer keeps no averages.

    Example:
        >>> optimizer = AdamW(2e-5, use_ema=True, ema_momentum=0.999)
        >>> callbacks = [AveragedWeights()]

    Reference:
        https://arxiv.org/abs/1803.05407
    """

    def __init__(self, keep_at_end: bool = True):
        super().__init__()
        self.keep_at_end = keep_at_end
        self._trained = None  # the weights of training, while the averages are in the model

    def on_train_begin(self, logs=None):
        """Checks that there are averages."""
        _optimizer(self.model)

    def on_test_begin(self, logs=None):
        """Puts the averages in."""
        self._put_in()

    def on_test_end(self, logs=None):
        """Takes the averages out."""
        self._take_out()

    def on_epoch_end(self, epoch, logs=None):
        """Puts the averages in."""
        self._put_in()

    def on_epoch_begin(self, epoch, logs=None):
        """Takes the averages out."""
        self._take_out()

    def on_train_end(self, logs=None):
        """Takes the averages out, or puts them in for good."""
        self._take_out()
        if self.keep_at_end:
            use_averages(self.model)

    def _put_in(self) -> None:
        if self._trained is None:
            pairs = _optimizer(self.model).averages()
            self._trained = [(variable, variable.numpy()) for variable, _ in pairs]
            use_averages(self.model)

    def _take_out(self) -> None:
        for variable, value in self._trained or ():
            variable.assign(value)
        self._trained = None


def use_averages(model: keras.Model) -> None:
    """Overwrites the weights of a model by their averages; before the first step, nothing happens.

    Raises:
        ValueError: if the optimizer keeps no averages.
    """
    optimizer = _optimizer(model)
    if int(optimizer.iterations.numpy()) > 0:
        for variable, average in optimizer.averages():
            variable.assign(average)


def _optimizer(model: keras.Model) -> AdamW:
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not isinstance(optimizer, AdamW) or not optimizer.use_ema:
        raise ValueError(
            "Averages of the weights are kept by `keras_bert_kit.training.optimizers.AdamW` with "
            f"`use_ema=True`; this model has {type(optimizer).__name__} with "
            f"`use_ema={optimizer.use_ema}`."
        )
    return optimizer
