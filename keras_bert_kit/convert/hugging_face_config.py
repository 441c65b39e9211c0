"""`config.json` of a Hugging Face folder: from it to the description of a model, and back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from keras_bert_kit.config import EncoderConfig
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.models import HIDDEN_ACTIVATIONS

# Ends of the names of Transformers' classes, and what they are for.
_TASKS = {
    "ForPreTraining": "pretraining",
    "ForMaskedLM": "pretraining",
    "ForNextSentencePrediction": "pretraining",
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "tagging",
    "ForQuestionAnswering": "span",
    "Model": "encoder",
}
_CLASS_PREFIXES = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}


@dataclass(frozen=True)
class _Keys:
    """What a family calls the fields of `EncoderConfig`, and the dropout rates of its heads."""

    fields: dict[str, str]
    classifier_dropout: str
    span_dropout: str | None
    activation: str
    attention_dropout: str


_BERT_KEYS = _Keys(
    {
        "vocabulary_size": "vocab_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "hidden_dim": "hidden_size",
        "intermediate_dim": "intermediate_size",
        "dropout": "hidden_dropout_prob",
        "num_segments": "type_vocab_size",
        "layer_norm_epsilon": "layer_norm_eps",
    },
    "classifier_dropout",
    None,
    "hidden_act",
    "attention_probs_dropout_prob",
)
_DISTILBERT_KEYS = _Keys(
    {
        "vocabulary_size": "vocab_size",
        "num_layers": "n_layers",
        "num_heads": "n_heads",
        "hidden_dim": "dim",
        "intermediate_dim": "hidden_dim",
        "dropout": "dropout",
    },
    "seq_classif_dropout",
    "qa_dropout",
    "activation",
    "attention_dropout",
)
_KEYS = {"bert": _BERT_KEYS, "roberta": _BERT_KEYS, "distilbert": _DISTILBERT_KEYS}
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu_approximate",
    "gelu_new": "gelu_approximate",
}
# What a classifier's output means, by Transformers' name for it.
_PROBLEMS = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}
# Where a `config.json` says nothing, as Transformers' own defaults.
_DEFAULTS = {
    "bert": {"type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1},
    "roberta": {"type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1},
    "distilbert": {"dropout": 0.1, "seq_classif_dropout": 0.2, "qa_dropout": 0.1},
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What a caller wants of a file that a configuration alone does not say.

    Attributes:
        task: the task, or none to go by what the file is.
        labels: names of the classes, or none to go by the file.
        initialize: beginnings of paths of weights that the file need not have.
    """

    task: str | None = None
    labels: tuple[str, ...] | None = None
    initialize: tuple[str, ...] = ()

    def wants(self, head: str, is_there: bool) -> bool:
        """Whether the model is to have a head or a pooler."""
        return is_there or head in self.initialize


def family_of_config(config: dict, origin: str) -> str:
    """The family of a Hugging Face model.

    Raises:
        ValueError: if it is none of ours, or has parts that ours have not.
    """
    # Configurations before 2020 do not say what they are of.
    family = config.get("model_type") or ("bert" if "hidden_size" in config else None)
    if not isinstance(family, str | None) or family not in _KEYS:
        raise ValueError(
            f"{origin} is a model of the type {family!r}; this package reads {', '.join(_KEYS)}."
        )
    expected = {
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
        "tie_word_embeddings": True,
    }
    for key, value in expected.items():
        if config.get(key, value) != value:
            raise ValueError(
                f"{origin} has `{key}` {config[key]!r}, but this package's encoder is built for "
                f"{value!r} only: its outputs would be others."
            )
    activation = config.get(_KEYS[family].activation, "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ValueError(
            f"{origin} has the activation {activation!r}; this package's encoder has "
            f"{', '.join(_ACTIVATIONS)}."
        )
    return family


