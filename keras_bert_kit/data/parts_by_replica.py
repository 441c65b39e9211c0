"""Cuts batches into the rows of each replica, the same ones whatever the number of workers."""

import tensorflow as tf


def parts_by_replica(
    dataset: tf.data.Dataset, strategy: tf.distribute.Strategy
) -> tf.distribute.DistributedDataset:
    """A dataset of global batches for the replicas of a strategy, to be given to `fit`.

    Of `N` replicas number `r` gets the rows from `B r / N` to `B (r + 1) / N` of a batch of `B`, so
    that together they see each row of each batch once, in any number of workers; where there are
    fewer rows than replicas some get none. Every worker must be given the same batches, and makes
    them whole. (TensorFlow's own way has the workers shard files or batches: what is in a global
    batch then depends on their number.)

    Args:
        dataset: of batches, nested as `fit` takes them.
        strategy: whose replicas get the parts.

    Example:
        >>> batches = tf.data.Dataset.range(3).batch(3)
        >>> parts = parts_by_replica(batches, tf.distribute.MirroredStrategy(["CPU:0"]))
        >>> int(parts.cardinality), [batch.numpy().tolist() for batch in parts]
        (1, [[0, 1, 2]])
    """

    def parts_of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        num_replicas = context.num_replicas_in_sync
        num_local = num_replicas // context.num_input_pipelines
        first = context.input_pipeline_id * num_local

        def parts_of(*batch):
            # A batch that is a tuple comes as so many arguments.
            batch = batch if isinstance(dataset.element_spec, tuple) else batch[0]

            def part_of(replica):
                return tf.nest.map_structure(lambda leaf: _rows(leaf, replica, num_replicas), batch)

            return tf.data.Dataset.range(first, first + num_local).map(part_of)

        return dataset.flat_map(parts_of)

    # All replicas get a part of every batch, so there is no need to ask at each step whether all
    # have one; for that TensorFlow gives up static shapes, and workers have to talk.
    strategy.extended.experimental_enable_get_next_as_optional = False
    parts = strategy.distribute_datasets_from_function(parts_of_worker)
    # Keras trains for as many steps, but it is that of the first worker's parts. There is no other
    # way to tell: Keras knows the classes of TensorFlow only, by their names (3.15).
    parts._cardinality = dataset.cardinality()
    return parts


def _rows(leaf: tf.Tensor, replica: tf.Tensor, num_replicas: int) -> tf.Tensor:
    count = tf.shape(leaf, tf.int64)[0]
    part = leaf[count * replica // num_replicas : count * (replica + 1) // num_replicas]
    if leaf.shape[0] is not None and leaf.shape[0] % num_replicas == 0:
        part = tf.ensure_shape(part, [leaf.shape[0] // num_replicas, *leaf.shape[1:]])
    return part
