import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_kit.training.losses import (
    absolute_errors,
    binary_cross_entropy,
    binary_focal_cross_entropy,
    cross_entropy,
    cross_entropy_terms,
    focal_cross_entropy,
    squared_error,
    squared_errors,
    weighted_sums,
)

# Two classes with equal logits: every term is ln 2 = 0.693, whatever the label.
LABELS, LOGITS = np.array([[0, 1]]), np.zeros((1, 2, 2), "float32")
ONE_OF_TWO = np.array([[1, 0]], "float32")


def test_cross_entropy_divides_by_the_weights():
    assert float(cross_entropy()(LABELS, LOGITS, ONE_OF_TWO)) == pytest.approx(0.693147)


def test_kerass_default_divides_by_the_slots():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Once this is 0.693 too, `cross_entropy` can be Keras's default.
    assert float(loss(LABELS, LOGITS, ONE_OF_TWO)) == pytest.approx(0.693147 / 2)


def test_cross_entropy_is_minus_the_logarithm_of_the_softmax():
    logits = np.array([[1.0, 2.0, 4.0]], "float32")
    expected = -math.log(math.exp(2) / (math.exp(1) + math.exp(2) + math.exp(4)))
    assert float(cross_entropy()(np.array([1]), logits)) == pytest.approx(expected)


def test_weighted_sums():
    values = np.array([[2.0, 4.0], [8.0, 16.0]])
    weights = np.array([[1, 0], [0.5, 0]])
    assert [float(x) for x in weighted_sums(values, weights)] == [6.0, 1.5]
    assert [float(x) for x in weighted_sums(values)] == [30.0, 4.0]


def test_weighted_sums_are_made_in_float32():
    values = keras.ops.ones((1000,), "bfloat16")  # where 256 + 1 is 256
    sums = weighted_sums(values, values)
    assert [float(x) for x in sums] == [1000.0, 1000.0]
    assert {keras.backend.standardize_dtype(x.dtype) for x in sums} == {"float32"}


def test_one_weight_a_row_is_an_error():
    with pytest.raises(ValueError, match=r"weights of shape \(2,\) for terms of shape \(2, 3\)"):
        weighted_sums(np.ones((2, 3)), np.ones(2))


GENERATOR = np.random.default_rng(0)
TOKEN_LOGITS = GENERATOR.normal(0, 3, (2, 4, 3))
TOKEN_LABELS = GENERATOR.integers(0, 3, (2, 4))
ROW_LOGITS = GENERATOR.normal(0, 3, (5, 3))
SETS_OF_LABELS = GENERATOR.integers(0, 2, (5, 3))


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def of_label(values, labels):
    return np.take_along_axis(values, labels[..., None], axis=-1)[..., 0]


def binary_log(logits, labels):
    """`log p` of the right answer, yes or no, of each class."""
    return -np.log(1 + np.exp(np.where(labels == 1, -logits, logits)))


def terms(loss, labels, logits):
    """What the step takes: the terms before any reduction."""
    return np.asarray(loss.call(labels.astype("int32"), logits.astype("float32")))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_cross_entropy_gives_a_share_to_all_classes(smoothing):
    log = log_softmax(TOKEN_LOGITS)
    # against the whole distribution: 1 - s + s / C for the label, s / C for the others
    target = (1 - smoothing) * np.eye(3)[TOKEN_LABELS] + smoothing / 3
    expected = -(target * log).sum(axis=-1)
    found = terms(cross_entropy(smoothing), TOKEN_LABELS, TOKEN_LOGITS)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_cross_entropy_weighs_by_what_is_wrong(gamma):
    log = of_label(log_softmax(TOKEN_LOGITS), TOKEN_LABELS)
    expected = -((1 - np.exp(log)) ** gamma) * log
    found = terms(focal_cross_entropy(gamma), TOKEN_LABELS, TOKEN_LOGITS)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_is_a_mean_over_the_classes_of_each_row(smoothing):
    yes, no = (binary_log(ROW_LOGITS, np.full((5, 3), answer)) for answer in (1, 0))
    target = SETS_OF_LABELS * (1 - smoothing) + smoothing / 2
    expected = -(target * yes + (1 - target) * no).mean(axis=-1)
    found = terms(binary_cross_entropy(smoothing), SETS_OF_LABELS, ROW_LOGITS)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_binary_focal_cross_entropy(gamma):
    log = binary_log(ROW_LOGITS, SETS_OF_LABELS)
    expected = -((1 - np.exp(log)) ** gamma * log).mean(axis=-1)
    found = terms(binary_focal_cross_entropy(gamma), SETS_OF_LABELS, ROW_LOGITS)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("labels", [[1.0, 2.0, 4.0], [[1.0], [2.0], [4.0]]])
def test_errors_are_those_of_each_row(labels):
    labels, outputs = np.array(labels, "float32"), np.array([[3.0], [2.0], [1.0]], "float32")
    np.testing.assert_allclose(squared_error().call(labels, outputs), [4.0, 0.0, 9.0])
    np.testing.assert_allclose(squared_errors(labels, outputs), [4.0, 0.0, 9.0])
    np.testing.assert_allclose(absolute_errors(labels, outputs), [2.0, 0.0, 3.0])


