"""Whether a converted model computes the same: here, and in the library that it was made for."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

import keras
import numpy as np

from keras_bert_kit import pretrained
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.models import encoder_of
from keras_bert_kit.pretrained import HUGGING_FACE, KERAS_HUB, Source
from keras_bert_kit.resize import POSITIONS


class Verification(NamedTuple):
    """How far apart two models are.

    Attributes:
        equal_weights: how many weights are equal bit by bit.
        num_weights: how many weights the two have in common.
        differences: for each output of both, the largest absolute difference on random texts.
        elsewhere: for each other library that could be asked, by name and version, the largest
            absolute difference of its last hidden states to ours.
        not_asked: why another library could not be asked, if there is one for a format.
    """

    equal_weights: int
    num_weights: int
    differences: Mapping[str, float]
    elsewhere: Mapping[str, float]
    not_asked: tuple[str, ...]

    @property
    def largest(self) -> float:
        """The largest difference of all; not a number if one is not."""
        return float(np.max([0.0, *self.differences.values(), *self.elsewhere.values()]))

    def __str__(self) -> str:
        """A line for each comparison."""
        lines = [f"{self.equal_weights} of {self.num_weights} weights are equal bit by bit."]
        lines += [f"{name}: largest difference {x:.2g}" for name, x in self.differences.items()]
        lines += [f"{name}: largest difference {x:.2g}" for name, x in self.elsewhere.items()]
        return "\n".join([*lines, *self.not_asked])


def verify(bundle: Bundle, written: Source, seed: int = 0) -> Verification:
    """Compares a model with what was written of it, on random inputs, padded and not.

    Args:
        bundle: the model.
        written: where it was written to; it is read from there.
        seed: of the inputs.

    Returns:
        The comparison.
    """
    again, _, _ = pretrained.load(written, with_tokenizer=False)
    inputs = random_inputs(bundle.model, len(bundle.tokenizer.vocabulary), seed)
    is_token = inputs["padding_mask"].astype(bool)
    first, second = (
        {name: np.asarray(value) for name, value in model(inputs, training=False).items()}
        for model in (bundle.model, again)
    )
    differences = {
        name: _largest_difference(first[name], second[name], is_token)
        for name in first
        if name in second
    }
    weights, weights_again = (
        {weight.path: np.asarray(weight.value) for weight in model.weights}
        for model in (bundle.model, again)
    )
    if written.format == KERAS_HUB:  # which has no rows before the first position that is used
        for values in (weights, weights_again):
            unused = bundle.encoder.config["position_offset"]
            values[POSITIONS] = values[POSITIONS][unused:]
    common = weights.keys() & weights_again.keys()
    equal = sum(weights[path].tobytes() == weights_again[path].tobytes() for path in common)

    elsewhere, not_asked = {}, []
    library, last_hidden_states = _LIBRARIES.get(written.format, (None, None))
    if library:
        missing = [name for name in library if not find_spec(name.replace("-", "_"))]
        if missing:
            not_asked.append(
                f"Not compared in {library[0]}: {', '.join(missing)} not installed here."
            )
        else:
            encoder = encoder_of(again)
            ours = np.asarray(encoder(inputs, training=False)["sequence_output"])
            theirs = last_hidden_states(str(written.place), inputs)
            name = f"hidden states in {library[0]} {version(library[0])}"
            elsewhere[name] = _largest_difference(ours, theirs, is_token)
    return Verification(equal, len(common), differences, elsewhere, tuple(not_asked))


def random_inputs(
    model: keras.Model, vocabulary_size: int, seed: int = 0, batch_size: int = 4
) -> dict[str, np.ndarray]:
    """Random texts for a model: of several lengths, padded, in two segments.

    Args:
        model: an `Encoder` or the model of a task.
        vocabulary_size: ids are drawn below it.
        seed: of the draws.
        batch_size: number of texts, B.

    Returns:
        `token_ids`, `segment_ids`, `padding_mask` `(B, T)` and `mask_positions (B, 3)`, int32.
    """
    random = np.random.default_rng(seed)
    config = encoder_of(model).config
    length = min(32, config["max_sequence_length"])
    lengths = np.linspace(length, max(1, length // 2), batch_size).astype(int)
    at = np.arange(length)
    padding_mask = (at < lengths[:, None]).astype("int32")
    # The first ids are those of special tokens; Transformers' RoBERTa takes <pad> for padding.
    lowest = min(5, vocabulary_size - 1)
    token_ids = random.integers(lowest, vocabulary_size, (batch_size, length), "int32")
    return {
        "token_ids": np.where(padding_mask, token_ids, min(1, vocabulary_size - 1)).astype("int32"),
        "segment_ids": ((at >= lengths[:, None] // 2) & (padding_mask > 0)).astype("int32")
        * (config["num_segments"] > 1),
        "padding_mask": padding_mask,
        "mask_positions": np.sort(random.integers(0, lengths[:, None], (batch_size, 3)), 1).astype(
            "int32"
        ),
    }


def _largest_difference(first: np.ndarray, second: np.ndarray, is_token: np.ndarray) -> float:
    """Over all that is not padding."""
    if first.shape[:2] == is_token.shape:
        first, second = first[is_token], second[is_token]
    return float(np.abs(first - second).max())


def _in_transformers(folder: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    config = transformers.AutoConfig.from_pretrained(folder)
    # The class that the folder says, so that its head is loaded too.
    model = getattr(transformers, config.architectures[0]).from_pretrained(folder).eval()
    names = {"token_ids": "input_ids", "padding_mask": "attention_mask"}
    if config.model_type == "bert":
        names["segment_ids"] = "token_type_ids"
    tensors = {theirs: torch.tensor(inputs[ours]).long() for ours, theirs in names.items()}
    with torch.no_grad():
        return model.base_model(**tensors).last_hidden_state.numpy()


def _in_keras_hub(folder: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    import keras_nlp

    backbone = keras_nlp.models.Backbone.from_preset(folder)
    outputs = backbone({name: inputs[name] for name in backbone.input})
    if isinstance(outputs, dict):
        outputs = outputs["sequence_output"]
    return np.asarray(outputs)


# By format, the packages that it takes to ask the format's own library, and how.
_LIBRARIES: dict[str, tuple[tuple[str, ...], Callable]] = {
    HUGGING_FACE: (("transformers", "torch"), _in_transformers),
    KERAS_HUB: (("keras-nlp",), _in_keras_hub),
}
