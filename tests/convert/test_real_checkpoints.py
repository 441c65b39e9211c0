"""Files that others made: trained by Hugging Face and by Google's code, tiny, in ../shared/data."""

import json
from pathlib import Path

import numpy as np
import pytest
import reference_bert
import tensorflow as tf
from reference_bert import within

from keras_bert_kit import pretrained
from keras_bert_kit.convert.families import FAMILIES

CHECKPOINTS = Path(__file__).parents[3] / "shared" / "data" / "checkpoints"
TENSORFLOW1 = CHECKPOINTS / "tf1-keras-bert-test"
# With Transformers' class, where the configuration may not say it.
HUGGING_FACE = {
    "hf-bert-fixture-2m": "BertModel",
    "hf-bert-fixture-52k": "BertModel",
    "hf-bert-japanese-test-2m": "BertModel",
    "hf-bert-ner-49k": "BertForTokenClassification",
    "hf-bert-test-17k": "BertModel",
}
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CHECKPOINTS.is_dir(), reason=f"{CHECKPOINTS} is absent"),
]


def ours_from(folder, **options):
    model, _, description = pretrained.load(folder, with_tokenizer=False, **options)
    return model, description


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_a_model_computes_what_transformers_does(name):
    from transformers_models import assert_same_outputs, batch, outputs_of, torch, transformers

    folder = CHECKPOINTS / name
    theirs_class = getattr(transformers, HUGGING_FACE[name])
    config = transformers.BertConfig(**json.loads((folder / "config.json").read_text()))
    theirs, found = theirs_class.from_pretrained(folder, config=config, output_loading_info=True)
    assert not found["missing_keys"]
    # These files have more than the encoder: a head of another task, or one that is not ours.
    ignore = [key.split(".")[0] for key in found["unexpected_keys"]]
    task = {"BertModel": "encoder", "BertForTokenClassification": "tagging"}[HUGGING_FACE[name]]
    model, _ = ours_from(folder, task=task, ignore=ignore)
    inputs = batch(theirs.config.vocab_size, length=16)
    with torch.no_grad():
        assert_same_outputs(model(inputs), outputs_of(theirs.eval(), inputs), inputs)


def test_labels_of_a_tagger_are_read():
    _, description = ours_from(CHECKPOINTS / "hf-bert-ner-49k")
    assert description.labels == (
        *("O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf-bert-ner-49k", r"has 405 tokens, but the model was built for 402\. Restore the vocab"),
        ("hf-bert-fixture-2m", r"has `tokenize_chinese_chars` False: this tokenizer splits texts"),
        ("hf-bert-fixture-52k", r"has `tokenize_chinese_chars` False: this tokenizer splits text"),
        ("hf-bert-japanese-test-2m", r"has `word_tokenizer_type` 'mecab': this tokenizer splits"),
    ],
)
def test_a_tokenizer_that_is_none_of_ours_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        pretrained.load(CHECKPOINTS / name, task="encoder", ignore=["cls", "classifier"])


