import pytest
import tensorflow as tf

from keras_bert_kit.data.parts_by_replica import parts_by_replica


class Workers:
    """What TensorFlow asks of a strategy here: its pipelines, one after the other."""

    def __init__(self, num_workers, replicas_of_each):
        self.contexts = [
            tf.distribute.InputContext(num_workers, index, num_workers * replicas_of_each)
            for index in range(num_workers)
        ]
        self.extended = self

    def distribute_datasets_from_function(self, function):
        self.datasets = [function(context) for context in self.contexts]
        return self


def parts(dataset, num_workers, replicas_of_each):
    """By global batch, the parts of all replicas in their order."""
    workers = Workers(num_workers, replicas_of_each)
    parts_by_replica(dataset, workers)
    of_worker = [list(one.as_numpy_iterator()) for one in workers.datasets]
    return [
        [part for one in of_worker for part in one[at : at + replicas_of_each]]
        for at in range(0, len(of_worker[0]), replicas_of_each)
    ]


@pytest.mark.parametrize(("num_workers", "replicas_of_each"), [(1, 4), (2, 2), (4, 1)])
def test_each_row_goes_to_one_replica_whatever_the_workers(num_workers, replicas_of_each):
    found = parts(tf.data.Dataset.range(11).batch(8), num_workers, replicas_of_each)
    assert [[part.tolist() for part in batch] for batch in found] == [
        [[0, 1], [2, 3], [4, 5], [6, 7]],
        [[], [8], [9], [10]],
    ]


@pytest.mark.parametrize(
    "nest",
    [
        lambda x: x,
        lambda x: (x,),
        lambda x: {"a": x},
        lambda x: ({"a": x},),
        lambda x: ({"a": x}, x, {"b": x}),
    ],
)
def test_parts_are_nested_as_batches_are(nest):
    dataset = tf.data.Dataset.range(4).map(lambda row: nest(row)).batch(4, drop_remainder=True)
    workers = Workers(1, 2)
    parts_by_replica(dataset, workers)
    (found,) = workers.datasets
    tf.nest.assert_same_structure(found.element_spec, dataset.element_spec)
    for part in tf.nest.flatten(found.element_spec):
        assert part.shape == [2]  # static, as TPUs need it


def test_there_are_as_many_steps_as_global_batches():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    found = parts_by_replica(tf.data.Dataset.range(9).batch(4), strategy)
    assert int(found.cardinality) == 3
    endless = parts_by_replica(tf.data.Dataset.range(9).batch(4).repeat(), strategy)
    assert int(endless.cardinality) == tf.data.INFINITE_CARDINALITY
