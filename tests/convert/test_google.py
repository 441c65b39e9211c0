"""Checkpoints of TensorFlow 1: the names and shapes of Google's code, and what is refused."""

import json
import logging
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from reference_bert import randomize

from keras_bert_kit.convert.google import read_model, write_model
from keras_bert_kit.convert.hugging_face_config import Request
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, PretrainingModel, SpanModel, TaggingModel

ARGUMENTS = {
    "vocabulary_size": 11,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 10,
}
NO_BLOCKS = ARGUMENTS | {"num_layers": 0}  # quicker to build
# As google-research/bert makes them: modeling.py, run_pretraining.py, run_classifier.py,
# run_squad.py.
ENCODER = {
    "bert/embeddings/word_embeddings": [11, 8],
    "bert/embeddings/position_embeddings": [10, 8],
    "bert/embeddings/token_type_embeddings": [2, 8],
    "bert/embeddings/LayerNorm/gamma": [8],
    "bert/embeddings/LayerNorm/beta": [8],
    "bert/encoder/layer_0/attention/self/query/kernel": [8, 8],
    "bert/encoder/layer_0/attention/self/query/bias": [8],
    "bert/encoder/layer_0/attention/self/key/kernel": [8, 8],
    "bert/encoder/layer_0/attention/self/key/bias": [8],
    "bert/encoder/layer_0/attention/self/value/kernel": [8, 8],
    "bert/encoder/layer_0/attention/self/value/bias": [8],
    "bert/encoder/layer_0/attention/output/dense/kernel": [8, 8],
    "bert/encoder/layer_0/attention/output/dense/bias": [8],
    "bert/encoder/layer_0/attention/output/LayerNorm/gamma": [8],
    "bert/encoder/layer_0/attention/output/LayerNorm/beta": [8],
    "bert/encoder/layer_0/intermediate/dense/kernel": [8, 12],
    "bert/encoder/layer_0/intermediate/dense/bias": [12],
    "bert/encoder/layer_0/output/dense/kernel": [12, 8],
    "bert/encoder/layer_0/output/dense/bias": [8],
    "bert/encoder/layer_0/output/LayerNorm/gamma": [8],
    "bert/encoder/layer_0/output/LayerNorm/beta": [8],
    "bert/pooler/dense/kernel": [8, 8],
    "bert/pooler/dense/bias": [8],
}
MASKED_LM = {
    "cls/predictions/transform/dense/kernel": [8, 8],
    "cls/predictions/transform/dense/bias": [8],
    "cls/predictions/transform/LayerNorm/gamma": [8],
    "cls/predictions/transform/LayerNorm/beta": [8],
    "cls/predictions/output_bias": [11],
}
NEXT_SENTENCE = {
    "cls/seq_relationship/output_weights": [2, 8],
    "cls/seq_relationship/output_bias": [2],
}
HEADS = {
    "encoder": (lambda encoder: encoder, {}),
    "pretraining": (PretrainingModel, MASKED_LM | NEXT_SENTENCE),
    "masked_lm": (lambda encoder: PretrainingModel(encoder, next_sentence=False), MASKED_LM),
    "classification": (
        lambda encoder: ClassificationModel(encoder, 3),
        {"output_weights": [3, 8], "output_bias": [3]},
    ),
    "span": (SpanModel, {"cls/squad/output_weights": [2, 8], "cls/squad/output_bias": [2]}),
}


@pytest.fixture(scope="module", params=HEADS)
def saved(request, tmp_path_factory):
    """The name of a model, the model, and the folder that it was written to."""
    model = HEADS[request.param][0](Encoder(**ARGUMENTS))
    randomize(model)
    folder = tmp_path_factory.mktemp("google")
    write_model(model, folder)
    return request.param, model, folder


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory):
    """A model with both heads of pre-training and its folder."""
    model = PretrainingModel(Encoder(**NO_BLOCKS))
    randomize(model)
    folder = tmp_path_factory.mktemp("pretraining")
    write_model(model, folder)
    return model, folder


def read(folder, *, ignore=(), **request):
    return read_model(folder, Request(**request), ignore)


def assert_same_weights(model, expected):
    values = {weight.path: np.asarray(weight.value) for weight in expected.weights}
    for weight in model.weights:
        np.testing.assert_array_equal(weight.value, values[weight.path], err_msg=weight.path)


