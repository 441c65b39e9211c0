"""Each loss is the formula of its paper, computed by NumPy or by another library."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cosine
from scipy.special import expit, rel_entr, softmax

from keras_bert_kit.compression.losses import (
    SoftBinaryCrossEntropy,
    SoftCrossEntropy,
    attention_divergence,
    cosine_distance,
    vector_error,
)

RANDOM = np.random.default_rng(0)
TEACHER, STUDENT = RANDOM.normal(size=(2, 3, 5, 4)).astype("float32") * 3


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_soft_cross_entropy_is_a_divergence_at_a_temperature(temperature):
    found = SoftCrossEntropy(temperature).call(TEACHER, STUDENT)
    teacher, student = (softmax(z / temperature, axis=-1) for z in (TEACHER, STUDENT))
    expected = temperature**2 * rel_entr(teacher, student).sum(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_its_gradient_is_that_of_the_cross_entropy_with_soft_labels():
    student = keras.Variable(STUDENT[0])
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(SoftCrossEntropy(2.0).call(TEACHER[0], student))
    found = tape.gradient(loss, student.value)
    expected = 2.0 * (softmax(STUDENT[0] / 2, axis=-1) - softmax(TEACHER[0] / 2, axis=-1))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_soft_binary_cross_entropy_is_the_mean_of_single_ones():
    teacher, student = TEACHER[0], STUDENT[0]
    found = SoftBinaryCrossEntropy(2.0).call(teacher, student)
    p, q = expit(teacher / 2), expit(student / 2)
    expected = 4 * (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).mean(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_cosine_distance():
    found = cosine_distance(TEACHER, STUDENT)
    vectors = zip(TEACHER.reshape(-1, 4), STUDENT.reshape(-1, 4), strict=True)
    expected = np.reshape([cosine(t, s) for t, s in vectors], (3, 5))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cosine_distance(TEACHER, TEACHER * 7), 0, atol=1e-6)


def test_the_vector_error():
    found = vector_error(TEACHER, STUDENT)
    np.testing.assert_allclose(found, ((TEACHER - STUDENT) ** 2).mean(axis=-1), rtol=1e-5)


def test_the_divergence_of_attention_is_a_mean_over_heads_and_padding_counts_nothing():
    teacher, student = softmax(RANDOM.normal(size=(2, 3, 2, 5, 5)) * 2, axis=-1)
    for weights in (teacher, student):
        weights[0, ..., 3:] = 0  # padding
        weights /= weights.sum(axis=-1, keepdims=True)
    found = attention_divergence(teacher, student)
    expected = rel_entr(teacher, student).sum(axis=-1).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", [SoftCrossEntropy, SoftBinaryCrossEntropy])
def test_temperatures(loss):
    with pytest.raises(ValueError, match="`temperature` must be positive; received 0"):
        loss(0)
    copied = keras.losses.deserialize(keras.losses.serialize(loss(3.0)))
    assert copied.temperature == 3.0
