"""Losses as sums over sums: the weighted sum of the terms over the sum of their weights.

A batch of masked-token predictions has another number of real predictions every time. Dividing by
the number of slots, as Keras does by default, weighs a prediction less when its batch has more
padding; dividing by the sum of weights makes every prediction count the same.

All losses here take logits. Each gives one term for each row of a text task and for each token of
a token task, so that the weights of a batch are one number a row, or a token, in every task.
"""

import keras
from keras import ops

if keras.config.backend() == "tensorflow":
    from keras_bert_kit.compiled import has_cpus_only
    from keras_bert_kit.training.cross_entropy import terms_on_cpus
else:

    def has_cpus_only():
        """Not asked: other backends have losses of their own."""
        return False


MEAN = "mean_with_sample_weight"


def cross_entropy(label_smoothing: float = 0.0) -> keras.losses.Loss:
    """The mean over weights of `-log softmax(logits)[label]`, in nats.

    Args:
        label_smoothing: share of each label that is spread evenly over all classes, against
            overconfidence.

    Raises:
        ValueError: if `label_smoothing` is not at least 0 and less than 1.
    """
    _check_smoothing(label_smoothing)
    return SmoothedCrossEntropy(label_smoothing) if label_smoothing else CrossEntropy()


def focal_cross_entropy(gamma: float = 2.0) -> keras.losses.Loss:
    """The mean over weights of `-(1 - p)^gamma log p`, `p = softmax(logits)[label]`.

    Args:
        gamma: how much less a row counts that the model is already right about; 0 is the
            cross-entropy.

    Raises:
        ValueError: if `gamma` is negative.
    """
    return FocalCrossEntropy(gamma)


def binary_cross_entropy(label_smoothing: float = 0.0) -> keras.losses.Loss:
    """For several labels a row: the mean over the classes of the cross-entropy of each, yes or no.

    Takes labels `(B, C)` of 0 and 1, and logits `(B, C)`; one term for each row.

    Args:
        label_smoothing: share of each label that becomes one half.

    Raises:
        ValueError: if `label_smoothing` is not at least 0 and less than 1.
    """
    _check_smoothing(label_smoothing)
    return keras.losses.BinaryCrossentropy(
        from_logits=True, label_smoothing=label_smoothing, reduction=MEAN
    )


def binary_focal_cross_entropy(gamma: float = 2.0) -> keras.losses.Loss:
    """As `binary_cross_entropy`, each term times `(1 - p)^gamma`, `p` that of the right answer.

    Raises:
        ValueError: if `gamma` is negative.
    """
    return BinaryFocalCrossEntropy(gamma)


def squared_error() -> keras.losses.Loss:
    """The mean over weights of `(label - prediction)^2`, for values `(B,)` and outputs `(B, 1)`."""
    return SquaredError()


