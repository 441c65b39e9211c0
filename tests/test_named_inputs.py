import keras
import numpy as np
import pytest
from tiny_models import BATCH, INPUTS, tiny_encoder

from keras_bert_kit.named_inputs import NamedInputs


class Difference(NamedInputs, keras.Model):
    def __init__(self):
        inputs = {name: keras.Input((1,), name=name) for name in ("b", "d")}
        super().__init__(inputs, inputs["b"] - inputs["d"])


def numbers(**values):
    return {name: np.full((1, 1), value, "float32") for name, value in values.items()}


def test_takes_its_inputs_by_name_among_others():
    model = Difference()
    assert model(numbers(d=2, b=10)) == 8
    assert model(numbers(a=100, b=10, c=200, d=2, e=300)) == 8
    assert model.predict(numbers(a=100, b=10, c=200, d=2, e=300), verbose=0) == 8


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_keras_alone_would_shift_them():
    inputs = {name: keras.Input((1,), name=name) for name in ("b", "d")}
    model = keras.Model(inputs, inputs["b"] - inputs["d"])
    # 100 - 10. Once this is 8 again, `NamedInputs` can go.
    assert model(numbers(a=100, b=10, c=200, d=2, e=300)) == 90


def test_a_missing_input_is_an_error():
    with pytest.raises(ValueError, match='Missing data for input "d"'):
        Difference()(numbers(b=10, e=2))


def test_an_encoder_without_segments_reads_a_batch_with_segments():
    encoder = tiny_encoder(num_segments=0)
    without = {name: INPUTS[name] for name in ("token_ids", "padding_mask")}
    for model in (encoder, encoder.with_internals()):
        np.testing.assert_array_equal(
            model(BATCH[0])["sequence_output"], model(without)["sequence_output"]
        )
