"""Compares with the values that `tools/make_golden_encoder.py` took from Transformers."""

from pathlib import Path

import numpy as np
import pytest
import reference_bert
from reference_bert import within

from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import PretrainingModel

# Float32 against float64: the largest logit is 2.9, and each step rounds at 1e-7 of that.
TOLERANCE = 1e-5

BLOCK = {
    "attention/output_projection": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward/intermediate": "intermediate.dense",
    "feed_forward/output_projection": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
NAMES = {
    "embeddings/token/table": "bert.embeddings.word_embeddings.weight",
    "embeddings/position_table": "bert.embeddings.position_embeddings.weight",
    "embeddings/segment_table": "bert.embeddings.token_type_embeddings.weight",
    "embeddings/layer_norm": "bert.embeddings.LayerNorm",
    **{
        f"block_{index}/{ours}": f"bert.encoder.layer.{index}.{theirs}"
        for index in range(2)
        for ours, theirs in BLOCK.items()
    },
    "pooler": "bert.pooler.dense",
    "masked_lm/transform": "cls.predictions.transform.dense",
    "masked_lm/layer_norm": "cls.predictions.transform.LayerNorm",
    "masked_lm/output_bias": "cls.predictions.bias",
    "next_sentence/linear": "cls.seq_relationship",
}


def translated(weights):
    """Transformers' weights under the kit's paths."""
    translation = {}
    for ours, theirs in NAMES.items():
        if theirs in weights:
            translation[ours] = weights[theirs]
        else:
            kind = "gamma" if "norm" in ours else "kernel"
            translation[f"{ours}/{kind}"] = weights[f"{theirs}.weight"].T
            translation[f"{ours}/{'beta' if kind == 'gamma' else 'bias'}"] = weights[
                f"{theirs}.bias"
            ]
    for index in range(2):
        parts = [
            f"bert.encoder.layer.{index}.attention.self.{part}"
            for part in ("query", "key", "value")
        ]
        ours = f"block_{index}/attention/query_key_value"
        translation[f"{ours}/kernel"] = np.concatenate(
            [weights[f"{part}.weight"].T for part in parts], axis=1
        )
        translation[f"{ours}/bias"] = np.concatenate([weights[f"{part}.bias"] for part in parts])
    return translation


@pytest.fixture(scope="module")
def golden():
    """The parts of the file: `weights`, `inputs` and `outputs`."""
    parts = {"weights": {}, "inputs": {}, "outputs": {}}
    with np.load(Path(__file__).parent / "golden" / "bert_tiny.npz") as file:
        for name, value in file.items():
            part, name = name.split("/")
            parts[part][name] = value
    return parts


@pytest.fixture(scope="module")
def model(golden):
    """The same model, made of the kit's parts."""
    model = PretrainingModel(
        Encoder(
            vocabulary_size=32,
            num_layers=2,
            num_heads=2,
            hidden_dim=16,
            intermediate_dim=32,
            max_sequence_length=12,
        )
    )
    weights = translated(golden["weights"])
    assert set(weights) == {weight.path for weight in model.weights}
    for weight in model.weights:
        weight.assign(weights[weight.path])
    return model


@pytest.fixture(scope="module")
def inputs(golden):
    return {
        "token_ids": golden["inputs"]["input_ids"],
        "segment_ids": golden["inputs"]["token_type_ids"],
        "padding_mask": golden["inputs"]["attention_mask"],
    }


def test_every_golden_weight_has_its_place(golden, model):
    size = sum(value.size for value in golden["weights"].values())
    assert model.count_params() == size


def test_the_reference_equals_transformers(golden, inputs):
    weights = {
        name: value.astype(np.float64) for name, value in translated(golden["weights"]).items()
    }
    found = reference_bert.encoder(inputs, weights, num_heads=2)
    found["masked_lm"] = reference_bert.masked_lm(
        found["sequence_output"],
        np.tile(np.arange(8), (3, 1)),
        within(weights, "masked_lm"),
        weights["embeddings/token/table"],
    )
    found["next_sentence"] = reference_bert.next_sentence(
        found["pooled_output"], within(weights, "next_sentence")
    )
    for name, value in golden["outputs"].items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-12, err_msg=name)


def test_encoder_equals_transformers(golden, model, inputs):
    found, expected = model.encoder.with_internals()(inputs), golden["outputs"]
    for name in ("hidden_states", "attention", "pooled_output"):
        np.testing.assert_allclose(
            np.stack(found[name]), expected[name], rtol=0, atol=TOLERANCE, err_msg=name
        )


def test_heads_equal_transformers(golden, model, inputs):
    positions = np.array([[1, 2, 7], [2, 3, 5], [0, 1, 2]], "int32")
    found, expected = model({**inputs, "mask_positions": positions}), golden["outputs"]
    at_positions = np.take_along_axis(expected["masked_lm"], positions[:, :, None], axis=1)
    np.testing.assert_allclose(found["masked_lm"], at_positions, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(
        found["next_sentence"], expected["next_sentence"], rtol=0, atol=TOLERANCE
    )
