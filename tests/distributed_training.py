"""Trains a user's own model on some replicas and keeps its weights and logs.

    python distributed_training.py FOLDER CASES [--cpus N] [--others] [--signal]

Run as a process of its own: how many devices and workers there are is settled when TensorFlow
starts. CASES is JSON: by name, what differs from the usual `compile` and data. `--others`: also
what `train_on_batch` logs and what dropout draws. `--signal`: also at which step a signal to the
last worker ends a training, and what its checkpoints hold.
"""

import json
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_bert_kit.step import TrainingStep
from keras_bert_kit.step_scopes import own_draws
from keras_bert_kit.training.checkpoints import Checkpoints, SaveCheckpoints
from keras_bert_kit.training.losses import cross_entropy
from keras_bert_kit.training.optimizers import AdamW
from keras_bert_kit.training.strategy import choose_strategy, is_chief

# Three rows are unequal parts for two replicas, and one leaves nothing for the second. XLA compiles
# the step for each number of rows: let there be few.
ROWS = (8, 8, 3, 8, 1, 8, 8, 3, 8, 1)
ABOUT_DATA = ("nan_in_step", "validate")


class Model(TrainingStep, keras.Model):
    """A user's own model."""


def batches(nan_in_step=None):
    """Ten, with unequal weights for each row and each token."""
    generator = np.random.default_rng(0)
    for step, rows in enumerate(ROWS):
        x = {"features": generator.normal(size=(rows, 3)).astype("float32")}
        y = {
            "tags": generator.integers(0, 4, (rows, 3)).astype("int32"),
            "label": generator.integers(0, 2, rows).astype("int32"),
        }
        weights = {
            "tags": generator.integers(0, 4, (rows, 3)).astype("float32"),
            "label": generator.uniform(0, 2, rows).astype("float32"),
        }
        if step == nan_in_step:
            x["features"][-1, 0] = np.nan  # the last row is one of the last replica
        yield x, y, weights


def dataset(num_batches, nan_in_step=None):
    """The first of them."""
    signature = keras.tree.map_structure(
        lambda value: tf.TensorSpec([None, *value.shape[1:]], value.dtype), next(batches())
    )
    # Arrays that a generator gives twice are no longer the same: TensorFlow writes into them.
    data = tf.data.Dataset.from_generator(
        lambda: batches(nan_in_step), output_signature=signature
    ).take(num_batches)
    options = tf.data.Options()
    options.autotune.enabled = False  # with it `fit` comes back late
    return data.apply(tf.data.experimental.assert_cardinality(num_batches)).with_options(options)


def model():
    """Each feature to its class, and all of a row to the class of the row."""
    x = {"features": keras.Input((3,), name="features")}
    rows = keras.layers.Dense(5, activation="gelu")(keras.layers.Reshape((3, 1))(x["features"]))
    label = keras.layers.Dense(2, dtype="float32")(keras.layers.GlobalAveragePooling1D()(rows))
    return Model(x, {"tags": keras.layers.Dense(4, dtype="float32")(rows), "label": label})