def with_more(folder, to, tensors):
    """A copy of a folder whose checkpoint has more tensors."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
    tensors = {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map()} | tensors
    tf.raw_ops.SaveV2(
        prefix=str(to / "bert_model.ckpt"),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=list(tensors.values()),
    )
    return to


def test_a_checkpoint_has_the_names_and_shapes_of_googles(saved):
    name, _, folder = saved
    listed = dict(tf.train.list_variables(str(folder / "bert_model.ckpt")))
    assert listed == ENCODER | HEADS[name][1]


def test_a_class_is_a_row_of_the_output_weights(saved):
    name, model, folder = saved
    names = [n for n in HEADS[name][1] if n.endswith("output_weights")]
    for theirs in names:
        values = tf.train.load_variable(str(folder / "bert_model.ckpt"), theirs)
        kernel = model.layers[-1].linear.kernel
        np.testing.assert_array_equal(values, np.asarray(kernel).T)


def test_attention_is_in_three_parts(saved):
    _, model, folder = saved
    reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
    layer = "bert/encoder/layer_0/attention/self"
    parts = [reader.get_tensor(f"{layer}/{part}/kernel") for part in ("query", "key", "value")]
    (ours,) = (w for w in model.weights if w.path == "block_0/attention/query_key_value/kernel")
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), ours)


def test_a_saved_model_comes_back_bit_by_bit(saved):
    name, model, folder = saved
    # Google's files do not say for what a classifier is, nor what its classes are called.
    request = {"task": name, "labels": ("a", "b", "c")} if name == "classification" else {}
    again, description = read(folder, **request)
    assert type(again) is type(model)
    assert description.labels == request.get("labels")
    # As in Transformers, these have no pooler.
    unread = {"pooler/kernel", "pooler/bias"} if name in ("masked_lm", "span") else set()
    assert {w.path for w in again.weights} == {w.path for w in model.weights} - unread
    assert_same_weights(again, model)


def test_a_classifier_must_be_asked_for(saved):
    name, _, folder = saved
    if name == "classification":
        with pytest.raises(ValueError, match=r"does not say whether its classifier is for texts"):
            read(folder)


@pytest.mark.parametrize("task", [None, "pretraining"])
def test_heads_say_what_a_checkpoint_is(pretraining, task):
    _, description = read(pretraining[1], task=task)
    assert (description.task, description.heads) == ("pretraining", ("masked_lm", "next_sentence"))


def test_a_checkpoint_may_be_of_something_else(pretraining, tmp_path):
    _, folder = pretraining
    for file in folder.iterdir():
        shutil.copy(file, tmp_path / file.name.replace("bert_model.ckpt", "model.ckpt-100000"))
    assert_same_weights(read(tmp_path)[0], pretraining[0])


def test_what_training_left_is_passed_over(pretraining, tmp_path):
    model, folder = pretraining
    left = {
        "bert/pooler/dense/kernel/adam_m": np.zeros((8, 8), "float32"),
        "bert/pooler/dense/kernel/adam_v": np.zeros((8, 8), "float32"),
        "bert/pooler/dense/bias/Adam": np.zeros(8, "float32"),
        "bert/pooler/dense/bias/Adam_1": np.zeros(8, "float32"),
        "beta1_power": np.float32(0.9),
        "beta2_power": np.float32(0.999),
        "global_step": np.int64(7),
    }
    assert_same_weights(read(with_more(folder, tmp_path, left))[0], model)


def test_anything_else_that_is_left_over_is_an_error_or_ignored(pretraining, tmp_path):
    model, folder = pretraining
    folder = with_more(folder, tmp_path, {"bert/adam_mixer": np.zeros(8, "float32")})
    with pytest.raises(ValueError, match=r"not those of this model: left over: bert/adam_mixer\."):
        read(folder)
    assert_same_weights(read(folder, ignore=["bert/adam"])[0], model)


def test_the_configuration_is_that_of_google(pretraining):
    config = json.loads((pretraining[1] / "bert_config.json").read_text())
    assert config == {
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": 8,
        "initializer_range": 0.02,
        "intermediate_size": 12,
        "max_position_embeddings": 10,
        "num_attention_heads": 2,
        "num_hidden_layers": 0,
        "type_vocab_size": 2,
        "vocab_size": 11,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"position_offset": 2, "layer_norm_epsilon": 1e-5},
            r"has BERT only, with the epsilon 1e-12 in .*; this is roberta with 1e-05\.",
        ),
        ({"num_segments": 0, "pooler": False}, r"this is distilbert with 1e-12\."),
        ({"layer_norm_epsilon": 1e-6}, r"this is bert with 1e-06\."),
    ],
)
def test_what_is_no_bert_of_googles_is_refused(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_model(Encoder(**NO_BLOCKS | changes), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_tagger_has_no_place(tmp_path, caplog):
    model = TaggingModel(Encoder(**NO_BLOCKS), 3)
    message = (
        r"Google's release has no place for tagger/linear/kernel, tagger/linear/bias of this "
        r"model\. To go without them, say `leave_out=\['tagger'\]`, as an option"
    )
    with pytest.raises(ValueError, match=message):
        write_model(model, tmp_path)
    write_model(model, tmp_path, leave_out=["tagger"])
    assert "Left out, as Google's release has no place for them: tagger/linear/" in caplog.text
    listed = dict(tf.train.list_variables(str(tmp_path / "bert_model.ckpt")))
    assert listed == {n: shape for n, shape in ENCODER.items() if "layer_0" not in n}


def test_the_approximate_gelu_is_warned_of(tmp_path, caplog):
    write_model(Encoder(**NO_BLOCKS, activation="gelu_approximate"), tmp_path)
    assert "this model was trained with the approximate one" in caplog.text
    assert json.loads((tmp_path / "bert_config.json").read_text())["hidden_act"] == "gelu"


def copied(folder, to):
    return shutil.copytree(folder, to, dirs_exist_ok=True)


def test_a_data_file_that_is_cut_off_is_an_error(pretraining, tmp_path):
    folder = copied(pretraining[1], tmp_path)
    data = folder / "bert_model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    message = r"bert_model\.ckpt is broken at (bert|cls)/[\w/]+: .* Download it again\."
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        read(folder)


def test_an_index_that_is_none_is_an_error(pretraining, tmp_path):
    folder = copied(pretraining[1], tmp_path)
    (folder / "bert_model.ckpt.index").write_bytes(b"no index")
    with pytest.raises(ValueError, match=r"bert_model\.ckpt is no checkpoint that can be read: "):
        read(folder)


def test_a_missing_index_is_an_error(pretraining, tmp_path):
    folder = copied(pretraining[1], tmp_path)
    (folder / "bert_model.ckpt.index").unlink()
    message = r"must hold bert_model\.ckpt\.index or just one .* found 0: none\."
    with pytest.raises(FileNotFoundError, match=message):
        read(folder)


def test_two_checkpoints_are_an_error_unless_one_has_googles_name(pretraining, tmp_path):
    model, folder = pretraining
    copied(folder, tmp_path)
    for name in ("model.ckpt-1.index", "model.ckpt-2.index"):
        shutil.copy(folder / "bert_model.ckpt.index", tmp_path / name)
    assert_same_weights(read(tmp_path)[0], model)
    (tmp_path / "bert_model.ckpt.index").unlink()
    with pytest.raises(FileNotFoundError, match=r"found 2: model\.ckpt-1, model\.ckpt-2\."):
        read(tmp_path)


def test_a_missing_configuration_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no bert_config\.json: give the folder of a"):
        read(tmp_path)


def test_a_checkpoint_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "bert_model.ckpt.index" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"Could not write .*bert_model\.ckpt: "):
        write_model(Encoder(**NO_BLOCKS), tmp_path)


def test_a_new_classifier_starts_on_googles_encoder(pretraining, caplog):
    model, folder = pretraining
    with caplog.at_level(logging.INFO, "keras_bert_kit"):
        ours, description = read(
            folder, task="classification", labels=("no", "yes"), initialize=("classifier",)
        )
    assert description.head["num_classes"] == 2
    assert_same_weights(ours.encoder, model)
    assert "with first values: classifier/linear/bias, classifier/linear/kernel." in caplog.text
    assert "as not asked for: cls/predictions/output_bias, " in caplog.text
