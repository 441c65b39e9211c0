"""KerasHub presets: its own models in, ours out, bit by bit, and what is refused."""

import gc
import json
import sys
from types import SimpleNamespace

import keras_nlp
import numpy as np
import pytest
from reference_bert import randomize

from keras_bert_kit.convert.hugging_face_config import Request
from keras_bert_kit.convert.keras_hub import read_model, to_keras_hub, write_model
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, PretrainingModel, TaggingModel
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.keras_hub_tokenizer import (
    read_keras_hub_tokenizer,
    write_keras_hub_tokenizer,
)
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

models = keras_nlp.models
ARGUMENTS = {
    "vocabulary_size": 50,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "max_sequence_length": 12,
}
BASE = {  # others take twice as long; of its blocks, which are alike, two
    "DistilBertBackbone": {
        "vocabulary_size": 30_522,
        "max_sequence_length": 512,
        "num_layers": 2,
    },
}
ROBERTA = {
    "num_segments": 0,
    "position_offset": 2,
    "layer_norm_epsilon": 1e-5,
    "pooler": False,
}
DISTILBERT = {"num_segments": 0, "pooler": False}
FAMILIES = ("Bert", "Roberta", "DistilBert")
CLASSES = [f"{f}{end}" for f in FAMILIES for end in ("Backbone", "MaskedLM", "TextClassifier")]
OUTPUTS = {"Backbone": "sequence_output", "MaskedLM": "masked_lm", "TextClassifier": "label"}


def make(class_name, deviation=0.2, **changes):
    """A model of KerasHub, every weight of it random."""
    family = next(f for f in FAMILIES if class_name.startswith(f))
    model = getattr(models, f"{family}Backbone")(**ARGUMENTS | changes)
    if class_name.endswith("MaskedLM"):
        model = getattr(models, class_name)(backbone=model)
    elif class_name.endswith("TextClassifier"):
        model = getattr(models, class_name)(backbone=model, num_classes=3, dropout=0.2)
    randomize(model, deviation=deviation)
    return model


