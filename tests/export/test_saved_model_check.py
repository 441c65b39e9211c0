from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tiny_bundles import odd_texts, tiny_bundle

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.export.saved_model import write_saved_models
from keras_bert_kit.export.saved_model_check import check_saved_model, results_of

TEXTS, PAIRS = ([text.replace("\ud83d", "") for text in odd_texts(seed, 12, 30)] for seed in (7, 8))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """By task, a model and the folder of its SavedModels."""
    made = {}

    def export(task):
        if task not in made:
            bundle = tiny_bundle("tagging" if task == "embedding" else task)
            if task == "embedding":
                bundle = Bundle(bundle.tokenizer, bundle.encoder, inputs=bundle.inputs)
            folder = tmp_path_factory.mktemp(task)
            write_saved_models(bundle, folder)
            made[task] = bundle, folder
        return made[task]

    return export


SIGNATURES = {
    "classification": {"texts", "pairs"},
    "multilabel": {"texts", "pairs"},
    "regression": {"texts", "pairs"},
    "tagging": {"texts"},
    "questions": {"questions"},
    "embedding": {"texts", "pairs"},
}


@pytest.mark.parametrize("task", SIGNATURES)
def test_a_saved_model_of_any_task_agrees(task, exported):
    bundle, folder = exported(task)
    found = check_saved_model(bundle, folder, TEXTS, PAIRS if task == "questions" else None)
    assert (found.rows, found.alike) == (12, 1.0)
    assert 0 < found.difference < 1e-5
    assert found.milliseconds > 0 and found.megabytes > 0 and 4 < found.bytes_a_weight < 7
    assert found.table.splitlines()[2].startswith("| strings | ")


@pytest.mark.parametrize("task", SIGNATURES)
def test_every_task_has_its_signatures(task, exported):
    _, folder = exported(task)
    written = SavedModel.FromString((folder / "strings" / "saved_model.pb").read_bytes())
    found = set(written.meta_graphs[0].signature_def) - {"__saved_model_init_op"}
    assert found == SIGNATURES[task] | {"tokens", "serving_default"}


@pytest.mark.parametrize("task", ["classification", "tagging"])
def test_another_model_is_found_out(task, exported):
    _, folder = exported(task)
    other = tiny_bundle(task)
    for weight in other.model.trainable_weights:
        weight.assign(-weight)
    with pytest.raises(RuntimeError, match="The SavedModel differs from the model in Keras by"):
        check_saved_model(other, folder, TEXTS)


def test_no_numbers_are_found_out(tmp_path):
    bundle = tiny_bundle("regression")
    values = bundle.model.get_weights()
    bundle.model.set_weights([np.full_like(value, np.nan) for value in values])
    write_saved_models(bundle, tmp_path)
    bundle.model.set_weights(values)
    with pytest.raises(RuntimeError, match="The SavedModel differs from the model in Keras by nan"):
        check_saved_model(bundle, tmp_path, TEXTS)


def test_a_regression_may_have_a_label(tmp_path):
    bundle = replace(tiny_bundle("regression"), labels=("LABEL_0",))
    write_saved_models(bundle, tmp_path)
    assert check_saved_model(bundle, tmp_path, TEXTS).difference < 1e-5


def test_large_values_differ_by_a_share_of_them(tmp_path):
    bundle = tiny_bundle("regression")
    linear = bundle.model.get_layer("classifier").linear
    linear.kernel.assign(linear.kernel * 1e5)
    linear.bias.assign([3e5])
    write_saved_models(bundle, tmp_path)
    found = check_saved_model(bundle, tmp_path, TEXTS)
    assert 1e-4 < 3e5 * found.difference < 0.3


def test_results_have_the_form_of_predict_text(exported):
    bundle, folder = exported("multilabel")
    served = tf.saved_model.load(folder / "strings").signatures
    said = served["texts"](text=["Ada", "the star"])
    found = results_of({name: x.numpy() for name, x in said.items()}, bundle.labels)
    expected = bundle.predict_text(["Ada", "the star"])
    for one, other in zip(found, expected, strict=True):
        assert one["labels"] == other["labels"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)
    of_pair = served["pairs"](text=["Ada"], pair=["smiled"])
    assert (of_pair["given"].numpy() == (of_pair["probabilities"].numpy() >= 0.5)).all()
