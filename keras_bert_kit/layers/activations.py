"""GELU in its two forms: the exact one, and the approximation that some models have."""

import math

import keras
from keras import ops

if keras.config.backend() == "tensorflow":
    from keras_bert_kit import compiled
else:
    compiled = None


@keras.saving.register_keras_serializable(package="keras_bert_kit", name="gelu")
def gelu(x):
    """The exact Gaussian error linear unit, `x Phi(x)`; same shape and type as `x`.

    Written with `erf`: Keras's own exact form uses `erfc`, which has no ONNX counterpart.

    Reference:
        https://arxiv.org/abs/1606.08415
    """
    return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))


@keras.saving.register_keras_serializable(package="keras_bert_kit", name="gelu_approximate")
def gelu_approximate(x):
    """GELU by its approximation with tanh, up to 5e-4 off; same shape and type as `x`.

    Google's later code and KerasHub compute BERT so; Transformers calls it `gelu_new` and
    `gelu_pytorch_tanh`.

    Reference:
        https://arxiv.org/abs/1606.08415, section 2
    """
    return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


ACTIVATIONS = {"gelu": gelu, "gelu_approximate": gelu_approximate}
# For training only: what is exported has none of XLA's functions in it.
IN_ONE_PASS = (
    {} if compiled is None else {n: compiled.in_one_pass(ACTIVATIONS[n]) for n in ACTIVATIONS}
)


def activation(name: str):
    """The activation of the feed-forward parts by its name.

    Raises:
        ValueError: if there is no such activation.

    Example:
        >>> round(float(activation("gelu")(ops.array([1.0]))[0]), 5)
        0.84134
    """
    if name not in ACTIVATIONS:
        raise ValueError(
            f"`activation` must be one of {', '.join(ACTIVATIONS)}; received {name!r}."
        )
    return ACTIVATIONS[name]


def activate(x, name: str, training: bool | None = None):
    """`activation(name)(x)`; in training, of large tensors, in one pass over memory."""
    if training and name in IN_ONE_PASS and compiled.pays_off(x):
        return IN_ONE_PASS[name](x)
    return activation(name)(x)