def batch(vocabulary_size=50, length=6):
    """Two texts of two segments, the second with padding, and all positions masked."""
    ids = np.random.default_rng(0).integers(2, vocabulary_size, (2, length))
    inputs = {
        "token_ids": ids,
        "segment_ids": np.arange(length) >= [[length // 2], [length // 4]],
        "padding_mask": np.arange(length) < [[length], [length - 2]],
        "mask_positions": np.tile(np.arange(length), (2, 1)),
    }
    return {name: values.astype("int32") for name, values in inputs.items()}


def outputs_of(model, inputs):
    """What a model, ours or KerasHub's, returns, in the names of ours."""
    found = model({name: inputs[name] for name in model.input})
    if not isinstance(found, dict):
        end = next(end for end in OUTPUTS if type(model).__name__.endswith(end))
        found = {OUTPUTS[end]: found}
    return {name: np.asarray(values) for name, values in found.items()}


def assert_same_outputs(found, expected, atol=2e-5):
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=atol, err_msg=name)


def encoder(**changes):
    model = Encoder(**ARGUMENTS | changes)
    randomize(model)
    return model


def read(folder, *, ignore=(), **request):
    return read_model(folder, Request(**request), ignore)


@pytest.fixture(scope="module", params=CLASSES)
def case(request, tmp_path_factory):
    """A tiny model of KerasHub, its folder, ours read from there, and ours written again."""
    folder = tmp_path_factory.mktemp("theirs")
    theirs = make(request.param)
    theirs.save_to_preset(str(folder))
    ours, description = read(folder)
    return SimpleNamespace(theirs=theirs, folder=folder, ours=ours, description=description)


def test_a_loaded_model_computes_what_keras_hub_does(case):
    inputs = batch()
    assert_same_outputs(outputs_of(case.ours, inputs), outputs_of(case.theirs, inputs))


def test_a_saved_model_is_in_keras_hub_bit_by_bit(case, tmp_path, caplog):
    write_model(case.ours, tmp_path)
    again = type(case.theirs).from_preset(str(tmp_path))
    assert [w.path for w in again.weights] == [w.path for w in case.theirs.weights]
    for theirs, ours in zip(case.theirs.weights, again.weights, strict=True):
        np.testing.assert_array_equal(theirs, ours, err_msg=theirs.path)
    assert not caplog.records


def test_dropout_and_sizes_are_read(case):
    assert case.description.encoder.dropout == 0.1
    assert case.description.encoder.max_sequence_length == 12
    if case.description.task == "classification":
        assert case.description.head["num_classes"] == 3
        assert case.description.head["dropout"] == 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", BASE)
def test_base_size(name, tmp_path):
    size = {"num_layers": 12, "num_heads": 12, "hidden_dim": 768, "intermediate_dim": 3072}
    theirs = make(name, deviation=0.02, **size | BASE[name])
    inputs = batch(theirs.vocabulary_size, length=32)
    expected = outputs_of(theirs, inputs)
    theirs.save_to_preset(str(tmp_path))
    weights = {weight.path: np.asarray(weight) for weight in theirs.weights}
    del theirs
    gc.collect()
    ours, _ = read(tmp_path)
    assert_same_outputs(outputs_of(ours, inputs), expected)
    again = to_keras_hub(ours)
    for weight in again.weights:
        np.testing.assert_array_equal(weight, weights[weight.path], err_msg=weight.path)


def test_the_encoder_is_taken_from_under_a_task(tmp_path):
    theirs = make("DistilBertTextClassifier")
    theirs.save_to_preset(str(tmp_path))
    ours, description = read(tmp_path, task="encoder")
    assert description.task == "encoder"
    inputs = batch()
    expected = outputs_of(theirs.backbone, inputs)
    assert_same_outputs(outputs_of(ours, inputs), expected)


def test_a_new_head_is_put_on_a_backbone(tmp_path, caplog):
    theirs = make("BertBackbone")
    theirs.save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match=r"missing: classifier/linear/kernel, classifier/linear/b"):
        read(tmp_path, task="classification")
    ours, description = read(
        tmp_path, task="classification", labels=("no", "yes"), initialize=("classifier",)
    )
    assert (description.labels, description.head["num_classes"]) == (("no", "yes"), 2)
    assert "with first values: classifier/linear/bias, classifier/linear/kernel." in caplog.text
    inputs = batch()
    assert_same_outputs(outputs_of(ours.encoder, inputs), outputs_of(theirs, inputs))


def test_the_exact_gelu_of_bert_is_warned_of_and_its_outputs_stay_near(caplog):
    ours = encoder()
    theirs = to_keras_hub(ours)
    assert (
        "KerasHub's Bert computes `gelu_approximate` where this model has `gelu`: outputs will "
        "differ by about a thousandth."
    ) in caplog.text
    inputs = batch()
    found, expected = outputs_of(theirs, inputs), outputs_of(ours, inputs)
    difference = max(np.abs(found[name] - expected[name]).max() for name in expected)
    assert 1e-6 < difference < 1e-2


def test_robertas_segment_row_is_folded_into_the_positions():
    ours = encoder(**ROBERTA | {"num_segments": 1})
    inputs = batch()
    expected = outputs_of(ours, inputs)
    assert_same_outputs(outputs_of(to_keras_hub(ours), inputs), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"KerasHub's Bert has the epsilon 1e-12 in its layer norms; this model has 1e-06\."),
        (DISTILBERT, r"KerasHub's DistilBert has the epsilon 1e-12 .*; this model has 1e-06\."),
        (ROBERTA, r"KerasHub's Roberta has the epsilon 1e-05 in its .*; this model has 1e-06\."),
    ],
)
def test_another_epsilon_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        to_keras_hub(Encoder(**ARGUMENTS | changes | {"layer_norm_epsilon": 1e-6}))


def test_another_first_position_is_refused():
    message = r"KerasHub's Roberta counts positions from 2; this model counts from 1\."
    with pytest.raises(ValueError, match=message):
        to_keras_hub(Encoder(**ARGUMENTS | ROBERTA | {"position_offset": 1}))


