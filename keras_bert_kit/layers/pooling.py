"""One vector for a text: the mean of those of its tokens."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class MeanPooling(keras.layers.Layer):
    """The mean over a text's tokens, `sum_t m_t h_t / sum_t m_t` with `m` the padding mask.

    The special tokens count, as in sentence-transformers.

    Example:
        >>> states = ops.array([[[1.0], [3.0], [9.0]]])
        >>> float(MeanPooling()(states, ops.array([[1, 1, 0]]))[0, 0])
        2.0

    Reference:
        Reimers and Gurevych, Sentence-BERT, https://arxiv.org/abs/1908.10084, section 3
    """

    def call(self, states, padding_mask):
        """Maps `states (B, T, D)` and `padding_mask (B, T)` to `(B, D)`."""
        # In float32: half precision loses digits where many are summed.
        weights = ops.expand_dims(ops.cast(padding_mask, "float32"), 2)  # (B, T, 1)
        total = ops.sum(ops.cast(states, "float32") * weights, axis=1)
        return ops.cast(total / ops.sum(weights, axis=1), states.dtype)

    def compute_output_shape(self, states_shape, padding_mask_shape=None):
        """`(B, D)`."""
        return (states_shape[0], states_shape[2])
