"""The weights of a Keras model as a source of weights for another one."""

import keras
import numpy as np

from keras_bert_kit.convert.weights import Layout


class Variables:
    """The weights of a model by their paths; a `TensorSource`.

    Args:
        model: the model.
    """

    def __init__(self, model: keras.Model):
        self._variables = {weight.path: weight for weight in model.weights}

    def names(self) -> tuple[str, ...]:
        """The paths of the weights."""
        return tuple(self._variables)

    def __contains__(self, name: str) -> bool:
        """Whether there is a weight of the path `name`."""
        return name in self._variables

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a weight."""
        return tuple(self._variables[name].shape)

    def dtype(self, name: str) -> np.dtype:
        """The type of a weight."""
        return np.dtype(self._variables[name].dtype)

    def read(self, name: str, rows: slice | None = None) -> np.ndarray:
        """The values of a weight, or some of its rows."""
        values = np.asarray(self._variables[name].value)
        return values if rows is None else values[rows]


# Of weights that are kept as ours are.
IDENTITY = Layout(
    shape=lambda path, shape: tuple(shape),
    to_ours=lambda path, values: values,
    to_file=lambda path, values: values,
)
