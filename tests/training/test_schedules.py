import keras
import numpy as np
import pytest

from keras_bert_kit.training.schedules import LinearWarmupDecay


def values(schedule, steps):
    return [float(schedule(step)) for step in range(steps)]


def test_rises_to_the_peak_and_falls_to_zero():
    schedule = LinearWarmupDecay(1e-3, warmup_steps=4, total_steps=12)
    expected = [0.25, 0.5, 0.75, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0]
    np.testing.assert_allclose(values(schedule, 13), 1e-3 * np.array(expected), rtol=1e-6)


def test_stays_at_zero_after_the_end():
    assert values(LinearWarmupDecay(1.0, 0, 2), 5)[2:] == [0.0, 0.0, 0.0]


def test_without_warm_up_starts_at_the_peak():
    assert values(LinearWarmupDecay(1.0, 0, 4), 4) == [1.0, 0.75, 0.5, 0.25]


def test_drives_an_optimizer():
    weight = keras.Variable([0.0])
    optimizer = keras.optimizers.SGD(LinearWarmupDecay(1.0, 2, 4))
    path = []
    for _ in range(5):
        optimizer.apply([np.float32([-1.0])], [weight])
        path.append(float(weight[0]))
    assert path == [0.5, 1.5, 2.5, 3.0, 3.0]


def test_config_makes_the_same_schedule():
    config = LinearWarmupDecay(1e-3, 4, 12).get_config()
    assert config == {"peak": 1e-3, "warmup_steps": 4, "total_steps": 12}
    assert LinearWarmupDecay.from_config(config).get_config() == config


@pytest.mark.parametrize("warmup_steps", [-1, 10, 11])
def test_a_warm_up_that_does_not_fit_is_an_error(warmup_steps):
    message = f"received warmup_steps={warmup_steps} and total_steps=10"
    with pytest.raises(ValueError, match=message):
        LinearWarmupDecay(1.0, warmup_steps, 10)
