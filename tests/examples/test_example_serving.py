"""Request bodies for TensorFlow Serving fit the signatures of what is exported."""

import json
import runpy
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 (its operations are in the SavedModels)
from tiny_bundles import tiny_bundle

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.saved_model import write_saved_models

FOLDER = Path(__file__).parents[2] / "examples" / "serving"
BODIES = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}


@pytest.fixture(scope="module")
def signatures(tmp_path_factory):
    """The signatures of a classifier and of a model of questions, by name."""
    found = {}
    for task in ("classification", "questions"):
        folder = tmp_path_factory.mktemp(task)
        write_saved_models(tiny_bundle(task, InputOptions(16)), folder)
        served = tf.saved_model.load(folder / "strings")
        found = {**served.signatures, **found}
    return found


def answers(signatures, body: dict) -> dict:
    inputs = {name: tf.constant(values) for name, values in body["inputs"].items()}
    return signatures[body["signature_name"]](**inputs)


def test_there_is_a_body_for_every_signature(signatures):
    assert set(BODIES) == set(signatures) - {"serving_default"}
    assert all(body["signature_name"] == name for name, body in BODIES.items())


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_has_the_names_types_and_shapes_of_its_signature(signatures, name):
    body = BODIES[name]
    assert set(body) == {"signature_name", "inputs"}
    expected = signatures[name].structured_input_signature[1]
    assert set(body["inputs"]) == set(expected)
    for key, values in body["inputs"].items():
        tensor = tf.constant(values)
        assert tensor.dtype == expected[key].dtype
        assert expected[key].shape.is_compatible_with(tensor.shape)


def test_the_client_prints_answers_in_any_script():
    values_of = runpy.run_path(str(FOLDER / "predict.py"))["values_of"]
    for values in (["Zürich", "好"], [["é"], [""]], [], [0.5]):
        tensor = tf.make_tensor_proto(values, tf.float32 if values == [0.5] else tf.string)
        assert values_of(tensor) == values


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_has_the_outputs_that_the_guide_names(signatures, name):
    guide = (FOLDER / "README.md").read_text("utf-8")
    (line,) = [line for line in guide.splitlines() if line.startswith(f"| `{name}` |")]
    outputs = answers(signatures, BODIES[name])
    assert {f"`{key}`" for key in outputs} == set(line.split("|")[3].strip().split(", "))
    rows = len(next(iter(BODIES[name]["inputs"].values())))
    assert {len(values) for values in outputs.values()} == {rows}


def test_the_answer_is_that_of_keras(signatures):
    body = BODIES["texts"]
    outputs = answers(signatures, body)
    expected = tiny_bundle("classification", InputOptions(16)).predict_text(body["inputs"]["text"])
    assert [label.decode() for label in outputs["label"].numpy()] == [e["label"] for e in expected]
    np.testing.assert_allclose(
        outputs["probabilities"], [list(e["probabilities"].values()) for e in expected], atol=1e-6
    )


@pytest.mark.parametrize("name", ["texts", "tokens"])
def test_the_client_asks_over_grpc(signatures, name):
    """The server is one of ours with TensorFlow Serving's protocol, as theirs is no package."""
    grpc = pytest.importorskip("grpc")
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    service = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")

    class Service(service.PredictionServiceServicer):
        def Predict(self, request, context):
            assert request.model_spec.name == "tiny"
            inputs = {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()}
            found = signatures[request.model_spec.signature_name](
                **{key: tf.constant(values) for key, values in inputs.items()}
            )
            response = predict_pb2.PredictResponse()
            for key, values in found.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(values.numpy()))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    service.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    program = [sys.executable, FOLDER / "predict.py", FOLDER / f"{name}.json", "--model", "tiny"]
    found = subprocess.run(
        [*program, "--server", f"localhost:{port}"], capture_output=True, text=True, check=True
    )
    server.stop(None)
    said = dict(line.split(": ", 1) for line in found.stdout.splitlines())
    expected = answers(signatures, BODIES[name])
    assert set(said) == set(expected)
    assert said["label"] == str([one.decode() for one in expected["label"].numpy()])
    np.testing.assert_allclose(json.loads(said["logits"]), expected["logits"], atol=1e-6)