@pytest.fixture(scope="module")
def arrays():
    """The weights of Google's checkpoint in float64, under the names of the reference."""
    reader = tf.train.load_checkpoint(str(TENSORFLOW1 / "bert_model.ckpt"))
    # Written down anew rather than taken from the tables under test.
    layer = {
        "attention/output_projection": "attention/output/dense",
        "attention_norm": "attention/output/LayerNorm",
        "feed_forward/intermediate": "intermediate/dense",
        "feed_forward/output_projection": "output/dense",
        "feed_forward_norm": "output/LayerNorm",
    }
    names = {
        "embeddings/token/table": "bert/embeddings/word_embeddings",
        "embeddings/position_table": "bert/embeddings/position_embeddings",
        "embeddings/segment_table": "bert/embeddings/token_type_embeddings",
        "masked_lm/output_bias": "cls/predictions/output_bias",
        "next_sentence/linear/bias": "cls/seq_relationship/output_bias",
    }
    pairs = {
        "embeddings/layer_norm": "bert/embeddings/LayerNorm",
        "pooler": "bert/pooler/dense",
        "masked_lm/transform": "cls/predictions/transform/dense",
        "masked_lm/layer_norm": "cls/predictions/transform/LayerNorm",
    }
    for i in range(2):
        pairs |= {f"block_{i}/{a}": f"bert/encoder/layer_{i}/{b}" for a, b in layer.items()}
    for ours, theirs in pairs.items():
        ends = ("gamma", "beta") if theirs.endswith("LayerNorm") else ("kernel", "bias")
        names |= {f"{ours}/{end}": f"{theirs}/{end}" for end in ends}
    weights = {ours: reader.get_tensor(theirs) for ours, theirs in names.items()}
    weights["next_sentence/linear/kernel"] = reader.get_tensor(
        "cls/seq_relationship/output_weights"
    ).T
    for i in range(2):
        for end in ("kernel", "bias"):
            weights[f"block_{i}/attention/query_key_value/{end}"] = np.concatenate(
                [
                    reader.get_tensor(f"bert/encoder/layer_{i}/attention/self/{part}/{end}")
                    for part in ("query", "key", "value")
                ],
                axis=-1,
            )
    return {name: values.astype("float64") for name, values in weights.items()}


@pytest.fixture(scope="module")
def google():
    return ours_from(TENSORFLOW1)


def test_googles_checkpoint_computes_what_the_paper_says(google, arrays):
    model, _ = google
    ids = np.random.default_rng(0).integers(0, 15, (2, 10))
    inputs = {
        "token_ids": ids,
        "segment_ids": np.arange(10) >= [[5], [3]],
        "padding_mask": np.arange(10) < [[10], [7]],
        "mask_positions": np.array([[1, 4, 9], [2, 6, 0]]),
    }
    inputs = {name: values.astype("int32") for name, values in inputs.items()}
    encoded = reference_bert.encoder(inputs, arrays, num_heads=4)
    found = model(inputs)
    expected = reference_bert.masked_lm(
        encoded["sequence_output"],
        inputs["mask_positions"],
        within(arrays, "masked_lm"),
        arrays["embeddings/token/table"],
    )
    np.testing.assert_allclose(found["masked_lm"], expected, rtol=0, atol=1e-5)
    expected = reference_bert.next_sentence(
        encoded["pooled_output"], within(arrays, "next_sentence")
    )
    np.testing.assert_allclose(found["next_sentence"], expected, rtol=0, atol=1e-5)


def test_googles_checkpoint_is_read_bit_by_bit(google, arrays):
    model, description = google
    assert description.heads == ("masked_lm", "next_sentence")
    assert {weight.path for weight in model.weights} == set(arrays)
    for weight in model.weights:
        np.testing.assert_array_equal(weight, arrays[weight.path], err_msg=weight.path)


def test_our_names_are_those_of_googles_checkpoint():
    listed = dict(tf.train.list_variables(str(TENSORFLOW1 / "bert_model.ckpt")))
    of_weights = {n for n in listed if not n.endswith(("adam_m", "adam_v", "global_step"))}
    assert of_weights < set(listed)
    names = FAMILIES["bert"].names("google", 2, ["masked_lm", "next_sentence"])
    assert {name for theirs in names.values() for name in theirs} == of_weights


def test_googles_vocabulary_is_taken_for_an_uncased_one():
    tokenizer = pretrained.load_tokenizer(TENSORFLOW1)
    assert tokenizer.lowercase
    assert tokenizer("All work, no PLAY").numpy().tolist() == [5, 6, 1, 8, 9]


def test_a_tokenizer_with_a_maximal_length_is_read():
    tokenizer = pretrained.load_tokenizer(CHECKPOINTS / "hf-bert-test-17k")
    assert not tokenizer.lowercase
