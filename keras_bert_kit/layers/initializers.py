"""How every weight matrix of BERT starts."""

import keras

STANDARD_DEVIATION = 0.02


def truncated_normal() -> keras.initializers.Initializer:
    """A normal distribution of deviation 0.02, cut at two deviations.

    Reference:
        `initializer_range` in https://github.com/google-research/bert/blob/master/modeling.py
    """
    return keras.initializers.TruncatedNormal(stddev=STANDARD_DEVIATION)
