"""The weights of a Keras model as a source of weights for another one."""

import keras
import numpy as np
import tensorflow as tf

from keras_bert_kit.convert.weights import Layout


class Variables:
    """The weights of a model by their paths; a `TensorSource`.

    Args:
        model: the model.
        let_go: whether the model gives up the memory of each weight once it has been read: it is
            of no use afterwards, and two models need no more room than one.
    """

    def __init__(self, model: keras.Model, let_go: bool = False):
        self._variables = {weight.path: weight for weight in model.weights}
        self._let_go = let_go

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

    def read(self, name: str, rows: slice | None = None) -> tf.Tensor:
        """The values of a weight, or some of its rows."""
        variable = self._variables[name]
        values = tf.convert_to_tensor(variable.value)
        if self._let_go:
            variable.assign(tf.raw_ops.Empty(shape=variable.shape, dtype=values.dtype))
        return values if rows is None else values[rows]


# Of weights that are kept as ours are.
IDENTITY = Layout(
    shape=lambda path, shape: tuple(shape),
    to_ours=lambda path, values: values,
    to_file=lambda path, values: values,
)
