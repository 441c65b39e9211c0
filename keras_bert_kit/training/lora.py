"""LoRA: instead of a matrix, two thin ones are trained whose product is added to it."""

import keras
import numpy as np

from keras_bert_kit.training.freezing import encoder_layers, log_trained_parameters

LAYERS = ("query_key_value", "output_projection", "intermediate")


def add_lora(
    model: keras.Model,
    rank: int = 8,
    alpha: float | None = None,
    layers: tuple[str, ...] = LAYERS,
) -> int:
    """Adds `alpha / rank A B` to matrices of every block and freezes the rest of the encoder.

    `B` is zero at first, so that the model computes what it did. Heads and pooler are trained as
    they are, and blocks that `freeze` has frozen get nothing. Call it before `compile`; afterwards
    `merge_lora` makes a plain model of it.

    Args:
        model: an `Encoder`, or the model of a task, with its pre-trained weights.
        rank: width of the thin matrices.
        alpha: strength of what is added; by default `rank`.
        layers: names of the dense layers of a block that get it, if need be with the part they are
            in: `"attention/output_projection"`.

    Returns:
        The number of parameters that are trained.

    Raises:
        ValueError: if there is no layer of a name, or all are frozen, `rank` is less than 1, the
            model has LoRA already, or its optimizer has begun.

    Reference:
        https://arxiv.org/abs/2106.09685
    """
    if rank < 1:
        raise ValueError(f"`rank` must be at least 1; received {rank}.")
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        raise ValueError(
            "`add_lora` was called after the optimizer had begun, which does not know the new "
            "matrices. Add them first, then `compile`."
        )
    found = _dense_layers(model)
    if any(layer.lora_enabled for layer in found.values()):
        raise ValueError("This model has LoRA already; `merge_lora` makes a plain model of it.")
    chosen = {name: [p for p in found if p.endswith(f"/{name}")] for name in layers}
    unknown = [name for name, paths in chosen.items() if not paths]
    if unknown:
        there = sorted({path.split("/", 1)[1] for path in found})
        raise ValueError(f"`layers` names {unknown}, but a block has only {there}.")
    paths = [path for path in found if any(path in p for p in chosen.values())]
    thawed = [found[path] for path in paths if found[path].trainable]
    if not thawed:
        raise ValueError("Every block is frozen, so that none gets LoRA: freeze fewer of them.")
    for layer in encoder_layers(model):
        for variable in layer.weights:
            variable.trainable = False
    for layer in thawed:
        layer.enable_lora(rank, alpha)
    return log_trained_parameters(model)


def merge_lora(model: keras.Model, into: keras.Model | None = None) -> keras.Model:
    """A plain model that computes the same, with what was trained added to the matrices.

    Args:
        model: what `add_lora` was given; one without LoRA is copied.
        into: what an earlier call made of the model, to be given the weights of now.

    Returns:
        `into`, or a new model of the same class, not compiled.
    """
    values = {weight.path: np.asarray(weight.value) for weight in model.weights}
    for layer in _dense_layers(model).values():
        if layer.lora_enabled:
            # Not `layer.kernel`, which in mixed precision has the digits of bfloat16 only
            product = np.asarray(layer.lora_kernel_a) @ np.asarray(layer.lora_kernel_b)
            (kernel,) = (w for w in layer.weights if w.name == "kernel")
            values[kernel.path] += layer.lora_alpha / layer.lora_rank * product
    plain = into or type(model).from_config(model.get_config())
    for weight in plain.weights:
        weight.assign(values[weight.path])
    return plain


def _dense_layers(model) -> dict[str, keras.layers.Dense]:
    """The dense layers of all blocks, by paths such as `block_0/attention/query_key_value`."""
    return {
        f"{block.name}/{part.name}/{layer.name}": layer
        for block in encoder_layers(model)[1:]
        for part in (block.attention, block.feed_forward)
        for layer in part._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.Dense)
    }
