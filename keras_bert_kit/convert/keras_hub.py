"""Models of KerasHub presets: backbones, masked-token heads and text classifiers, both ways."""

import logging
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np

from keras_bert_kit.config import EncoderConfig, encoder_config
from keras_bert_kit.convert.families import FAMILIES
from keras_bert_kit.convert.hugging_face_config import Request, read_description, write_config
from keras_bert_kit.convert.variables import Variables
from keras_bert_kit.convert.weights import (
    Layout,
    load_model,
    require_places,
    written_weights,
)
from keras_bert_kit.json_file import read_json
from keras_bert_kit.keras_hub_models import keras_hub_models
from keras_bert_kit.model_description import ModelDescription

FORMAT = "keras_hub"
# What KerasHub calls a family, and what its backbones have that no argument says.
_CLASS_PREFIXES = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}
BACKBONES = tuple(f"{prefix}Backbone" for prefix in _CLASS_PREFIXES.values())
_FIXED = {
    "bert": {"activation": "gelu_approximate"},
    "roberta": {
        "num_segments": 0,
        "layer_norm_epsilon": 1e-5,
        "position_offset": 2,
        "pooler": False,
    },
    "distilbert": {"num_segments": 0, "pooler": False},
}
_ARGUMENTS = (
    *("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "intermediate_dim"),
    *("dropout", "max_sequence_length"),
)
# KerasHub's masked-token heads are the same in all families.
_MASKED_LM_HEAD = {"head_activation": "gelu", "head_layer_norm_epsilon": 1e-5}
_TASK_CLASSES = {"pretraining": "MaskedLM", "classification": "TextClassifier"}

logger = logging.getLogger(__name__)


def read_model(
    source: str | Path, request: Request, ignore: Collection[str] = (), dtype=None
) -> tuple[keras.Model, ModelDescription]:
    """Reads the model of a KerasHub preset.

    Args:
        source: a local preset folder, or what KerasHub's `from_preset` takes: the name of a preset,
            `kaggle://...` or `hf://...`. Of those that are not local only the backbone is read.
        request: what the caller wants of it.
        ignore: beginnings of names that may be left over.
        dtype: dtype policy of the model.

    Returns:
        The model and its description.

    Raises:
        ImportError: if `keras-nlp` is not installed.
        ValueError: if KerasHub cannot read it, its model is none of ours, or its weights are not
            those of the model that is asked for; the message lists them.
    """
    models = keras_hub_models()
    hub_task = _task_of(source) if request.task != "encoder" else None
    try:
        if hub_task:
            hub_model = getattr(models, _TASK_CLASSES[hub_task]).from_preset(str(source))
            backbone = hub_model.backbone
        else:
            hub_model = backbone = models.Backbone.from_preset(str(source))
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"KerasHub cannot read {source}: {error}") from error
    family = FAMILIES[_family_of(backbone)]
    weights = Variables(hub_model, let_go=True)
    description = _describe(hub_model, backbone, family, str(source), weights, request)
    model = load_model(
        description,
        weights,
        family,
        FORMAT,
        _layout(description.encoder),
        str(source),
        initialize=request.initialize,
        ignore=ignore,
        dtype=dtype,
    )
    return model, description


def write_model(model: keras.Model, folder: Path, leave_out: Collection[str] = ()) -> None:
    """Writes a model as a KerasHub preset, a backbone or a task, without a tokenizer.

    Args:
        model: an `Encoder` or the model of a task.
        folder: where to write; it is made if need be.
        leave_out: beginnings of paths of weights that may be lost.

    Raises:
        ImportError: if `keras-nlp` is not installed.
        ValueError: if KerasHub has no such model, or no place for one of its weights.
        OSError: if a file cannot be written.
    """
    save_preset(to_keras_hub(model, leave_out), folder)


