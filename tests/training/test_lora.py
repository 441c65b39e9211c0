"""Tests of LoRA: nothing at first, only it moves, and merged it is the same."""

import logging

import numpy as np
import pytest
from fine_tuned_models import classifier, compiled, fit, moved_layers, values
from tiny_models import INPUTS

from keras_bert_kit.models import ClassificationModel
from keras_bert_kit.training.freezing import freeze
from keras_bert_kit.training.lora import add_lora, merge_lora


def test_lora_adds_nothing_at_first_and_is_all_that_moves(caplog):
    model = classifier()
    before, outputs = values(model), model(INPUTS)["label"].numpy()
    with caplog.at_level(logging.INFO):
        count = add_lora(model, rank=3, alpha=6)
    np.testing.assert_array_equal(model(INPUTS)["label"], outputs)
    # Width 8, inside 12: (in + out) * rank for each of four matrices of two blocks
    head = 8 * 8 + 8 + 8 * 2 + 2
    assert count == 2 * 3 * ((8 + 24) + (8 + 8) + (8 + 12) + (12 + 8)) + head
    assert f"{count:,} of " in caplog.text
    fit(compiled(model, run_eagerly=True), 3)
    assert moved_layers(before, values(model)) == {"pooler", "classifier"}
    assert np.abs(model(INPUTS)["label"] - outputs).max() > 1e-3


def test_a_merged_model_is_plain_and_computes_the_same(tmp_path):
    model = classifier()
    before = values(model)
    add_lora(model, rank=2, alpha=8)
    fit(compiled(model, learning_rate=0.1), 5)
    merged = merge_lora(model)
    assert type(merged) is ClassificationModel
    assert {p: v.shape for p, v in values(merged).items()} == {
        p: v.shape for p, v in before.items()
    }
    np.testing.assert_allclose(merged(INPUTS)["label"], model(INPUTS)["label"], rtol=0, atol=1e-5)
    kernel = "block_1/attention/query_key_value/kernel"
    assert np.abs(values(merged)[kernel] - before[kernel]).max() > 1e-3
    bias = "block_1/attention/query_key_value/bias"
    np.testing.assert_array_equal(values(merged)[bias], before[bias])
    kernels = values(merged)
    fit(model, 1)
    assert merge_lora(model, merged) is merged  # with the weights of now
    assert np.abs(values(merged)[kernel] - kernels[kernel]).max() > 1e-3
    merged.save_weights(tmp_path / "model.weights.h5")
    again = classifier()
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again(INPUTS)["label"], merged(INPUTS)["label"])


def test_lora_is_added_where_it_is_asked_for():
    model = classifier(num_layers=1)
    count = add_lora(model, rank=1, layers=("attention/output_projection",))
    assert count == (8 + 8) + (8 * 8 + 8 + 8 * 2 + 2)
    assert model.encoder.get_layer("block_0").attention.output_projection.lora_enabled
    assert not model.encoder.get_layer("block_0").feed_forward.output_projection.lora_enabled


def test_a_layer_that_is_not_there_is_an_error():
    message = r"names \['query'\], but a block has only \['attention/output_projection', 'att"
    with pytest.raises(ValueError, match=message):
        add_lora(classifier(num_layers=1), layers=("query",))


def test_a_rank_of_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"`rank` must be at least 1; received 0"):
        add_lora(classifier(num_layers=1), rank=0)


def test_lora_twice_is_an_error():
    model = classifier(num_layers=1)
    add_lora(model)
    with pytest.raises(ValueError, match=r"This model has LoRA already; `merge_lora` makes"):
        add_lora(model)


def test_lora_after_training_has_begun_is_an_error():
    model = compiled(classifier(num_layers=1))
    model.optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match=r"after the optimizer had begun.* then `compile`"):
        add_lora(model)


def test_frozen_blocks_get_no_lora():
    model = classifier()
    freeze(model, 1)
    add_lora(model, rank=1)
    paths = {v.path.split("/")[0] for v in model.trainable_variables}
    assert paths == {"block_1", "pooler", "classifier"}


def test_lora_of_no_block_is_an_error():
    model = classifier()
    freeze(model, 2)
    with pytest.raises(ValueError, match="Every block is frozen, so that none gets LoRA"):
        add_lora(model, rank=1)
