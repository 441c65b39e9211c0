"""What a model is, as plain values: enough to build it, with first weights, anywhere."""

from dataclasses import asdict, dataclass, field, replace

import keras

from keras_bert_kit.config import EncoderConfig, family_of
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel

TASK_MODELS = {
    "pretraining": PretrainingModel,
    "classification": ClassificationModel,
    "tagging": TaggingModel,
    "span": SpanModel,
}
TASKS = ("encoder", *TASK_MODELS)


@dataclass(frozen=True)
class ModelDescription:
    """The shape of a model.

    Attributes:
        encoder: the shape of its encoder.
        task: one of `TASKS`; `"encoder"` has no head.
        head: what the task's model takes besides the encoder, such as `num_classes`.
        labels: the names of the classes, if it has any and they are known.

    Raises:
        ValueError: if there is no such task, or not one label for each class.

    Example:
        >>> from keras_bert_kit.config import encoder_config
        >>> tagger = ModelDescription(
        ...     encoder_config("tiny", "distilbert"), "tagging", {"num_classes": 3}, ("O", "B", "I")
        ... )
        >>> tagger.family, ModelDescription.from_dict(tagger.as_dict()) == tagger
        ('distilbert', True)
    """

    encoder: EncoderConfig
    task: str = "encoder"
    head: dict = field(default_factory=dict)
    labels: tuple[str, ...] | None = None

    def __post_init__(self):
        """Refuses what cannot be built."""
        if self.task not in TASKS:
            raise ValueError(f"`task` must be one of {', '.join(TASKS)}; received {self.task!r}.")
        if self.labels is not None and len(self.labels) != self.head.get("num_classes"):
            raise ValueError(
                f"There must be a label for each of the {self.head.get('num_classes')} classes; "
                f"received {len(self.labels)}: {', '.join(map(str, self.labels))}."
            )

        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"Each label must occur once; received {', '.join(self.labels)}.")

    @classmethod
    def of(cls, model: keras.Model, labels: tuple[str, ...] | None = None) -> "ModelDescription":
        """The description of a model.

        Raises:
            TypeError: if it is neither an `Encoder` nor the model of a task.
        """
        if isinstance(model, Encoder):
            return cls(EncoderConfig(**model.config))
        for task, task_model in TASK_MODELS.items():
            if isinstance(model, task_model):
                return cls(EncoderConfig(**model.encoder.config), task, model.arguments, labels)
        raise TypeError(
            f"`model` must be an `Encoder` or one of {', '.join(TASK_MODELS)} models of "
            f"`keras_bert_kit.models`; received {type(model).__name__}."
        )

    @classmethod
    def from_dict(cls, values: dict) -> "ModelDescription":
        """The description that `as_dict` gave, or that an earlier version of the kit wrote."""
        labels = values.get("labels")
        return cls(
            EncoderConfig(**values["encoder"]),
            values.get("task", "pretraining"),
            values.get("head", {"next_sentence": values.get("next_sentence", True)}),
            tuple(labels) if labels else None,
        )

    def as_dict(self) -> dict:
        """The description as JSON types."""
        return asdict(self) | {"labels": list(self.labels) if self.labels else None}

    @property
    def family(self) -> str:
        """The family of the encoder, `"bert"`, `"roberta"` or `"distilbert"`."""
        return family_of(self.encoder)

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the layers that are heads."""
        if self.task == "pretraining":
            heads = {"masked_lm": True, "next_sentence": True} | self.head
            return tuple(name for name in ("masked_lm", "next_sentence") if heads[name])
        names = {"classification": "classifier", "tagging": "tagger", "span": "span"}
        return (names[self.task],) if self.task in names else ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The heads, and `"pooler"` if the encoder has one."""
        return (*self.heads, *(["pooler"] if self.encoder.pooler else []))

    def with_encoder(self, **changes) -> "ModelDescription":
        """The same with another encoder: `changes` are fields of `EncoderConfig`."""
        return replace(self, encoder=replace(self.encoder, **changes))

    def build(self, dtype: str | keras.DTypePolicy | None = None) -> keras.Model:
        """The model, with first weights.

        Args:
            dtype: dtype policy of all layers.
        """
        encoder = Encoder(**asdict(self.encoder), dtype=dtype)
        if self.task == "encoder":
            return encoder
        return TASK_MODELS[self.task](encoder, **self.head)
