import keras
import numpy as np
import pytest
from tiny_models import INPUTS, tiny_encoder

from keras_bert_kit.layers.pooling import MeanPooling
from keras_bert_kit.models import ClassificationModel


def test_the_mean_is_that_of_the_tokens_without_padding():
    generator = np.random.default_rng(0)
    states = generator.normal(size=(3, 5, 4)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    expected = [states[row, : mask[row].sum()].mean(axis=0) for row in range(3)]
    np.testing.assert_allclose(MeanPooling()(states, mask), expected, atol=1e-6)


def test_half_precision_is_summed_in_full():
    states = np.full((1, 4096, 1), 0.1, "float32")
    pooled = MeanPooling(dtype="mixed_bfloat16")(states, np.ones((1, 4096), "int32"))
    assert pooled.dtype == "bfloat16"
    assert float(pooled[0, 0]) == pytest.approx(0.1, rel=0.01)


def test_it_survives_its_config():
    assert isinstance(MeanPooling.from_config(MeanPooling().get_config()), MeanPooling)


def test_a_classifier_of_the_mean_does_not_see_padding_and_sees_every_token():
    model = ClassificationModel(tiny_encoder(), 3, pooling="mean")
    longer = {k: np.pad(v, ((0, 0), (0, 2))) for k, v in INPUTS.items()}
    logits = model(INPUTS)["label"]
    np.testing.assert_allclose(model(longer)["label"], logits, atol=1e-5)
    states = np.asarray(model.encoder(INPUTS)["sequence_output"])
    mask = INPUTS["padding_mask"][:, :, None]
    mean = (states * mask).sum(axis=1) / mask.sum(axis=1)
    linear = model.get_layer("classifier").linear
    np.testing.assert_allclose(logits, mean @ linear.kernel + linear.bias, atol=1e-5)


def test_the_pooling_is_part_of_the_config():
    model = ClassificationModel(tiny_encoder(pooler=False), 3, pooling="mean")
    copy = ClassificationModel.from_config(model.get_config())
    assert copy.arguments["pooling"] == "mean"
    assert isinstance(copy, keras.Model)


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match='`pooling` must be "first" or "mean"; received \'max\''):
        ClassificationModel(tiny_encoder(), 2, pooling="max")
