"""How far a student is from its teacher: logits, hidden states, attention.

`keras.distillation` has losses of this kind too, which take the mean over all tokens, padding and
masked slots without a prediction included, and no weights. These here give a term for each row or
token, so that the training step weighs them like every other loss.
"""

import keras
from keras import ops

from keras_bert_kit.training.losses import MEAN


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SoftCrossEntropy(keras.losses.Loss):
    """`T^2 KL(softmax(t / T) || softmax(s / T))`, for logits t of the teacher, s of the student.

    It is the cross-entropy with the teacher's answers less their entropy, which no student can
    change: a student that says what its teacher says has the loss 0. `T^2` keeps the size of the
    gradient.

    Args:
        temperature: T; the higher, the more the unlikely classes count.

    Reference:
        https://arxiv.org/abs/1503.02531, section 2
    """

    def __init__(self, temperature=2.0, reduction=MEAN, name="soft_cross_entropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)
        _check_temperature(temperature)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        """Maps two tensors of logits `(..., C)` to terms `(...)`."""
        teacher, student = (_log_softmax(logits, self.temperature) for logits in (y_true, y_pred))
        terms = ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
        return self.temperature**2 * terms

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SoftBinaryCrossEntropy(SoftCrossEntropy):
    """`SoftCrossEntropy` of each class by itself, yes or no, and of these the mean.

    For rows with any number of labels: the logits are those of a sigmoid.
    """

    def __init__(self, temperature=2.0, reduction=MEAN, name="soft_binary_cross_entropy", **kwargs):
        super().__init__(temperature, reduction, name, **kwargs)

    def call(self, y_true, y_pred):
        """Maps two tensors of logits `(B, C)` to terms `(B,)`."""
        # The softmax of (z, 0) is the sigmoid of z.
        teacher, student = (
            ops.stack([logits, ops.zeros_like(logits)], axis=-1) for logits in (y_true, y_pred)
        )
        return ops.mean(super().call(teacher, student), axis=-1)


def cosine_distance(y_true, y_pred):
    """`1 - cos(t, s)` of two vectors: their directions are to agree, not their lengths.

    Maps two tensors of vectors `(B, T, D)` to terms `(B, T)`.

    Reference:
        DistilBERT, https://arxiv.org/abs/1910.01108, section 2
    """
    return 1.0 + keras.losses.cosine_similarity(*_in_float32(y_true, y_pred))


def vector_error(y_true, y_pred):
    """The mean over a vector's entries of `(t - s)^2`.

    Maps two tensors of vectors `(B, T, D)` to terms `(B, T)`.

    Reference:
        TinyBERT, https://arxiv.org/abs/1909.10351, equations 8 and 9
    """
    return keras.losses.mean_squared_error(*_in_float32(y_true, y_pred))


def attention_divergence(y_true, y_pred):
    """`KL(A || B)` of what a token looks at in teacher and student, the mean over heads.

    Maps attention weights `(B, N, T, T)` of both to terms `(B, T)`, of the token that looks.

    Reference:
        MiniLM, https://arxiv.org/abs/2002.10957, equation 1
    """
    return ops.mean(keras.losses.kl_divergence(*_in_float32(y_true, y_pred)), axis=1)


def _log_softmax(logits, temperature):
    return ops.log_softmax(ops.cast(logits, "float32") / temperature, axis=-1)


def _in_float32(*tensors):
    return (ops.cast(tensor, "float32") for tensor in tensors)


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"`temperature` must be positive; received {temperature}.")
