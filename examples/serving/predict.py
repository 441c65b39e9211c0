"""Asks TensorFlow Serving over gRPC what a body of a REST request would.

pip install tensorflow-serving-api==2.21.0
python predict.py texts.json --model sentiment --server localhost:8500
"""

import argparse
import json
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

SECONDS = 30  # to wait for an answer


def request_of(body: dict, model: str) -> PredictRequest:
    """The body of a REST request as a gRPC request to a model."""
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = body["signature_name"]
    for name, values in body["inputs"].items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))  # strings, or int32
    return request


def values_of(tensor) -> list:
    """What an output holds, strings as text."""
    values = tf.make_ndarray(tensor)
    if values.dtype == object:  # strings come as bytes
        values = np.vectorize(bytes.decode, otypes=[object])(values)
    return values.tolist()


def main() -> None:
    """Prints each output."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("body", type=Path, help="a JSON file with signature_name and inputs")
    parser.add_argument("--model", default="sentiment", help="its name on the server")
    parser.add_argument("--server", default="localhost:8500", help="host and port for gRPC")
    arguments = parser.parse_args()
    request = request_of(json.loads(arguments.body.read_text("utf-8")), arguments.model)
    with grpc.insecure_channel(arguments.server) as channel:
        response = PredictionServiceStub(channel).Predict(request, timeout=SECONDS)
    for name, tensor in sorted(response.outputs.items()):
        print(f"{name}: {values_of(tensor)}")


if __name__ == "__main__":
    main()
