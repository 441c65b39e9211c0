"""A trained model starts more pre-training with its own weights, and what it lacks is new."""

import logging

import numpy as np
import pytest
from tiny_models import INPUTS, MASK_POSITIONS, tiny_encoder, tiny_pretraining_model

from keras_bert_kit.config import EncoderConfig, encoder_config
from keras_bert_kit.continued_pretraining import load_for_pretraining, size_of
from keras_bert_kit.pretrained import save
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(
    Vocabulary([*SPECIAL_TOKENS, "a", "b", "c", "d", "E", "f"]), lowercase=False
)


def saved(model, folder, file_format="keras_bert_kit"):
    save(model, TOKENIZER, folder, file_format)
    return folder


def assert_same_weights(model, other, count):
    values = {weight.path: weight.numpy() for weight in other.trainable_weights}
    shared = [weight for weight in model.trainable_weights if weight.path in values]
    assert len(shared) == count
    for weight in shared:
        np.testing.assert_array_equal(weight.numpy(), values[weight.path])


@pytest.mark.parametrize("file_format", ["keras_bert_kit", "hugging_face", "tensorflow1"])
def test_a_pretraining_model_goes_on_as_it_is(tmp_path, file_format):
    model = tiny_pretraining_model()
    start = load_for_pretraining(saved(model, tmp_path / "model", file_format))
    assert start.new_parts == ()
    assert start.has_next_sentence
    assert start.tokenizer.vocabulary.fingerprint == TOKENIZER.vocabulary.fingerprint
    assert start.tokenizer.lowercase is False
    inputs = {**INPUTS, "mask_positions": MASK_POSITIONS}
    found, expected = start.model(inputs), model(inputs)
    for name in ("masked_lm", "next_sentence"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@pytest.mark.parametrize("file_format", ["keras_bert_kit", "hugging_face"])
def test_a_bare_encoder_gets_a_new_masked_token_head(tmp_path, file_format, caplog):
    encoder = tiny_encoder()
    start = load_for_pretraining(saved(encoder, tmp_path / "model", file_format))
    assert start.new_parts == ("masked_lm",)
    assert not start.has_next_sentence
    assert "so with first values: masked_lm/" in caplog.text
    assert_same_weights(start.model, encoder, len(encoder.trainable_weights) - 2)  # the pooler's


def test_next_sentences_may_be_left_out_or_be_new(tmp_path, caplog):
    both = tiny_pretraining_model()
    with caplog.at_level(logging.INFO):
        start = load_for_pretraining(saved(both, tmp_path / "both"), next_sentence=False)
    assert start.description.heads == ("masked_lm",)
    assert not start.description.encoder.pooler
    assert f"Left out of {tmp_path / 'both'}, as not trained: next_sentence, pooler." in caplog.text
    assert_same_weights(start.model, both, len(both.trainable_weights) - 4)

    one = tiny_pretraining_model(next_sentence=False, pooler=False)
    start = load_for_pretraining(saved(one, tmp_path / "one"), next_sentence=True)
    assert start.new_parts == ("next_sentence", "pooler")
    assert "so with first values: next_sentence, pooler." in caplog.text
    assert_same_weights(start.model, one, len(one.trainable_weights))


def test_dropout_and_dtype_are_chosen(tmp_path):
    folder = saved(tiny_pretraining_model(dropout=0.3), tmp_path / "model")
    assert load_for_pretraining(folder).description.encoder.dropout == 0.3
    start = load_for_pretraining(folder, dropout=0.0, dtype="mixed_bfloat16")
    assert start.description.encoder.dropout == start.model.encoder.config["dropout"] == 0.0
    assert start.model.encoder.get_layer("block_0").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in start.model.trainable_weights} == {"float32"}


def test_only_bert_has_next_sentences(tmp_path):
    model = tiny_pretraining_model(next_sentence=False, num_segments=0, pooler=False)
    with pytest.raises(ValueError, match="model of the family distilbert, which has no next-sent"):
        load_for_pretraining(saved(model, tmp_path / "model"), next_sentence=True)


def test_what_is_no_model_is_refused(tmp_path):
    folder = saved(tiny_pretraining_model(), tmp_path / "model")
    (folder / "model.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="holds no trained model"):
        load_for_pretraining(folder)
    (folder / "model.weights.h5").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="is broken or of another model"):
        load_for_pretraining(folder)


def test_sizes_have_names():
    assert size_of(encoder_config("base", "roberta")) == "base"
    assert size_of(encoder_config("distil", "distilbert")) == "distil"
    assert size_of(EncoderConfig(num_layers=3)) is None
