import builtins

import numpy as np
import pytest
from tiny_bundles import tiny_bundle

from keras_bert_kit.export.onnx_file import OnnxModel, write_onnx
from keras_bert_kit.export.served_model import serve


@pytest.mark.parametrize("task", ["classification", "questions"])
def test_an_onnx_file_answers_as_keras_for_any_batch_and_length(task, tmp_path):
    bundle = tiny_bundle(task)
    write_onnx(bundle, tmp_path / "a.onnx")
    model = OnnxModel(tmp_path / "a.onnx", threads=1)
    for texts in (["Ada smiled"], ["the star", "Ada smiled . far", "bread"]):
        inputs = bundle.pack(texts)
        expected, found = serve(bundle.model, inputs), model(inputs)
        assert set(found) == set(expected)
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name], atol=1e-5)


@pytest.mark.parametrize("missing", ["tf2onnx", "onnxruntime", "onnx"])
def test_a_missing_package_is_named(missing, tmp_path, monkeypatch):
    really_import = builtins.__import__

    def without(name, *arguments, **options):
        if name == missing:
            raise ImportError(name)
        return really_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install keras-bert-kit\[onnx\]"):
        write_onnx(tiny_bundle("regression"), tmp_path / "a.onnx")
    if missing == "onnxruntime":
        with pytest.raises(ImportError, match=r"pip install keras-bert-kit\[onnx\]"):
            OnnxModel(tmp_path / "a.onnx")