def read_description(
    config: dict,
    origin: str,
    has: Callable[[str], bool],
    request: Request,
    segments_are_used: Callable[[], bool] = lambda: True,
) -> ModelDescription:
    """The model that a `config.json` and the weights beside it describe.

    Args:
        config: the content of `config.json`.
        origin: where it comes from, for messages.
        has: whether the weights have a head, by the name of its layer in our models, or
            `"pooler"`.
        request: what the caller wants.
        segments_are_used: whether RoBERTa's single segment vector is anything but zeros.

    Raises:
        ValueError: if the model is none of ours, the configuration lacks something, or what the
            model is for cannot be told.
    """
    family = family_of_config(config, origin)
    keys = _KEYS[family]
    config = _DEFAULTS[family] | {k: v for k, v in config.items() if v is not None}
    wanted = [*keys.fields.values(), "max_position_embeddings"]
    missing = [key for key in wanted if key not in config]
    if missing:
        raise ValueError(f"{origin} lacks {', '.join(missing)}: it describes no whole model.")
    _check_values(config, keys, origin)
    fields = {ours: config[theirs] for ours, theirs in keys.fields.items()}
    offset = config.get("pad_token_id", 1) + 1 if family == "roberta" else 0
    fields |= {
        "max_sequence_length": config["max_position_embeddings"] - offset,
        "position_offset": offset,
        "activation": _ACTIVATIONS[config.get(keys.activation, "gelu")],
    }
    in_attention = config.get(keys.attention_dropout, fields["dropout"])
    if in_attention != fields["dropout"]:
        logger.warning(
            "%s drops %s of the attention weights and %s elsewhere; here it will be %s everywhere.",
            origin,
            in_attention,
            fields["dropout"],
            fields["dropout"],
        )
    if family == "distilbert" or (family == "roberta" and not segments_are_used()):
        fields["num_segments"] = 0
    task = request.task or _task(config, origin, has)
    head = _head(config, family, task, has, request, origin)
    fields["pooler"] = has_pooler(family, task, head) and (
        task != "encoder" or request.wants("pooler", has("pooler"))
    )
    return ModelDescription(EncoderConfig(**fields), task, head, _labels(config, task, request))


def write_config(description: ModelDescription, special_ids: dict[str, int]) -> dict:
    """The `config.json` of a model, as Transformers reads it.

    Args:
        description: of the model.
        special_ids: ids of the special tokens by Transformers' names, such as `pad_token_id`.

    Raises:
        ValueError: if Transformers has no such model.
    """
    family, encoder, head = description.family, description.encoder, description.head
    keys = _KEYS[family]
    if family == "distilbert" and encoder.layer_norm_epsilon != 1e-12:
        raise ValueError(
            "Transformers' DistilBERT has the epsilon 1e-12 in its layer norms; this model has "
            f"{encoder.layer_norm_epsilon}."
        )
    activation = head.get("hidden_activation")
    if activation != (HIDDEN_ACTIVATIONS.get(family) if "hidden_activation" in head else None):
        raise ValueError(
            f"Transformers' {_CLASS_PREFIXES[family]} classifiers have no dense layer with "
            f"`hidden_activation={activation!r}`."
        )
    names = {ours: theirs for theirs, ours in reversed(_ACTIVATIONS.items())}
    for option in ("activation", "layer_norm_epsilon"):
        of_encoder, of_head = getattr(encoder, option), head.get(f"head_{option}")
        if of_head not in (None, of_encoder):
            logger.warning(
                "Transformers has one `%s` for the encoder and the masked-token head: the head "
                "will have %s in place of %s.",
                option,
                of_encoder,
                of_head,
            )
    config = {
        "architectures": [architecture(description)],
        "model_type": family,
        **{theirs: getattr(encoder, ours) for ours, theirs in keys.fields.items()},
        "max_position_embeddings": encoder.max_sequence_length + encoder.position_offset,
        keys.activation: names[encoder.activation],
        keys.attention_dropout: encoder.dropout,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
        "dtype": "float32",
        **special_ids,
    }
    if family == "roberta":
        config["type_vocab_size"] = max(1, encoder.num_segments)
        config["pad_token_id"] = encoder.position_offset - 1
    if description.task in ("classification", "tagging"):
        labels = description.labels or [f"LABEL_{i}" for i in range(head["num_classes"])]
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
        config["label2id"] = {label: i for i, label in enumerate(labels)}
    problem = head.get("problem", "single_label")
    if problem == "single_label" and description.task == "classification":
        if head["num_classes"] == 1:
            raise ValueError(
                "Transformers has no classifier of one class: it would read a regression. This "
                "model has `num_classes=1` and `problem='single_label'`."
            )
    elif problem != "single_label":
        config["problem_type"] = next(k for k, ours in _PROBLEMS.items() if ours == problem)
    dropout_key = _head_dropout_key(family, description.task)
    if dropout_key:
        config[dropout_key] = head["dropout"]
    elif "dropout" in head and head["dropout"] != _fixed_head_dropout(encoder, description.task):
        logger.warning(
            "Transformers' %s has no dropout rate of its own in its head: %s is not kept.",
            config["architectures"][0],
            head["dropout"],
        )
    return config


def architecture(description: ModelDescription) -> str:
    """The name of Transformers' class for a model."""
    names = {task: end for end, task in reversed(_TASKS.items())}
    end = names[description.task]
    # Only BERT is there with the head for next sentences.
    heads = description.heads if description.family == "bert" else ("masked_lm",)
    if description.task == "pretraining" and len(heads) == 1:
        end = {"masked_lm": "ForMaskedLM", "next_sentence": "ForNextSentencePrediction"}[heads[0]]
    return _CLASS_PREFIXES[description.family] + end