def learner_on(strategy, **compile_arguments):
    """The model, compiled."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        learner = model()
        learner.compile(
            AdamW(0.01, global_clipnorm=0.1),
            loss={"tags": cross_entropy(), "label": cross_entropy()},
            loss_weights={"label": 0.5},
            metrics={"label": ["accuracy"]},
            weighted_metrics={"tags": ["accuracy"]},
            **compile_arguments,
        )
    return learner


def learners_on(strategy):
    """A function from arguments to a learner at its start: for equal ones it is the same learner.

    Most of the time goes into making its graphs, which it keeps.
    """
    made = {}

    def learner_for(dtype="float32", **compile_arguments):
        key = json.dumps([dtype, compile_arguments], sort_keys=True)
        if key not in made:
            keras.mixed_precision.set_dtype_policy(dtype)
            learner = learner_on(strategy, **compile_arguments)
            keras.mixed_precision.set_dtype_policy("float32")
            with strategy.scope():
                learner.optimizer.build(learner.trainable_variables)
            variables = [*learner.variables, *learner.optimizer.variables]
            made[key] = learner, [(variable, variable.numpy()) for variable in variables]
        learner, first_values = made[key]
        for variable, value in first_values:
            variable.assign(value)
        return learner

    return learner_for


def train(learner, nan_in_step=None, validate=False):
    """The weights and the logs."""
    history = learner.fit(
        dataset(len(ROWS), nan_in_step),
        validation_data=dataset(3) if validate else None,
        shuffle=False,
        verbose=0,
    ).history
    steps = int(learner.optimizer.iterations.numpy())
    scale = getattr(learner.optimizer, "dynamic_scale", None)
    about = {"steps": steps, "scale": None if scale is None else float(scale.numpy())}
    return learner.get_weights(), about | {"logs": history}


class SignalsItself(keras.callbacks.Callback):
    """Sends SIGTERM to this process, if it is the last worker, in its third step."""

    def on_train_batch_end(self, batch, logs=None):
        resolver = self.model.distribute_strategy.cluster_resolver
        is_last = resolver.task_id == resolver.cluster_spec().num_tasks("worker") - 1
        if batch == 2 and is_last:
            signal.raise_signal(signal.SIGTERM)


def stopped(strategy, folder):
    """The step at which a training has ended, and those of its checkpoints."""
    learner = learner_on(strategy)
    checkpoints = Checkpoints(folder, writes=is_chief(strategy))
    callbacks = [SignalsItself(), SaveCheckpoints(checkpoints, every=1000)]
    error = None
    try:
        learner.fit(dataset(len(ROWS)).repeat(4), callbacks=callbacks, verbose=0)
    except KeyboardInterrupt as stop:
        error = str(stop)
    steps = int(learner.optimizer.iterations.numpy())
    return {"error": error, "steps": steps, "saved": [path.stem for path in checkpoints.paths()]}


def dropped(strategy, of_each):
    """What dropout leaves of ones on each replica, as Keras draws it and as the step does."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        x = keras.Input((8,))
        model = keras.Model(x, keras.layers.Dropout(0.5)(x))

    @tf.function
    def draw():
        with own_draws(model, strategy.num_replicas_in_sync if of_each else 1):
            return strategy.run(lambda: model(tf.ones((1, 8)), training=True))

    found = strategy.experimental_local_results(draw())
    return [one.numpy()[0].tolist() for one in found]


def main(folder, cases, num_cpus=None, others=False, signalled=False):
    """Writes `CASE.npz` and `CASE.json` into a folder of each worker, called by its number."""
    strategy = choose_strategy("auto", num_cpus)
    shared = Path(folder)
    folder = shared / str(getattr(strategy.cluster_resolver, "task_id", None) or 0)
    folder.mkdir(parents=True)
    if signalled:
        found = stopped(strategy, shared / "checkpoints")
        (folder / "stopped.json").write_text(json.dumps(found))
    if others:
        x, y, weights = next(batches())
        logs = learner_on(strategy).train_on_batch(x, y, weights, return_dict=True)
        (folder / "on_batch.json").write_text(json.dumps(logs, default=float))
        about = {json.dumps(of_each): dropped(strategy, of_each) for of_each in (False, True)}
        (folder / "dropped.json").write_text(json.dumps(about))
    learner_for = learners_on(strategy)
    for name, arguments in json.loads(cases).items():
        data = {name: arguments.pop(name) for name in ABOUT_DATA if name in arguments}
        weights, about = train(learner_for(**arguments), **data)
        np.savez(folder / f"{name}.npz", *weights)
        (folder / f"{name}.json").write_text(json.dumps(about))


if __name__ == "__main__":
    cpus = int(sys.argv[sys.argv.index("--cpus") + 1]) if "--cpus" in sys.argv else None
    main(sys.argv[1], sys.argv[2], cpus, "--others" in sys.argv, "--signal" in sys.argv)
