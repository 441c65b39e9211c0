"""A model as an ONNX file of token ids, for ONNX Runtime and its like."""

from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import tensorflow as tf

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.export.served_model import in_float32, input_names, serve

OPSET = 17  # of 2022, which every runtime in use has
MISSING = (
    "ONNX files need `tf2onnx` and `onnxruntime`, which are not installed: "
    "`pip install keras-bert-kit[onnx]`."
)


def packages() -> tuple[ModuleType, ModuleType, ModuleType]:
    """`onnx`, `onnxruntime` and `tf2onnx`, which write and read ONNX files.

    Raises:
        ImportError: if a package is not installed; the message says how to.
    """
    try:
        import onnx
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise ImportError(MISSING) from error
    return onnx, onnxruntime, tf2onnx


def write_onnx(bundle: Bundle, path: str | Path) -> None:
    """Writes an ONNX file that takes token ids of any batch and length.

    Its inputs are `token_ids`, `padding_mask` and `segment_ids` `(B, T)` int32, those that the
    model has; its outputs are what `serve` gives.

    Args:
        bundle: the model; one of another precision is written in float32.
        path: the file.

    Raises:
        ImportError: as `packages`.
        OSError: if it cannot be written.
    """
    onnx, _, tf2onnx = packages()
    model = in_float32(bundle).model
    names, weights = input_names(model), model.weights
    specs = [tf.TensorSpec((None, None), tf.int32, name=name) for name in names]
    specs += [tf.TensorSpec(w.shape, w.dtype, name=f"weight_{i}") for i, w in enumerate(weights)]

    def function(*given):
        # As inputs, the weights pass the converter by: as constants it would copy them so often
        # that a model of 270 MB took 21 GB of memory.
        values = zip(weights, given[len(names) :], strict=True)
        with keras.StatelessScope(state_mapping=list(values)):
            return serve(model, dict(zip(names, given, strict=False)))

    converted, _ = tf2onnx.convert.from_function(
        tf.function(function, autograph=False), input_signature=specs, opset=OPSET
    )
    inputs = [one for one in converted.graph.input if one.name in names]
    read = {one.name for one in converted.graph.input}
    del converted.graph.input[:]
    converted.graph.input.extend(inputs)
    converted.graph.initializer.extend(
        onnx.numpy_helper.from_array(weight.numpy(), spec.name)
        for weight, spec in zip(weights, specs[len(names) :], strict=True)
        if spec.name in read
    )
    onnx.checker.check_model(converted)
    write_atomically(Path(path), lambda file: file.write(converted.SerializeToString()))


class OnnxModel:
    """An ONNX file that answers as `serve` does.

    Args:
        path: the file.
        threads: how many it computes with; 0 for as many as there are.

    Raises:
        ImportError: if ONNX Runtime is not installed.
    """

    def __init__(self, path: str | Path, threads: int = 0):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(MISSING) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = [one.name for one in self._session.get_outputs()]

    def __call__(self, inputs: dict) -> dict[str, np.ndarray]:
        """What the model says of `token_ids`, `padding_mask`, `segment_ids`, `(B, T)` int32."""
        said = self._session.run(None, {name: np.asarray(inputs[name]) for name in self._inputs})
        return dict(zip(self._outputs, said, strict=True))