@pytest.mark.parametrize(
    ("loss", "labels", "outputs"),
    [
        (cross_entropy(0.1), TOKEN_LABELS[:, 0], TOKEN_LOGITS[:, 0]),
        (focal_cross_entropy(), TOKEN_LABELS[:, 0], TOKEN_LOGITS[:, 0]),
        (binary_cross_entropy(0.1), SETS_OF_LABELS[:2], ROW_LOGITS[:2]),
        (binary_focal_cross_entropy(), SETS_OF_LABELS[:2], ROW_LOGITS[:2]),
        (squared_error(), np.array([1, 2]), np.array([[3.0], [5.0]])),
    ],
)
def test_all_losses_divide_by_the_weights_and_outlast_saving(loss, labels, outputs):
    of_rows = terms(loss, labels, outputs)
    weights = np.array([3.0, 0.5], "float32")
    expected = (of_rows * weights).sum() / 3.5
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    for each in (loss, again):
        found = each(labels, outputs.astype("float32"), weights)
        assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (focal_cross_entropy(0.5), np.array([0])),
        (binary_focal_cross_entropy(0.5), np.array([[1, 0]])),
    ],
)
def test_a_focal_loss_has_a_slope_where_the_model_is_sure(loss, labels):
    import tensorflow as tf

    logits = tf.Variable([[200.0, -200.0]])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(loss.call(labels, logits))
    assert float(value) == pytest.approx(0.0)
    np.testing.assert_array_equal(tape.gradient(value, logits), [[0.0, 0.0]])


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
@pytest.mark.parametrize("loss", [cross_entropy, binary_cross_entropy])
def test_a_smoothing_that_is_no_share_is_an_error(loss, smoothing):
    message = f"`label_smoothing` must be at least 0 and less than 1; received {smoothing}"
    with pytest.raises(ValueError, match=message):
        loss(smoothing)


@pytest.mark.parametrize("loss", [focal_cross_entropy, binary_focal_cross_entropy])
def test_a_negative_gamma_is_an_error(loss):
    with pytest.raises(ValueError, match=r"`gamma` must be at least 0; received -1"):
        loss(-1)


def test_a_regression_of_several_values_is_an_error():
    message = r"one output a row, of shape \(B, 1\); received outputs of shape \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        squared_error().call(np.ones(2, "float32"), np.ones((2, 3), "float32"))


def test_cross_entropy_over_a_vocabulary_has_the_terms_and_gradients_of_float64():
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 5, (6, 1000))
    logits[0, 3] = 300.0  # all others underflow
    logits[1] -= 1000.0
    logits = logits.astype("float32").astype("float64")
    labels = np.array([4, 999, 0, 3, 5, 6])
    upstream = np.array([1.0, 0.5, 0.0, 2.0, -1.0, 1e-3])
    variable = tf.Variable(logits.astype("float32"))
    with tf.GradientTape() as tape:
        found = cross_entropy_terms(labels, variable)
        total = tf.reduce_sum(found * upstream.astype("float32"))
    log = logits - logits.max(-1, keepdims=True)
    log = log - np.log(np.exp(log).sum(-1, keepdims=True))
    np.testing.assert_allclose(found, -of_label(log, labels), rtol=1e-6)
    expected = (np.exp(log) - np.eye(1000)[labels]) * upstream[:, None]
    np.testing.assert_allclose(tape.gradient(total, variable), expected, atol=1e-6)


def test_cross_entropy_takes_labels_of_one_more_axis():
    found = cross_entropy_terms(np.array([[1], [0]]), np.array([[0.0, 1.0], [2.0, 0.0]], "float32"))
    np.testing.assert_allclose(found, np.log(1 + np.exp([-1.0, -2.0])), rtol=1e-5)


@pytest.mark.parametrize("labels", [[2, 0], [0, -1], [-100, 1], [1, 2]])
def test_a_label_that_is_no_class_is_an_error(labels):
    with pytest.raises(tf.errors.InvalidArgumentError):
        cross_entropy_terms(np.array(labels), np.zeros((2, 2), "float32"))
    # XLA cannot raise
    compiled = tf.function(cross_entropy_terms, jit_compile=True)
    found = compiled(tf.constant(labels), tf.zeros((2, 2)))
    is_class = np.isin(labels, [0, 1])
    np.testing.assert_allclose(found, np.where(is_class, np.log(2), np.nan), rtol=1e-6)


@pytest.mark.parametrize("loss", [cross_entropy(), cross_entropy(0.1), focal_cross_entropy()])
def test_where_there_are_accelerators_their_own_kernel_has_the_same_terms(loss, monkeypatch):
    expected = terms(loss, TOKEN_LABELS, TOKEN_LOGITS)
    monkeypatch.setattr("keras_bert_kit.training.losses.has_cpus_only", lambda: False)
    np.testing.assert_allclose(terms(loss, TOKEN_LABELS, TOKEN_LOGITS), expected, rtol=1e-5)


def test_cross_entropy_of_as_many_classes_as_a_batch_has():
    spec = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None, None))
    terms = tf.function(cross_entropy_terms, input_signature=spec)
    for num_classes in (2, 5):
        found = terms(np.zeros((2, 3), "int32"), np.zeros((2, 3, num_classes), "float32"))
        np.testing.assert_allclose(found, np.full((2, 3), np.log(num_classes)), rtol=1e-6)
