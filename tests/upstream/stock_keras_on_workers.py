"""What stock Keras and TensorFlow do with two workers, as JSON by case.

    python ../../tools/launch_workers.py --workers 2 python stock_keras_on_workers.py FOLDER

Nothing of this package is imported. Each worker writes a file called by its number.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


class WithMetricsAlreadyMade(keras.Model):
    """What stock `fit` averages the first batch for is done from its shapes."""

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=(tf.ones((1, 2)), tf.ones((1, 1))))


def fitted(strategy, model_class):
    """The logs of one step of stock `fit`."""
    with strategy.scope():
        x = keras.Input((2,))
        model = model_class(x, keras.layers.Dense(1)(x))
        model.compile("sgd", "mse")
    rows = np.ones((2, 2), "float32"), np.ones((2, 1), "float32")
    data = tf.data.Dataset.from_tensors(rows)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return model.fit(data.with_options(options), verbose=0, shuffle=False).history


def first_batch(strategy, folder):
    """This worker's rows of the first batch of 4, of two files of 4 lines each."""
    files = [str(folder / name) for name in ("first.txt", "second.txt")]
    parts = strategy.experimental_distribute_dataset(tf.data.TextLineDataset(files).batch(4))
    (part,) = strategy.experimental_local_results(next(iter(parts)))
    return [line.decode() for line in part.numpy().tolist()]


def shape_in_step(strategy, as_optional):
    """The shape of a replica's part that a step sees, of parts that all have 4 rows."""
    strategy.extended.experimental_enable_get_next_as_optional = as_optional
    data = tf.data.Dataset.range(8).batch(4, drop_remainder=True)
    parts = strategy.distribute_datasets_from_function(lambda _: data)
    shapes = []

    @tf.function
    def step(iterator):
        strategy.run(lambda part: shapes.append(part.shape), (iterator.get_next(),))

    step(iter(parts))
    return shapes[0].as_list()


def attempt(case, *arguments):
    """What a case gives, or the error that it ends with."""
    try:
        return case(*arguments)
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


def main(folder):
    """Writes `0.json` or `1.json`; reads `first.txt` and `second.txt`."""
    strategy, folder = tf.distribute.MultiWorkerMirroredStrategy(), Path(folder)
    found = {
        "first_batch": attempt(first_batch, strategy, folder),
        "shape_as_optional": attempt(shape_in_step, strategy, True),
        "shape": attempt(shape_in_step, strategy, False),
        "fit": attempt(fitted, strategy, keras.Model),
        "fit_with_metrics_made": attempt(fitted, strategy, WithMetricsAlreadyMade),
    }
    file = folder / f"{strategy.cluster_resolver.task_id}.json"
    file.write_text(json.dumps(found, default=float))


if __name__ == "__main__":
    main(sys.argv[1])
