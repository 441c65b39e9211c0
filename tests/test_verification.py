"""Tests of the comparison at the end of a conversion."""

import importlib.util

import numpy as np
import pytest
from tiny_models import tiny_encoder, tiny_pretraining_model

from keras_bert_kit import verification
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.pretrained import find
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer
from keras_bert_kit.verification import random_inputs, verify

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdef"]))


def bundle_of(model):
    return Bundle(TOKENIZER, model)


def test_a_model_that_was_written_is_equal(tmp_path):
    bundle = bundle_of(tiny_pretraining_model())
    bundle.save_pretrained(tmp_path)
    found = verify(bundle, find(tmp_path))
    assert found.equal_weights == found.num_weights == len(bundle.model.weights)
    assert found.differences == {"masked_lm": 0, "next_sentence": 0}
    assert found.largest == 0
    assert str(found).splitlines()[0] == "26 of 26 weights are equal bit by bit."


def test_another_weight_is_seen(tmp_path):
    bundle = bundle_of(tiny_pretraining_model())
    bundle.save_pretrained(tmp_path)
    bias = bundle.model.get_layer("masked_lm").output_bias
    bias.assign(np.asarray(bias) + np.eye(1, 11, 3)[0] * 0.5)
    found = verify(bundle, find(tmp_path))
    assert (found.equal_weights, found.num_weights) == (25, 26)
    assert found.differences["masked_lm"] == pytest.approx(0.5, abs=1e-5)
    assert found.largest == found.differences["masked_lm"]


def test_what_is_not_a_number_is_a_difference(tmp_path):
    bundle = bundle_of(tiny_pretraining_model())
    bundle.model.get_layer("masked_lm").output_bias.assign(np.full(11, np.nan))
    bundle.save_pretrained(tmp_path)
    assert np.isnan(verify(bundle, find(tmp_path)).largest)


def test_transformers_is_asked_where_it_is_installed(tmp_path):
    pytest.importorskip("transformers")
    pytest.importorskip("torch")
    bundle = bundle_of(tiny_pretraining_model())
    bundle.save_pretrained(tmp_path, "hugging_face")
    ((name, difference),) = verify(bundle, find(tmp_path)).elsewhere.items()
    assert name.startswith("hidden states in transformers 5")
    assert 0 < difference < 2e-5


def test_where_it_is_not_that_is_said(tmp_path, monkeypatch):
    bundle = bundle_of(tiny_encoder())
    bundle.save_pretrained(tmp_path, "hugging_face")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        verification, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    found = verify(bundle, find(tmp_path))
    assert found.elsewhere == {}
    assert str(found).splitlines()[-1] == "Not compared in transformers: torch not installed here."


def test_keras_hub_is_asked(tmp_path):
    bundle = bundle_of(tiny_encoder(activation="gelu_approximate"))
    bundle.save_pretrained(tmp_path, "keras_hub")
    ((name, difference),) = verify(bundle, find(tmp_path)).elsewhere.items()
    assert name.startswith("hidden states in keras-nlp")
    assert difference < 2e-5


def test_random_inputs_are_padded_and_lie_in_the_vocabulary():
    inputs = random_inputs(tiny_pretraining_model(), 9, seed=1)
    assert inputs["padding_mask"].sum(axis=1).tolist() == [10, 8, 6, 5]
    is_token = inputs["padding_mask"] == 1
    assert set(inputs["token_ids"][is_token].tolist()) <= set(range(5, 9))
    assert set(inputs["segment_ids"][is_token].tolist()) == {0, 1}
    assert (inputs["mask_positions"].max(axis=1) < [10, 8, 6, 5]).all()
    assert {value.dtype.name for value in inputs.values()} == {"int32"}
