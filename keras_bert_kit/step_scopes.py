"""What holds of an optimizer and of random numbers for as long as a step is made."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def already_summed(optimizer):
    """Keeps an optimizer from adding up the gradients of all replicas, which are summed here.

    Keras 3.15 clips each replica's own before it adds them up.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    optimizer._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars
    try:
        yield
    finally:
        del optimizer._all_reduce_sum_gradients


@contextlib.contextmanager
def known_norm(optimizer, norm):
    """Spares the kit's optimizer to measure the gradients once more."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(optimizer, "given_norm"):
        yield
        return
    optimizer.given_norm = norm
    try:
        yield
    finally:
        optimizer.given_norm = None


@contextlib.contextmanager
def own_draws(model, num_replicas):
    """Lets each replica draw random numbers of its own, the first one those of a single device.

    In Keras 3.15 all draw the same: their rows would be dropped out alike.
    """

    def of_replica(draw):
        def draw_and_shift(ordered=True):
            seed = draw(ordered)
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return seed + tf.cast(tf.stack([replica, 0]), seed.dtype)

        return draw_and_shift

    generators = []
    if num_replicas > 1:
        found = (one for layer in model._flatten_layers() for one in layer._seed_generators)
        generators = list({id(one): one for one in found}.values())
    for generator in generators:
        generator.next = of_replica(generator.next)
    try:
        yield
    finally:
        for generator in generators:
            del generator.next
