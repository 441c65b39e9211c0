"""What a model costs: parameters, bytes, and the time for one example."""

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from keras_bert_kit.data.features import Features

EXAMPLES = 50  # of which the inputs are timed, one after the other


class Cost(NamedTuple):
    """What a model costs.

    Attributes:
        parameters: how many weights it has.
        megabytes: their size in float32, in millions of bytes.
        milliseconds: the median time of the model for one input, without the tokenizer.
    """

    parameters: int
    megabytes: float
    milliseconds: float


def cost_of(task, model, tokenizer, examples) -> Cost:
    """Counts the weights of a model, and times it on single inputs.

    Args:
        task: the task.
        model: its model.
        tokenizer: the model's tokenizer.
        examples: the examples to be timed, of which the first `EXAMPLES` are taken.
    """
    encoded = task.encode(examples.select(range(min(EXAMPLES, len(examples)))), model, tokenizer)
    features = getattr(encoded, "features", encoded)
    return cost_of_inputs(model, [_alone(features, at) for at in range(len(features))])


def cost_of_inputs(model, inputs: Sequence[dict[str, np.ndarray]]) -> Cost:
    """Counts the weights of a model, and times it on batches of one input each.

    Args:
        model: the model.
        inputs: the batches, of which the first `EXAMPLES` are taken.
    """
    parameters = model.count_params()
    inputs = inputs[:EXAMPLES]
    for one in inputs:  # lengths are compiled for the first time they are seen
        model.predict_on_batch(one)
    seconds = []
    for one in inputs:
        started = time.perf_counter()
        model.predict_on_batch(one)
        seconds.append(time.perf_counter() - started)
    return Cost(parameters, 4 * parameters / 1e6, 1_000 * median(seconds))


def _alone(features: Features, at: int) -> dict[str, np.ndarray]:
    """An input by itself, as a batch of one without padding."""
    there = slice(*features.splits[at : at + 2])
    ids = features.token_ids[None, there]
    return {
        "token_ids": ids,
        "segment_ids": features.segment_ids[None, there],
        "padding_mask": np.ones_like(ids),
    }
