import numpy as np

from keras_bert_kit.layers.initializers import truncated_normal


def test_is_cut_at_two_deviations_of_002():
    values = np.asarray(truncated_normal()((200, 200)))
    assert np.abs(values).max() <= 0.04
    # Cutting leaves 0.8796 of the deviation, in the original code too.
    np.testing.assert_allclose(values.std(), 0.8796 * 0.02, rtol=0.02)
    assert abs(values.mean()) < 0.0005


def test_each_matrix_starts_differently():
    assert np.any(truncated_normal()((2, 2)) != truncated_normal()((2, 2)))
