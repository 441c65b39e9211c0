"""Files as others run them: no TensorFlow, labels and vocabulary out of the file."""

import subprocess
import sys

import numpy as np
import pytest
from lite_files import LENGTH, bundle_of, content_of, written

from keras_bert_kit.export.lite_cost import ROOT, cost_of_file
from keras_bert_kit.export.lite_model import LiteModel, packed_files, padded
from keras_bert_kit.export.metadata import pack

WITHOUT_TENSORFLOW = """
import sys
from keras_bert_kit.export.lite_model import LiteModel

model = LiteModel(sys.argv[1])
print(model.run([2, 5, 3])["probabilities"].argmax(), *model.labels)
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    bundle = bundle_of("classification")
    content = pack(
        content_of("classification", "float32"),
        name="tiny",
        description="A tiny model.",
        tokenizer=bundle.tokenizer,
        labels=bundle.labels,
        about={"quantization": "float32"},
    )
    return written(tmp_path_factory.mktemp("files"), content)


def test_it_runs_where_there_is_no_tensorflow(path):
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, str(path)],
        capture_output=True,
        cwd=ROOT,
        check=True,
        text=True,
    )
    best = LiteModel(path).run([2, 5, 3])["probabilities"].argmax()
    assert found.stdout.split("\n")[0] == f"{best} bad good so so"


def test_labels_vocabulary_and_facts_are_in_the_file(path):
    model = LiteModel(path)
    assert model.labels == ("bad", "good", "so so")
    assert model.vocabulary == bundle_of("classification").tokenizer.vocabulary.tokens
    assert model.about == {"quantization": "float32"}
    assert model.sequence_length == LENGTH


def test_a_file_without_them_has_none(tmp_path):
    path = written(tmp_path, content_of("classification", "float32"))
    model = LiteModel(path)
    assert (model.labels, model.vocabulary, model.about) == (None, None, {})
    assert packed_files(path) == {}


def test_padding_makes_no_difference(path):
    model = LiteModel(path, threads=2)
    row = padded([2, 5, 9, 3], None, LENGTH)
    other = row | {"token_ids": np.where(row["padding_mask"], row["token_ids"], 7)}
    expected = model.run([2, 5, 9, 3])["probabilities"]
    np.testing.assert_allclose(model._run(**other)["probabilities"][0], expected, atol=1e-6)


def test_more_tokens_than_it_takes_are_refused(path):
    with pytest.raises(ValueError, match=r"model.tflite takes up to 16 tokens; received 17."):
        LiteModel(path).run([5] * 17)


def test_more_tokens_than_the_model_has_positions_are_refused(path, monkeypatch):
    model = LiteModel(path)
    monkeypatch.setattr(model, "sequence_length", None)  # as if it took any
    monkeypatch.setattr(model, "about", {"max_sequence_length": 16})
    with pytest.raises(ValueError, match=r"model.tflite takes up to 16 tokens; received 17."):
        model.run([5] * 17)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"There is no file nowhere.tflite."):
        LiteModel("nowhere.tflite")


def test_cost_is_measured_in_a_process_of_its_own(path):
    cost = cost_of_file(path, [padded([2, 5, 3], None, LENGTH)] * 3)
    assert set(cost.latency) == {1, 2}
    assert all(0 < p50 <= p95 < 1_000 for p50, p95 in cost.latency.values())
    assert 10 < cost.start_megabytes < cost.peak_megabytes < 300  # TensorFlow alone has more


def test_a_file_that_does_not_run_is_an_error(tmp_path):
    path = written(tmp_path, b"no model at all")
    with pytest.raises(RuntimeError, match=r"LiteRT cannot run model.tflite \(exit code 1\)"):
        cost_of_file(path, [padded([2, 5, 3], None, LENGTH)])
