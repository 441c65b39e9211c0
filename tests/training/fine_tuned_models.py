"""A small classifier of two blocks, compiled or not, and data to fine-tune it on."""

import keras
import numpy as np
import tensorflow as tf
from reference_bert import randomize
from tiny_models import INPUTS, tiny_encoder

from keras_bert_kit.models import ClassificationModel
from keras_bert_kit.training.optimizers import AdamW

LABELS = np.array([1, 0], "int32")


def classifier(num_layers=2, **changes) -> ClassificationModel:
    """Every weight differs from its first value, and from run to run is the same."""
    keras.utils.set_random_seed(0)
    model = ClassificationModel(tiny_encoder(num_layers=num_layers, dropout=0.0, **changes), 2)
    randomize(model)
    return model


def compiled(model, run_eagerly=False, **options):
    """The model, compiled with `AdamW`."""
    optimizer = AdamW(**{"learning_rate": 0.01} | options)
    model.compile(optimizer, loss=model.losses_by_output(), run_eagerly=run_eagerly)
    return model


def data(steps: int) -> tf.data.Dataset:
    """The same two rows for so many steps."""
    weights = {"label": np.ones(2, "float32")}
    return tf.data.Dataset.from_tensors((INPUTS, {"label": LABELS}, weights)).repeat(steps)


def fit(model, steps, epochs=1, **options):
    """Trains for so many steps an epoch."""
    return model.fit(data(steps), epochs=epochs, shuffle=False, verbose=0, **options)


def values(model) -> dict[str, np.ndarray]:
    """All weights by path."""
    return {weight.path: weight.numpy() for weight in model.weights}


def moved_layers(before: dict, after: dict) -> set[str]:
    """The first parts of the paths of weights that are others now."""
    return {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}