@pytest.mark.parametrize(
    ("make_model", "lost"),
    [
        (
            lambda: PretrainingModel(Encoder(**ARGUMENTS)),
            "next_sentence/linear/kernel, next_sentence/linear/bias",
        ),
        (
            lambda: TaggingModel(Encoder(**ARGUMENTS | DISTILBERT), 3),
            "tagger/linear/kernel, tagger/linear/bias",
        ),
        (
            lambda: PretrainingModel(Encoder(**ARGUMENTS | ROBERTA | {"pooler": True})),
            "pooler/kernel, pooler/bias, next_sentence/linear/kernel, next_sentence/linear/bias",
        ),
    ],
)
def test_a_weight_without_a_place_is_an_error_or_left_out(make_model, lost, tmp_path, caplog):
    model = make_model()
    with pytest.raises(ValueError, match=f"KerasHub has no place for {lost} of this model"):
        write_model(model, tmp_path)
    assert not list(tmp_path.iterdir())
    write_model(model, tmp_path, leave_out=["next_sentence", "tagger", "pooler"])
    assert f"Left out, as KerasHub has no place for them: {lost}." in caplog.text


def test_what_keras_hub_has_more_is_warned_of(caplog):
    to_keras_hub(Encoder(**ARGUMENTS, pooler=False, activation="gelu_approximate"))
    assert (
        "KerasHub's model has more, with first values: pooled_dense/kernel, pooled_dense/bias."
    ) in caplog.text


def test_a_task_written_before_is_gone(tmp_path):
    write_model(ClassificationModel(Encoder(**ARGUMENTS | DISTILBERT), 3), tmp_path)
    assert (tmp_path / "task.json").exists()
    write_model(encoder(**DISTILBERT), tmp_path)
    assert not (tmp_path / "task.json").exists()
    assert read(tmp_path)[1].task == "encoder"


