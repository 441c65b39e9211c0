"""What stock Keras and TensorFlow do on one replica and on two, as JSON by case.

    python stock_keras_on_replicas.py FILE

Run as a process of its own: how many devices there are is settled when TensorFlow starts. One
replica is the control of two. Nothing of this package is imported.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

ROWS = np.float32([[8, 0], [0, 2]])  # one for each replica


def sgd(rate=1.0, **arguments):
    """The plainest optimizer."""
    return keras.optimizers.SGD(rate, **arguments)


def batch(x=ROWS, y=None, *weights):
    """A dataset of one batch."""
    y = np.zeros((len(x), 1), "float32") if y is None else y
    return without_autotuning(tf.data.Dataset.from_tensors((x, y, *weights)))


def without_autotuning(data):
    """Whose iterators end at once: see `keras_bert_kit/data/read_ahead.py`."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


def fitted(strategy, make_optimizer, data, loss=None, callbacks=(), **arguments):
    """A sum of two features with weights of 0, after an epoch of stock `fit`."""
    with strategy.scope():
        x = keras.Input((2,))
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = keras.Model(x, layer(x))
        model.compile(make_optimizer(), loss or (lambda y, y_pred: y_pred), **arguments)
    model.fit(data, verbose=0, shuffle=False, callbacks=list(callbacks))
    return model


def weights(model):
    """Both."""
    return model.get_weights()[0][:, 0].tolist()


def clipped(strategy):
    """The weights after a step of 1 along a gradient that is clipped to norm 1."""
    return weights(fitted(strategy, lambda: sgd(global_clipnorm=1.0), batch()))


def accumulated(strategy):
    """The weights after one batch twice, which make one step."""
    optimizer = lambda: sgd(gradient_accumulation_steps=2)  # noqa: E731
    return weights(fitted(strategy, optimizer, batch().repeat(2)))


def compiled_with_xla(strategy):
    """The weights after a step that XLA compiled."""
    return weights(fitted(strategy, sgd, batch(), jit_compile=True))


def two_steps_a_call(strategy):
    """The weights after two steps in one execution."""
    return weights(fitted(strategy, sgd, batch().repeat(2), steps_per_execution=2))


def three_rows(strategy):
    """The weights after a step on three rows, more for one replica than for the other."""
    return weights(fitted(strategy, sgd, batch(np.ones((3, 2), "float32"))))


def logged_accuracy(strategy):
    """Of a row of weight 3, which is right, and one of weight 1, which is not."""
    found = []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: found.append(float(logs["accuracy"]))
    )
    data = batch(ROWS, np.float32([[0], [1]]), np.float32([3, 1]))
    metrics = [keras.metrics.BinaryAccuracy(name="accuracy")]
    fitted(strategy, sgd, data, "mse", [keep], weighted_metrics=metrics)
    return found


def not_finite(strategy, row):
    """The weights and the loss scale, 4 before, after a step with a NaN in a row."""
    rows = ROWS.copy()
    rows[row] = np.nan
    scaled = lambda: keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=4.0)  # noqa: E731
    model = fitted(strategy, scaled, batch(rows))
    return np.isfinite(weights(model)).tolist(), float(model.optimizer.dynamic_scale.numpy())


def not_finite_in_first(strategy):
    """With the NaN on the first replica."""
    return not_finite(strategy, 0)


def not_finite_in_last(strategy):
    """With the NaN on the last replica."""
    return not_finite(strategy, 1)


def dropped(strategy):
    """What dropout leaves of 32 ones on each replica."""
    with strategy.scope():
        dropout = keras.layers.Dropout(0.5, seed=0)

    def draw():
        return dropout(tf.ones((32,)), training=True)

    @tf.function(autograph=False)
    def draw_on_each():
        return strategy.run(draw)

    return [one.numpy().tolist() for one in strategy.experimental_local_results(draw_on_each())]


def control_inputs(strategy):
    """What an operation within `strategy.run` waits for, of what is said around it."""
    found = []

    def inside():
        found.extend(tf.ones(()).op.control_inputs)

    @tf.function(autograph=False)
    def step():
        before = tf.random.uniform((), name="before")
        with tf.control_dependencies([before]):
            strategy.run(inside)

    step()
    return [one.name for one in found]


def condition_in_replica(strategy):
    """The weights after a step under a condition within a replica."""
    with strategy.scope():
        variable, optimizer = keras.Variable([0.0, 0.0]), sgd()
        optimizer.build([variable])

    def update():
        optimizer.apply_gradients([(tf.ones((2,)), variable)])
        return 0

    @tf.function(autograph=False)
    def step(is_wanted):
        strategy.run(lambda: tf.cond(is_wanted, update, lambda: 0))

    step(tf.constant(True))
    return variable.numpy().tolist()


def given_twice(strategy):
    """The labels, all 1, that a generator gives three times, after `fit`."""
    x, y = np.ones((4, 2), "float32"), np.zeros((32,), "float32")
    # TensorFlow takes an array as it is, without a copy, where it begins at a multiple of 64 bytes.
    first = -y.ctypes.data % 64 // y.itemsize
    y = y[first : first + 4, None]
    y[:] = 1
    signature = tuple(tf.TensorSpec((None, n), tf.float32) for n in (2, 1))
    data = tf.data.Dataset.from_generator(lambda: iter([(x, y)] * 3), output_signature=signature)
    data = data.apply(tf.data.experimental.assert_cardinality(3))
    fitted(strategy, lambda: sgd(0.1), without_autotuning(data), "mse")
    return y[:, 0].tolist()


def counted_parts(strategy):
    """How many elements a dataset of three batches by their parts has, and says that it has."""
    data = tf.data.Dataset.range(3)
    num = strategy.num_replicas_in_sync
    parts = strategy.distribute_datasets_from_function(
        lambda _: without_autotuning(data.repeat(num))
    )
    cardinality = parts.cardinality  # of one replica a method, as it is a plain dataset
    return len(list(parts)), int(cardinality() if callable(cardinality) else cardinality)


CASES = (
    *(clipped, accumulated, compiled_with_xla, two_steps_a_call, three_rows, logged_accuracy),
    *(not_finite_in_first, not_finite_in_last, dropped, control_inputs, condition_in_replica),
    *(given_twice, counted_parts),
)


def attempt(case, *arguments):
    """What a case gives, or the error that it ends with."""
    try:
        return case(*arguments)
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


def main(file):
    """Writes what was found by number of replicas, then by case."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategies = (
        tf.distribute.get_strategy(),
        tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
    )
    found = {
        strategy.num_replicas_in_sync: {case.__name__: attempt(case, strategy) for case in CASES}
        for strategy in strategies
    }
    Path(file).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
