"""`fit` by steps: to a given step, from any other, with an evaluation at every round number."""

from collections.abc import Callable, Sequence

import keras

from keras_bert_kit.training.blow_ups import BlowUp


def fit_steps(
    model: keras.Model,
    batches: Callable[[int], object],
    total_steps: int,
    evaluate_every: int,
    validation_data=None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_blow_up: Callable[[BlowUp], None] | None = None,
) -> None:
    """Trains a compiled model from the step its optimizer is at up to `total_steps`.

    An epoch of Keras is a period of `evaluate_every` steps. A run that goes on in the middle of a
    period first finishes it, so that evaluations fall on the same steps as if it had never stopped.

    Args:
        model: the compiled model.
        batches: gives the dataset of batches from a step on, for instance
            `PretrainingData.dataset`.
        total_steps: the step to end at.
        evaluate_every: steps between two evaluations.
        validation_data: what to evaluate on.
        callbacks: Keras callbacks.
        on_blow_up: called when one of these raises `BlowUp`, to put the model back to an earlier
            step; training goes on from there. Without it the error is raised.
    """
    while True:
        try:
            return _fit_on(model, batches, total_steps, evaluate_every, validation_data, callbacks)
        except BlowUp as blow_up:
            if on_blow_up is None:
                raise
            on_blow_up(blow_up)


def _fit_on(model, batches, total_steps, evaluate_every, validation_data, callbacks) -> None:
    begin = int(model.optimizer.iterations.numpy())
    if begin % evaluate_every and begin < total_steps:
        # Keras makes some metrics with their first batch, but those of a checkpoint that was taken
        # in this period are put in before it.
        model.evaluate(batches(begin), steps=1, verbose=0)
    for start, length, count in periods(begin, total_steps, evaluate_every):
        epoch = start // evaluate_every
        model.fit(
            batches(start),
            initial_epoch=epoch,
            epochs=epoch + count,
            steps_per_epoch=length,
            validation_data=validation_data,
            callbacks=list(callbacks),
            shuffle=False,
            verbose=0,
        )
        if model.stop_training:  # a callback has had enough; the next `fit` would forget it
            return


def periods(start: int, stop: int, every: int) -> list[tuple[int, int, int]]:
    """Cuts the steps from `start` to `stop` at the multiples of `every`.

    Returns:
        Runs of periods of one length: (first step, steps in a period, number of periods).

    Example:
        >>> periods(3, 25, 10)
        [(3, 7, 1), (10, 10, 1), (20, 5, 1)]
        >>> periods(0, 40, 10)
        [(0, 10, 4)]
    """
    runs: list[tuple[int, int, int]] = []
    while start < stop:
        length = min(every - start % every, stop - start)
        if runs and runs[-1][1] == length:
            runs[-1] = (runs[-1][0], length, runs[-1][2] + 1)
        else:
            runs.append((start, length, 1))
        start += length
    return runs