def test_another_backbone_is_refused(tmp_path):
    models.AlbertBackbone(
        vocabulary_size=50,
        num_layers=1,
        num_heads=2,
        embedding_dim=8,
        hidden_dim=16,
        intermediate_dim=24,
        max_sequence_length=12,
    ).save_to_preset(str(tmp_path))
    message = r"The preset holds a AlbertBackbone; this package reads BertBackbone, RobertaBackbone"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_another_task_is_refused(tmp_path):
    (tmp_path / "task.json").write_text(json.dumps({"class_name": "AlbertTextClassifier"}))
    message = r"is a AlbertTextClassifier, for which .* no model\. Load its backbone with `task='e"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_a_preset_that_keras_hub_cannot_read_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"KerasHub cannot read .*: "):
        read(tmp_path)


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: read_model(folder, Request()),
        lambda folder: write_model(encoder(), folder),
        lambda folder: read_keras_hub_tokenizer(folder),
        lambda folder: write_keras_hub_tokenizer(None, folder, "bert"),
    ],
)
def test_without_keras_hub_the_error_says_what_to_install(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_nlp", None)
    with pytest.raises(ImportError, match=r"need the package `keras-nlp`: `pip install keras-nlp`"):
        call(tmp_path)


PIECES = (*SPECIAL_TOKENS, "the", "cat", "##s", "purr", "##ed", "cafe", "Cat", "café", ".")
LETTERS = ("<s>", "<pad>", "</s>", "<unk>", "l", "o", "w", "Ġ", "lo", "low", "Ġlow", "<mask>")
MERGES = (("l", "o"), ("lo", "w"), ("Ġ", "low"))
TEXTS = ["the cats purred.", "Cat café", "low lowlow ow", ""]


@pytest.fixture(scope="module")
def byte_pairs():
    return BytePairVocabulary(LETTERS, MERGES)


def write_preset(folder, class_name="BertBackbone"):
    """As much of a preset as KerasHub needs to read its tokenizer."""
    config = {"class_name": class_name, "registered_name": f"keras_hub>{class_name}", "config": {}}
    (folder / "config.json").write_text(json.dumps(config | {"module": "keras_hub"}))


@pytest.mark.parametrize("family", ["bert", "distilbert"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_a_word_piece_tokenizer_goes_there_and_back(family, lowercase, tmp_path):
    tokenizer = WordPieceTokenizer(Vocabulary(PIECES), lowercase)
    write_preset(tmp_path, {"bert": "BertBackbone", "distilbert": "DistilBertBackbone"}[family])
    write_keras_hub_tokenizer(tokenizer, tmp_path, family)
    again = read_keras_hub_tokenizer(tmp_path)
    assert again.vocabulary.tokens == tokenizer.vocabulary.tokens
    assert (again.lowercase, again.strip_accents) == (lowercase, lowercase)
    assert again(TEXTS).to_list() == tokenizer(TEXTS).to_list()
    theirs = models.Tokenizer.from_preset(str(tmp_path))
    assert np.asarray(theirs("the cats purred.")).tolist() == [5, 6, 7, 8, 9, 13]


@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_a_byte_pair_tokenizer_goes_there_and_back(byte_pairs, add_prefix_space, tmp_path):
    tokenizer = BytePairTokenizer(byte_pairs, add_prefix_space)
    write_preset(tmp_path, "RobertaBackbone")
    write_keras_hub_tokenizer(tokenizer, tmp_path, "roberta")
    again = read_keras_hub_tokenizer(tmp_path)
    assert again.vocabulary.fingerprint == byte_pairs.fingerprint
    assert again.add_prefix_space is add_prefix_space
    assert again("low low").numpy().tolist() == tokenizer("low low").numpy().tolist()
    theirs = models.Tokenizer.from_preset(str(tmp_path))
    assert np.asarray(theirs("low low")).tolist() == tokenizer("low low").numpy().tolist()


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_tokenizer_of_another_kind_is_refused(byte_pairs, family, tmp_path):
    tokenizer = {
        "bert": BytePairTokenizer(byte_pairs),
        "roberta": WordPieceTokenizer(Vocabulary(PIECES)),
    }[family]
    message = r"KerasHub's (Bert|Roberta)Tokenizer is of another kind than (BytePair|WordPiece)Tok"
    with pytest.raises(ValueError, match=message):
        write_keras_hub_tokenizer(tokenizer, tmp_path, family)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    write_preset(tmp_path, "GPT2Backbone")
    tokens = {token: i for i, token in enumerate(("<|endoftext|>", "a", "b", "ab"))}
    models.GPT2Tokenizer(tokens, ["a b"]).save_to_preset(str(tmp_path))
    message = r"has a GPT2Tokenizer; this package reads BertTokenizer, RobertaTokenizer, DistilBert"
    with pytest.raises(ValueError, match=message):
        read_keras_hub_tokenizer(tmp_path)


def test_a_preset_without_a_tokenizer_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"KerasHub cannot read the tokenizer of .*: "):
        read_keras_hub_tokenizer(tmp_path)


def test_an_accent_rule_that_has_no_place_is_said(tmp_path, caplog):
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a"]), True, strip_accents=False)
    write_keras_hub_tokenizer(tokenizer, tmp_path, "bert")
    assert "the tokenizer will have `strip_accents=True`" in caplog.text


def test_the_logits_before_an_activation_are_read(tmp_path, caplog):
    backbone = make("BertBackbone", num_layers=0)
    classifier = models.BertTextClassifier(backbone, num_classes=3, activation="softmax")
    classifier.save_to_preset(str(tmp_path))
    with caplog.at_level("INFO"):
        model, _ = read_model(tmp_path, Request())
    assert "ends in an activation: read are the logits before it" in caplog.text
    inputs = batch()
    logits = np.asarray(model(inputs)["label"])
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    theirs = classifier({name: inputs[name] for name in classifier.input})
    np.testing.assert_allclose(theirs, expected, atol=2e-5)


def test_added_tokens_have_no_place(tmp_path):
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "a", "<mask>", "flu"]
    tokenizer = BytePairTokenizer(BytePairVocabulary(tokens, [], added_tokens=["flu"]))
    with pytest.raises(ValueError, match="has no place for added tokens: flu"):
        write_keras_hub_tokenizer(tokenizer, tmp_path, "roberta")
