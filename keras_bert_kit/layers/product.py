"""A product of matrices that reads one of them by its rows."""

import keras
from keras import ops

if keras.config.backend() == "tensorflow":
    from keras_bert_kit.products import times_transposed
else:

    def times_transposed(a, b):
        """Maps `(..., M, D)` and `(..., N, D)` to `(..., M, N)`."""
        return ops.matmul(a, ops.swapaxes(b, -1, -2))
