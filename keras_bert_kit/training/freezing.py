"""Layers that are not trained: for the whole run, or until their turn comes.

What a layer learned in pre-training is worth more than what the first steps from a random head
would make of it. The pooler counts as a part of the head here: it is always trained, since models
that were not pre-trained on sentences have a new one.
"""

import logging

import keras
import numpy as np

logger = logging.getLogger(__name__)


def freeze(model: keras.Model, up_to: int | str = "all") -> int:
    """Freezes the embeddings and the first blocks of a model; call it before `compile`.

    Args:
        model: an `Encoder`, or the model of a task.
        up_to: how many blocks are frozen, counted from the first: 0 freezes the embeddings alone.
            `"all"` freezes every block, so that only heads and pooler are trained.

    Returns:
        The number of parameters that are still trained.

    Raises:
        ValueError: if there are not as many blocks, or the optimizer has begun already.
    """
    embeddings, *blocks = encoder_layers(model)
    if up_to == "all":
        up_to = len(blocks)
    if isinstance(up_to, bool) or not isinstance(up_to, int) or not 0 <= up_to <= len(blocks):
        raise ValueError(
            f"`up_to` must be 'all' or a number of blocks from 0 to {len(blocks)}; received "
            f"{up_to!r}."
        )
    if getattr(model, "train_function", None) is not None:
        raise ValueError(
            "`freeze` was called after training had begun, which would go on as before. Freeze "
            "first, then `compile`."
        )
    for layer in [embeddings, *blocks[:up_to]]:
        layer.trainable = False
    return log_trained_parameters(model)


class GradualUnfreezing(keras.callbacks.Callback):
    """Trains the head alone at first, and every so many steps one block more, from the top.

    After the first block come the embeddings. Layers that were frozen before stay so. The depth is
    told by the optimizer's step, so that a run that goes on has the right one.

    Args:
        every: optimizer steps from one block to the next; the steps of an epoch, in the paper.

    Raises:
        ValueError: if `every` is less than 1; in `fit`, if the model has LoRA, as the matrices that
            are frozen beside it would be trained.

    Reference:
        ULMFiT, section 3.3, https://arxiv.org/abs/1801.06146
    """

    def __init__(self, every: int):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1 step; received {every}.")
        self.every = every
        self._layers = None  # from the top; none until the model is known

    def on_train_begin(self, logs=None):
        """Freezes what is not to be trained at the step that the optimizer is at."""
        if self._layers is None:
            self._layers = [layer for layer in encoder_layers(self.model) if layer.trainable][::-1]
            if any(not weight.trainable for layer in self._layers for weight in layer.weights):
                raise ValueError(
                    "Gradual unfreezing trains whole layers, but this model has layers of which "
                    "only some weights are trained, as with LoRA. Choose one of the two."
                )
            if not self.model.optimizer.built:
                # Before anything is frozen: an optimizer knows only what it was built on.
                self.model.optimizer.build(self.model.trainable_variables)
        self._unfreeze()

    def on_train_batch_end(self, batch, logs=None):
        """Unfreezes the next layer where it is its turn."""
        self._unfreeze()

    def _unfreeze(self) -> None:
        """Trains as many layers as the step says, and makes the train function again."""
        count = int(self.model.optimizer.iterations.numpy()) // self.every
        wanted = [index < count for index in range(len(self._layers))]
        if wanted == [layer.trainable for layer in self._layers]:
            return
        for layer, is_trained in zip(self._layers, wanted, strict=True):
            layer.trainable = is_trained
        # The one there is was traced for the variables that were trained before.
        self.model.make_train_function(force=True)
        log_trained_parameters(self.model)


def encoder_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The embeddings and the blocks of a model, from the bottom."""
    encoder = getattr(model, "encoder", model)
    blocks = [f"block_{index}" for index in range(encoder.config["num_layers"])]
    return [encoder.get_layer(name) for name in ("embeddings", *blocks)]


def log_trained_parameters(model: keras.Model) -> int:
    """Logs how many of the parameters of a model are trained, and returns it."""
    trained, total = (
        sum(int(np.prod(variable.shape)) for variable in variables)
        for variables in (model.trainable_variables, model.weights)
    )
    logger.info("%s of %s parameters are trained.", f"{trained:,}", f"{total:,}")
    return trained