def cross_entropy_terms(labels, logits):
    """`-log softmax(logits)[label]`, in nats, for any number of classes.

    On a CPU the gradient is written out: it needs the probabilities and no more, which the forward
    pass has. Over a vocabulary, TensorFlow's own takes three times as long there. GPUs and TPUs
    have a kernel for all of it.

    Args:
        labels: `(...)`, or `(..., 1)`, in `[0, C)`. Others are an error, or give no number.
        logits: `(..., C)`, float32.

    Returns:
        `(...)`, of the type of `logits`.
    """
    *shape, num_classes = ops.shape(logits)  # of spans, whose classes are tokens, it varies
    labels, logits = ops.reshape(labels, (-1,)), ops.reshape(logits, (-1, num_classes))
    if has_cpus_only():
        terms = terms_on_cpus(labels, logits)
    else:
        terms = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return ops.reshape(terms, shape)


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class CrossEntropy(keras.losses.Loss):
    """What `cross_entropy()` gives; see there."""

    def __init__(self, reduction=MEAN, name="cross_entropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Maps labels `(...)` and logits `(..., C)` to terms `(...)`."""
        return cross_entropy_terms(y_true, y_pred)


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SmoothedCrossEntropy(keras.losses.Loss):
    """What `cross_entropy(label_smoothing)` gives; see there.

    `(1 - s) (-log p[label]) + s mean_c(-log p[c])`, `p = softmax(logits)`.

    Reference:
        https://arxiv.org/abs/1512.00567, section 7
    """

    def __init__(self, label_smoothing, reduction=MEAN, name="smoothed_cross_entropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)
        _check_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Maps labels `(...)` and logits `(..., C)` to terms `(...)`."""
        of_label = cross_entropy_terms(y_true, y_pred)
        of_all = ops.logsumexp(y_pred, axis=-1) - ops.mean(y_pred, axis=-1)
        return (1 - self.label_smoothing) * of_label + self.label_smoothing * of_all

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class FocalCrossEntropy(keras.losses.Loss):
    """What `focal_cross_entropy` gives; see there.

    Reference:
        https://arxiv.org/abs/1708.02002, section 3.2
    """

    def __init__(self, gamma=2.0, reduction=MEAN, name="focal_cross_entropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)
        if gamma < 0:
            raise ValueError(f"`gamma` must be at least 0; received {gamma}.")
        self.gamma = gamma

    def call(self, y_true, y_pred):
        """Maps labels `(...)` and logits `(..., C)` to terms `(...)`."""
        return _focused(cross_entropy_terms(y_true, y_pred), self.gamma)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class BinaryFocalCrossEntropy(FocalCrossEntropy):
    """What `binary_focal_cross_entropy` gives; see there."""

    def __init__(self, gamma=2.0, reduction=MEAN, name="binary_focal_cross_entropy", **kwargs):
        super().__init__(gamma, reduction, name, **kwargs)

    def call(self, y_true, y_pred):
        """Maps labels and logits `(B, C)` to terms `(B,)`."""
        labels = ops.cast(y_true, y_pred.dtype)
        terms = ops.binary_crossentropy(labels, y_pred, from_logits=True)
        return ops.mean(_focused(terms, self.gamma), axis=-1)


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class SquaredError(keras.losses.Loss):
    """What `squared_error` gives; see there.

    Keras's `MeanSquaredError` squeezes outputs `(B, 1)` for labels `(B,)` and then takes the mean
    over the rows, before any weight.
    """

    def __init__(self, reduction=MEAN, name="squared_error", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Maps values `(B,)` or `(B, 1)` and outputs `(B, 1)` to terms `(B,)`."""
        return squared_errors(y_true, y_pred)


@keras.saving.register_keras_serializable(package="keras_bert_kit")
def squared_errors(y_true, y_pred):
    """The square of the error of each row, `(B,)`.

    Args:
        y_true: `(B,)` or `(B, 1)`.
        y_pred: `(B, 1)`.

    Raises:
        ValueError: if there is more than one output a row.
    """
    return ops.square(_errors(y_true, y_pred))


@keras.saving.register_keras_serializable(package="keras_bert_kit")
def absolute_errors(y_true, y_pred):
    """The size of the error of each row, `(B,)`; arguments as those of `squared_errors`."""
    return ops.abs(_errors(y_true, y_pred))


def weighted_sums(values, weights=None):
    """The numerator and the denominator of a weighted mean.

    Args:
        values: a tensor of any shape.
        weights: a tensor of the same shape, one weight a value; none means all ones.

    Returns:
        Two float32 scalars, `sum(values * weights)` and `sum(weights)`.

    Raises:
        ValueError: if `weights` has not as many axes as `values`.

    Example:
        >>> numerator, denominator = weighted_sums(ops.array([2.0, 4.0]), ops.array([1.0, 0.0]))
        >>> float(numerator), float(denominator)
        (2.0, 1.0)
    """
    values = ops.cast(values, "float32")
    weights = ops.ones_like(values) if weights is None else ops.cast(weights, "float32")
    if len(weights.shape) != len(values.shape):
        raise ValueError(
            "There must be one weight for each term of a loss; received weights of shape "
            f"{tuple(weights.shape)} for terms of shape {tuple(values.shape)}. Repeat a row's "
            "weight for each of its terms."
        )
    return ops.sum(values * weights), ops.sum(weights)


def _focused(terms, gamma):
    """`(1 - p)^gamma` times the terms `-log p`."""
    # Where p is 1 the slope of a root would be infinite, and its product with a term of 0 no number
    wrongness = ops.maximum(-ops.expm1(-terms), 1e-7)
    return ops.power(wrongness, gamma) * terms


def _errors(y_true, y_pred):
    if len(y_pred.shape) != 2 or y_pred.shape[-1] != 1:
        raise ValueError(
            "A value is predicted by one output a row, of shape (B, 1); received outputs of shape "
            f"{tuple(y_pred.shape)}. Build the model with `num_classes=1`."
        )
    return ops.reshape(ops.cast(y_true, y_pred.dtype), (-1,)) - ops.reshape(y_pred, (-1,))


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"`label_smoothing` must be at least 0 and less than 1; received {label_smoothing}."
        )