def has_pooler(family: str, task: str, head: dict) -> bool:
    """Whether Transformers' class for a task has a pooler."""
    if task == "pretraining":
        return family == "bert" and head.get("next_sentence", True)
    if task == "classification":
        return family == "bert"
    return task == "encoder" and family != "distilbert"


def _task(config, origin, has) -> str:
    """What a file is for: its class says so, or else the heads that it has."""
    for name in config.get("architectures") or []:
        for end, task in _TASKS.items():
            if name in {prefix + end for prefix in _CLASS_PREFIXES.values()}:
                return task
        raise ValueError(
            f"{origin} is a {name}, for which this package has no model. Give a `task` to load its "
            "encoder under another head, for instance `task='encoder'`."
        )
    if has("masked_lm") or has("next_sentence"):
        return "pretraining"
    if has("span"):
        return "span"
    if has("classifier") or has("tagger"):
        raise ValueError(
            f"{origin} does not say whether its classifier is for texts or for tokens. Give "
            "`task='classification'` or `task='tagging'`."
        )
    return "encoder"


def _check_values(config: dict, keys: _Keys, origin: str) -> None:
    """Refuses values of another type or range than Transformers' own."""
    rates = {keys.fields["dropout"], keys.classifier_dropout, keys.span_dropout}
    for key in (*keys.fields.values(), *rates, "max_position_embeddings", "num_labels"):
        if key not in config:
            continue
        value, is_real = config[key], key in rates or key == keys.fields.get("layer_norm_epsilon")
        least = 0 if is_real or key == keys.fields["num_layers"] else 1
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or value < least or not (is_real or value == int(value)):
            kind = "a number" if is_real else "a whole number"
            raise ValueError(
                f"{origin} has `{key}` {value!r}; {kind} of at least {least} was expected."
            )
    if not isinstance(config.get("architectures", []), list):
        raise ValueError(f"{origin} has `architectures` {config['architectures']!r}, not a list.")
    names = config.get("id2label", {})
    if not isinstance(names, dict) or {*map(str, names)} != {*map(str, range(len(names)))}:
        raise ValueError(
            f"{origin} has `id2label` {names!r:.200}; a label for each of 0, 1, ... was expected."
        )


def _head(config, family, task, has, request, origin) -> dict:
    keys = _KEYS[family]
    if task == "pretraining":
        heads = {name: request.wants(name, has(name)) for name in ("masked_lm", "next_sentence")}
        return heads if any(heads.values()) else heads | {"masked_lm": True}
    key = _head_dropout_key(family, task)
    dropout = 0.0 if task == "span" else config[keys.fields["dropout"]]
    if key:
        dropout = config.get(key, dropout)
    if task == "span":
        return {"dropout": dropout}
    if task in ("classification", "tagging"):
        num_classes = len(_labels(config, task, request) or ()) or config.get("num_labels", 2)
        head = {"num_classes": num_classes, "dropout": dropout}
        if task == "classification":
            head["hidden_activation"] = HIDDEN_ACTIVATIONS.get(family)
            head["problem"] = _problem(config, num_classes, request, origin)
        return head
    return {}


def _problem(config, num_classes, request, origin) -> str:
    """What a classifier's output means; where nothing is said, one class is a value."""
    given = config.get("problem_type")
    if given is not None and (not isinstance(given, str) or given not in _PROBLEMS):
        raise ValueError(
            f"{origin} has `problem_type` {given!r}; one of {', '.join(_PROBLEMS)} was expected."
        )
    if given == "regression" and num_classes != 1 and not request.labels:
        raise ValueError(
            f"{origin} is a regression of {num_classes} values; this package's has one. Load its "
            "encoder under another head, with `task='encoder'`."
        )
    if given is None or (given == "regression" and num_classes != 1):  # other labels are asked for
        return _usual_problem(num_classes)
    return _PROBLEMS[given]


def _usual_problem(num_classes: int) -> str:
    """What Transformers takes a classifier for whose `problem_type` is not said."""
    return "regression" if num_classes == 1 else "single_label"


def _head_dropout_key(family: str, task: str) -> str | None:
    """Where a configuration keeps the dropout rate of a head, if it has one of its own."""
    keys = _KEYS[family]
    if task == "classification" or (task == "tagging" and family != "distilbert"):
        return keys.classifier_dropout
    return keys.span_dropout if task == "span" else None


def _fixed_head_dropout(encoder: EncoderConfig, task: str) -> float:
    """The rate in a head that has none of its own."""
    return 0.0 if task == "span" else encoder.dropout


def _labels(config, task, request) -> tuple[str, ...] | None:
    if task not in ("classification", "tagging"):
        return None
    if request.labels:
        return tuple(request.labels)
    names = config.get("id2label")
    if not names:
        return None
    return tuple(str(names[key]) for key in sorted(names, key=int))
