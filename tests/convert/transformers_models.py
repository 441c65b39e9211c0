"""Models of Transformers with weights that all matter, a batch for them, and what they make of it.

Importing this skips a test file where Transformers or PyTorch is not installed.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY = {
    "vocab_size": 50,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 24,
    "max_position_embeddings": 20,
}
# How each class of Transformers calls what ours call so.
OUTPUTS = {
    "Model": {"last_hidden_state": "sequence_output", "pooler_output": "pooled_output"},
    "ForPreTraining": {
        "prediction_logits": "masked_lm",
        "seq_relationship_logits": "next_sentence",
    },
    "ForMaskedLM": {"logits": "masked_lm"},
    "ForNextSentencePrediction": {"logits": "next_sentence"},
    "ForSequenceClassification": {"logits": "label"},
    "ForTokenClassification": {"logits": "tags"},
    "ForQuestionAnswering": {"start_logits": "start", "end_logits": "end"},
}
BY_TOKEN = ("sequence_output", "masked_lm", "tags", "start", "end")


def config_of(class_name, *, size=TINY, **config):
    """A configuration of Transformers for a class.

    Args:
        class_name: such as `"BertForMaskedLM"`.
        size: the configuration's values, in BERT's names.
        **config: more of the configuration, in its own names.
    """
    family = next(f for f in ("DistilBert", "Roberta", "Bert") if class_name.startswith(f))
    size = dict(size)
    if family == "DistilBert":
        size["hidden_dim"] = size.pop("intermediate_size")
    elif family == "Roberta":
        size |= {"type_vocab_size": 1, "layer_norm_eps": 1e-5}
    if class_name.endswith(("SequenceClassification", "TokenClassification")):
        config = {"num_labels": 3} | config
    return getattr(transformers, f"{family}Config")(**size | config)


def make(class_name, *, size=TINY, deviation=0.2, pooler=True, **config):
    """A model of Transformers, by the name of its class, every weight of it random.

    Args:
        class_name: such as `"BertForMaskedLM"`.
        size: the configuration's values, in BERT's names.
        deviation: of the weights; those of layer norms are around 1, all others around 0.
        pooler: whether a bare encoder has one.
        **config: more of the configuration, in its own names.
    """
    options = {} if pooler else {"add_pooling_layer": False}
    config = config_of(class_name, size=size, **config)
    model = getattr(transformers, class_name)(config, **options).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, deviation, generator=generator)
            if name.lower().endswith(("layernorm.weight", "layer_norm.weight")):
                parameter.add_(1.0)
    return model


def batch(vocabulary_size, length=6, segments=True, seed=0):
    """Two texts, the second of which has a third of padding, in the names of our models.

    The padding is the id 1, as in RoBERTa, so that Transformers counts positions as it does there.
    """
    generator = np.random.default_rng(seed)
    ids = generator.integers(2, vocabulary_size, (2, length))
    is_token = np.ones((2, length))
    is_token[1, -(length // 3) :] = 0
    inputs = {
        "token_ids": np.where(is_token, ids, 1),
        "padding_mask": is_token,
        "mask_positions": np.tile(np.arange(length), (2, 1)),
    }
    if segments:
        inputs["segment_ids"] = np.arange(length) >= [[length // 2], [length // 4]]
    return {name: values.astype("int32") for name, values in inputs.items()}


def outputs_of(model, inputs):
    """What a model of Transformers returns for a batch, in the names of our outputs."""
    end = next(end for end in OUTPUTS if type(model).__name__.endswith(end))
    arguments = {"input_ids": "token_ids", "attention_mask": "padding_mask"}
    if "segment_ids" in inputs:
        arguments["token_type_ids"] = "segment_ids"
    with torch.no_grad():
        found = model(**{a: torch.tensor(inputs[name]).long() for a, name in arguments.items()})
    return {
        ours: found[theirs].numpy()
        for theirs, ours in OUTPUTS[end].items()
        if found.get(theirs) is not None
    }


def assert_same_outputs(ours, theirs, inputs, atol=2e-5):
    """Compares outputs of the same names; of padding they need not be the same.

    Returns:
        The largest difference.
    """
    assert set(ours) == set(theirs)
    is_token, largest = inputs["padding_mask"].astype(bool), 0.0
    for name, expected in theirs.items():
        values, expected = np.asarray(ours[name]), np.asarray(expected)
        assert values.dtype == np.float32
        if name in BY_TOKEN:
            values, expected = values[is_token], expected[is_token]
        np.testing.assert_allclose(values, expected, rtol=0, atol=atol, err_msg=name)
        largest = max(largest, float(np.abs(values - expected).max()))
    return largest
