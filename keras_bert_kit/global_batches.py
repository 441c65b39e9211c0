"""How `fit` and `evaluate` take steps: on global batches, in one go for all replicas.

What Keras 3.15 does otherwise on TensorFlow, and why it is done again here:
- it averages what the replicas log, where metrics are sums over all of them, and with several
  workers does so along an axis that scalars lack (keras#20585);
- several workers fail before the first step, as it averages a batch to see its shapes
  (keras#20329);
- the data of several workers come by a rule of TensorFlow that changes the global batches;
- it counts a batch that is not there where data of unknown length end;
- `jit_compile` and `steps_per_execution` fail under a strategy.
"""

import functools

import keras
import tensorflow as tf

from keras_bert_kit.data.parts_by_replica import parts_by_replica


class GlobalBatches:
    """A mix-in, put before `keras.Model`, for the same steps on any number of replicas.

    Instead of logs, the methods of a step give nothing: the logs are read from the metrics.

    - `train_step(batch)` takes a global batch, under a strategy by its parts of replicas;
    - `test_step(part)` takes a replica's part;
    - `only_in_training` names the logs that `evaluate` has nothing for.
    """

    only_in_training: tuple[str, ...] = ()

    @functools.wraps(keras.Model.fit, assigned=())
    def fit(self, x=None, *args, validation_data=None, **kwargs):
        """As `keras.Model.fit`. Under a strategy a dataset gives every worker global batches."""
        validation_data = self._by_replica(validation_data)
        return super().fit(self._by_replica(x), *args, validation_data=validation_data, **kwargs)

    @functools.wraps(keras.Model.evaluate, assigned=())
    def evaluate(self, x=None, *args, **kwargs):
        """As `keras.Model.evaluate`, with global batches as in `fit`."""
        return super().evaluate(self._by_replica(x), *args, **kwargs)

    def make_train_function(self, force=False):
        """Makes what `fit` calls with an iterator."""
        if self.train_function is None or force:
            with self.distribute_strategy.scope():
                # On all: left to itself, it builds on those that have a gradient in the first step.
                self.optimizer.build(self.trainable_variables)
            self.train_function = self._over_iterator(self.train_step)

    def make_test_function(self, force=False):
        """Makes what `evaluate` calls with an iterator."""
        if self.test_function is None or force:
            self.test_function = self._over_iterator(
                lambda batch: self.run_on_parts(self.test_step, batch), is_training=False
            )

    @property
    def num_replicas(self) -> int:
        """Of the strategy in whose scope the model was made; 1 without any."""
        return self.distribute_strategy.num_replicas_in_sync

    def of_first_replica(self, value):
        """A value that is the same on all replicas, or a replica's part of a batch."""
        return self.distribute_strategy.experimental_local_results(value)[0]

    def unpack(self, data):
        """The `(x, y, sample_weight)` of a replica's part of a batch; more may be added to it."""
        return keras.utils.unpack_x_y_sample_weight(data)

    def run_on_parts(self, function, batch):
        """Runs a function on each replica with its part of a batch; returns what they return."""

        def after_data(part):
            # When there is no batch, nothing is done. Said outside, it does not hold in here.
            leaves = [leaf for leaf in tf.nest.flatten(part) if leaf is not None]
            with tf.control_dependencies(leaves):
                return function(part)

        return self.distribute_strategy.run(after_data, args=(batch,))

    def _by_replica(self, data):
        if self.num_replicas == 1 or not isinstance(data, tf.data.Dataset):
            return data
        return parts_by_replica(data, self.distribute_strategy)

    def _over_iterator(self, step, is_training: bool = True):
        """A function of an iterator: up to `steps_per_execution` steps, and then the logs."""

        def logs():
            found = self.get_metrics_result()
            left_out = () if is_training else self.only_in_training
            return {name: value for name, value in found.items() if name not in left_out}

        done = tf.Variable(0, trainable=False)  # steps of the present execution
        if not self.run_eagerly:
            # XLA does not know the collectives of several replicas; `step` may compile its parts.
            jit_compile = self.jit_compile and self.num_replicas == 1
            step = tf.function(
                step, reduce_retracing=True, jit_compile=jit_compile, autograph=False
            )
        step = self._autoconvert_optionals(step)

        def execute(iterator):
            def one_step(steps):
                batch = iterator.get_next()
                with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
                    done.assign_add(1)
                step(batch)
                return (steps + 1,)

            tf.while_loop(
                lambda steps: steps < self.steps_per_execution,
                one_step,
                (tf.constant(0),),
                parallel_iterations=1,
            )
            return logs()

        if not self.run_eagerly:
            execute = tf.function(execute, reduce_retracing=True, autograph=False)

        def function(iterator):
            if isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
                done.assign(0)
                try:
                    return execute(iterator)
                except tf.errors.OutOfRangeError:
                    if done == 0:
                        raise
                    return logs()
            for _, batch in zip(range(self.steps_per_execution), iterator, strict=False):
                step(batch)
            return logs()

        return function

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Makes the variables of the metrics before `fit` where a first step could not.

        Under a strategy, and where XLA compiles a whole step.
        """
        metrics = self._compile_metrics
        is_needed = self._distribute_strategy is not None or self.jit_compile
        if not is_needed or metrics is None or metrics.built:
            return
        for _, _, batches in iterator or ():
            data_batch = keras.tree.map_structure(self.of_first_replica, next(batches))
            break
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=self.unpack(data_batch))
