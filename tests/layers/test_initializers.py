import keras
import numpy as np
import pytest

from keras_bert_kit.layers.initializers import first_matrices, truncated_normal


def test_is_cut_at_two_deviations_of_002():
    values = np.asarray(truncated_normal()((200, 200)))
    assert np.abs(values).max() <= 0.04
    # Cutting leaves 0.8796 of the deviation, in the original code too.
    np.testing.assert_allclose(values.std(), 0.8796 * 0.02, rtol=0.02)
    assert abs(values.mean()) < 0.0005


def test_each_matrix_starts_differently():
    assert np.any(truncated_normal()((2, 2)) != truncated_normal()((2, 2)))


def test_others_may_stand_in_for_it_for_a_while():
    initializer = truncated_normal()
    with first_matrices(lambda shape, dtype: keras.ops.full(shape, 7, dtype)):
        np.testing.assert_array_equal(initializer((2, 3), "float32"), np.full((2, 3), 7))
    assert np.abs(initializer((2, 3))).max() <= 0.04


def test_and_no_longer_after_an_error():
    with pytest.raises(ZeroDivisionError), first_matrices(keras.ops.ones):
        raise ZeroDivisionError
    assert np.abs(truncated_normal()((2, 3))).max() <= 0.04


def test_survives_a_config():
    layer = keras.layers.Dense(2, kernel_initializer=truncated_normal())
    again = keras.layers.Dense.from_config(layer.get_config())
    assert again.kernel_initializer.get_config() == truncated_normal().get_config()