def save_preset(hub_model: keras.Model, folder: Path) -> None:
    """Writes what `to_keras_hub` returned, as `write_model` does.

    Raises:
        OSError: if a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in ("task.json", "task.weights.h5"):
        (folder / stale).unlink(missing_ok=True)
    hub_model.save_to_preset(str(folder))


def to_keras_hub(model: keras.Model, leave_out: Collection[str] = ()) -> keras.Model:
    """The same model as KerasHub's backbone or task, on copies of the weights.

    Args:
        model: an `Encoder` or the model of a task.
        leave_out: beginnings of paths of weights that may be lost.

    Raises:
        ImportError: if `keras-nlp` is not installed.
        ValueError: if KerasHub has no such model, or no place for one of its weights.
    """
    models = keras_hub_models()
    description = ModelDescription.of(model)
    family, encoder = FAMILIES[description.family], description.encoder
    _require_as_fixed(encoder, family.name)
    names = family.names(FORMAT, encoder.num_layers, description.heads)
    if family.name == "roberta":
        names["embeddings/segment_table"] = ()  # goes into the positions
    require_places(model, names, leave_out, "KerasHub")

    arguments = {name: getattr(encoder, name) for name in _ARGUMENTS}
    if family.name == "bert":
        arguments["num_segments"] = encoder.num_segments
    prefix = _CLASS_PREFIXES[family.name]
    hub_model = getattr(models, f"{prefix}Backbone")(**arguments)
    if description.task == "pretraining" and "masked_lm" in description.heads:
        hub_model = getattr(models, f"{prefix}MaskedLM")(backbone=hub_model)
    elif description.task == "classification":
        hub_model = getattr(models, f"{prefix}TextClassifier")(
            backbone=hub_model,
            num_classes=description.head["num_classes"],
            dropout=description.head["dropout"],
        )
    variables = {weight.path: weight for weight in hub_model.weights}
    for name, values in written_weights(model, names, _layout(encoder)):
        variables.pop(name).assign(values)
    if variables:
        logger.warning("KerasHub's model has more, with first values: %s.", ", ".join(variables))
    if encoder.num_segments == 1 and family.name == "roberta":
        positions = hub_model.get_layer("embeddings").position_embedding.position_embeddings
        positions.assign_add(model.get_layer("embeddings").segment_table)
    return hub_model


def _layout(encoder: EncoderConfig) -> Layout:
    """Attention by heads, and positions from the first that is used."""
    num_heads, offset = encoder.num_heads, encoder.position_offset

    def shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if path == "embeddings/position_table":
            return (shape[0] - offset, *shape[1:])
        if path.endswith(("query_key_value/kernel", "query_key_value/bias")):
            return (*shape[:-1], num_heads, shape[-1] // num_heads)
        if path.endswith("attention/output_projection/kernel"):
            return (num_heads, shape[0] // num_heads, *shape[1:])
        return tuple(shape)

    def to_ours(path: str, values: np.ndarray) -> np.ndarray:
        if path == "embeddings/position_table":
            return np.pad(values, ((offset, 0), (0, 0)))
        if path.endswith(("query_key_value/kernel", "query_key_value/bias")):
            return np.reshape(values, (*values.shape[:-2], -1))
        if path.endswith("attention/output_projection/kernel"):
            return np.reshape(values, (-1, values.shape[-1]))
        return values

    def to_file(path: str, values: np.ndarray) -> np.ndarray:
        if path == "embeddings/position_table":
            return values[offset:]
        return values.reshape(shape(path, values.shape))

    return Layout(shape, to_ours, to_file)


def _task_of(source: str | Path) -> str | None:
    """The task of a local preset, if it is that of one of our models."""
    file = Path(source) / "task.json"
    if not file.is_file():
        return None
    name = str(read_json(file).get("class_name"))
    for task, end in _TASK_CLASSES.items():
        if name in {prefix + end for prefix in _CLASS_PREFIXES.values()}:
            return task
    raise ValueError(
        f"{source} is a {name}, for which this package has no model. Load its backbone with "
        "`task='encoder'`."
    )


def _family_of(backbone: keras.Model) -> str:
    for family, prefix in _CLASS_PREFIXES.items():
        if type(backbone).__name__ == f"{prefix}Backbone":
            return family
    raise ValueError(
        f"The preset holds a {type(backbone).__name__}; this package reads {', '.join(BACKBONES)}."
    )


def _describe(hub_model, backbone, family, origin, weights, request) -> ModelDescription:
    config = backbone.get_config()
    fields = {name: config[name] for name in _ARGUMENTS} | _FIXED[family.name]
    if family.name == "bert":
        fields["num_segments"] = config["num_segments"]
    task = request.task or _task_of(origin) or "encoder"
    # What a head is made of is the same as in Transformers.
    as_there = write_config(ModelDescription(EncoderConfig(**fields)), {})
    if task == "classification" and not request.labels:
        as_there["num_labels"] = getattr(hub_model, "num_classes", 2)
    description = read_description(
        as_there,
        origin,
        lambda part: family.has(FORMAT, part, weights),
        replace(request, task=task),
        segments_are_used=lambda: False,
    )
    if task == "classification" and hub_model is not backbone:
        if keras.activations.serialize(hub_model.activation) != "linear":
            logger.info("%s ends in an activation: read are the logits before it.", origin)
        head = description.head | {"dropout": hub_model.dropout}
        description = replace(description, head=head)
    if "masked_lm" in description.heads:
        # The backbone keeps its pooler under any head.
        encoder = replace(description.encoder, pooler=fields.get("pooler", True))
        head = description.head | _MASKED_LM_HEAD
        description = replace(description, encoder=encoder, head=head)
    return description


def _require_as_fixed(encoder: EncoderConfig, family: str) -> None:
    """Refuses what KerasHub's backbone of the family would compute otherwise, or says so."""
    fixed = asdict(encoder_config("base", family)) | _FIXED[family]
    if encoder.layer_norm_epsilon != fixed["layer_norm_epsilon"]:
        raise ValueError(
            f"KerasHub's {_CLASS_PREFIXES[family]} has the epsilon {fixed['layer_norm_epsilon']} "
            f"in its layer norms; this model has {encoder.layer_norm_epsilon}."
        )
    if encoder.position_offset != fixed["position_offset"]:
        raise ValueError(
            f"KerasHub's {_CLASS_PREFIXES[family]} counts positions from "
            f"{fixed['position_offset']}; this model counts from {encoder.position_offset}."
        )
    if encoder.activation != fixed["activation"]:
        logger.warning(
            "KerasHub's %s computes `%s` where this model has `%s`: outputs will differ by about "
            "a thousandth.",
            _CLASS_PREFIXES[family],
            fixed["activation"],
            encoder.activation,
        )
