"""Defects of Keras in its models, their layers and their files."""

import h5py
import keras
import numpy as np
import pytest
from upstream_defects import still_broken


def test_values_and_inputs_are_paired_by_order():
    inputs = {"b": keras.Input((1,), name="b")}
    model = keras.Model(inputs, inputs["b"] * 2)
    one = np.ones((1, 1), "float32")
    assert float(model({"b": one})[0, 0]) == 2
    with pytest.warns(UserWarning, match="structure of `inputs`"):
        found = float(model({"a": one * 10, "b": one})[0, 0])
    with still_broken(
        "A functional model of Keras takes an entry too many for an input of another name",
        "keras_bert_kit/named_inputs.py: class NamedInputs",
    ):
        assert found == 20


def test_weights_are_saved_with_the_moments(tmp_path):
    def num_arrays(model):
        model.save_weights(tmp_path / "model.weights.h5")
        found = []
        with h5py.File(tmp_path / "model.weights.h5") as file:
            file.visititems(lambda _, item: found.append(isinstance(item, h5py.Dataset)))
        return sum(found)

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    assert num_arrays(model) == 1
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    with still_broken(
        "Keras's `save_weights` writes the optimizer's moments too",
        "keras_bert_kit/run_folder.py: copy = type(model).from_config",
    ):
        assert num_arrays(model) == 1 + 4


def test_weights_of_another_model_are_loaded(tmp_path):
    def model(num_layers):
        layers = [keras.layers.Dense(1, kernel_initializer="ones") for _ in range(num_layers)]
        return keras.Sequential([keras.Input((1,)), *layers])

    model(2).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError):
        model(3).load_weights(tmp_path / "model.weights.h5")
    with still_broken(
        "Keras's `load_weights` reads what it finds a place for, and leaves the rest unsaid",
        "keras_bert_kit/pretrained.py: def _count_arrays",
    ):
        try:
            model(1).load_weights(tmp_path / "model.weights.h5")
        except ValueError as error:
            pytest.fail(f"it is refused: {error}")


def test_a_kernel_with_lora_is_rounded_in_mixed_precision():
    layer = keras.layers.Dense(4, dtype="mixed_bfloat16")
    layer.build((None, 4))
    layer.enable_lora(2)
    (variable,) = (weight for weight in layer.weights if weight.name == "kernel")
    assert variable.dtype == "float32"
    with still_broken(
        "`kernel` of a Keras layer with LoRA is what it computes with, not what it keeps",
        "keras_bert_kit/training/lora.py: Not `layer.kernel`",
    ):
        assert keras.backend.standardize_dtype(layer.kernel.dtype) == "bfloat16"
