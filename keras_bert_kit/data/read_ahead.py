"""Makes batches beside the training, without tf.data's autotuning."""

from collections.abc import Callable

import tensorflow as tf

BATCHES_AHEAD = 4


def read_ahead(steps: tf.data.Dataset, make_batch: Callable) -> tf.data.Dataset:
    """Batches made from `steps` on several threads, in order, some ahead of whoever takes them.

    Autotuning is switched off: its thread sleeps longer each time, up to a minute, and in
    TensorFlow 2.21 does not always hear that the iterator ends. `fit`, `evaluate` and `predict`
    then return only when it wakes, after up to twice the time that they needed. Without it the
    threads are as many as TensorFlow's pool has.

    Args:
        steps: a dataset of whatever says which batch is to be made.
        make_batch: makes the batch in a graph, from the components of an element of `steps`.
    """
    # AutoGraph would read the source of all of it, for a second and more
    make_batch = tf.autograph.experimental.do_not_convert(make_batch)
    batches = steps.map(make_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(BATCHES_AHEAD).with_options(options)
