"""Batches from the workers of a tf.data service: the same ones, in the same order.

A service hands out batches as its workers have them, in no order, and may lose those of a worker
that dies. Here each batch has its number, and as batch k is a function of k they are put in order
again, and what does not come is made here. So the service changes how fast batches come and
nothing else: a training with it can be taken up again without it, and the other way round.

The workers need TensorFlow and the files of the shards under the same path, nothing of this
package: where the tokens of a batch lie is planned here, some hundred thousand examples at a time,
and is part of the dataset that they get. They read the shards by TensorFlow's own operations.

Reference:
    https://www.tensorflow.org/api_docs/python/tf/data/experimental/service
"""

import logging
import queue
import socket
import threading
from collections.abc import Iterable, Iterator
from itertools import count, pairwise

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.read_ahead import read_ahead

PROTOCOL = "grpc"
PLANNED_EXAMPLES = 131_072  # part of a dataset: some 40 bytes each, which the dispatcher keeps
# Batches that a worker makes in a row, from the same shards, which it reads once for all of them.
BATCHES_A_GROUP = 16
MOST_EARLY = 1_024  # batches that wait here for one before them
PATIENCE = 30.0  # seconds without a batch before they are made here

logger = logging.getLogger(__name__)


def served_batches(
    data, service: str, start_step: int = 0, num_steps: int | None = None
) -> tf.data.Dataset:
    """Batches of a `PretrainingData`, made by the workers of a tf.data service.

    Args:
        data: whose batches.
        service: the address of the service's dispatcher, `"grpc://host:port"`.
        start_step: the number of the first batch.
        num_steps: how many; None for no end.

    Returns:
        A dataset as `data.dataset(start_step, num_steps)` gives it.

    Raises:
        ValueError: if `service` is no such address, or nothing answers there.
    """
    check_answers(service)
    signature = tf.nest.map_structure(
        lambda array: tf.TensorSpec(array.shape, array.dtype), data.batch(start_step)
    )
    stop = None if num_steps is None else start_step + num_steps

    def batches():
        coming = _in_background(_numbered_batches(data, service, start_step, stop))
        return in_order(coming, start_step, stop, data.batch)

    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    if num_steps is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_steps))
    return read_ahead(dataset, lambda *batch: batch)


def in_order(coming: Iterable, start: int, stop: int | None, make) -> Iterator:
    """Puts numbered batches in order; makes those that do not come, and drops what comes twice.

    Args:
        coming: pairs of a number and a batch, or `None` where one has been waited for in vain.
        start: the first number.
        stop: the number after the last; `None` for no end.
        make: makes the batch of a number.

    Example:
        >>> coming = [(1, "b"), (0, "a"), (0, "a"), (3, "d")]
        >>> list(in_order(coming, 0, 4, lambda number: f"{number}, made here"))
        ['a', 'b', '2, made here', 'd']
    """
    coming, early, num_made = iter(coming), {}, 0
    for number in count(start) if stop is None else range(start, stop):
        while number not in early and len(early) < MOST_EARLY:
            found = next(coming, None)
            if found is None:
                break
            if found[0] >= number:
                early[found[0]] = found[1]
        if number in early:
            yield early.pop(number)
            continue
        num_made += 1
        if num_made & (num_made - 1) == 0:  # 1, 2, 4, 8, ...: not a line for each
            logger.warning(
                f"The data service did not give batch {number:,}, which is made here "
                f"({num_made:,} so far)."
            )
        yield make(number)


def check_answers(service: str) -> None:
    """Makes sure that something listens at the address of a service.

    Raises:
        ValueError: if nothing does, or it is no address.
    """
    protocol, _, address = service.rpartition("://")
    host, _, port = address.rpartition(":")
    if protocol != PROTOCOL or not host or not port.isdecimal():
        raise ValueError(
            f'The address of a data service looks like "{PROTOCOL}://host:5050"; received '
            f"{service!r}."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"No data service answers at {service} ({error}). Start its dispatcher and workers "
            "first; see docs/scaling.md."
        ) from error


def _in_background(batches: Iterator) -> Iterator:
    """What comes, taken by a thread of its own; `None` where `PATIENCE` has run out.

    The thread may wait for workers forever: nobody waits for it.
    """
    taken: queue.Queue = queue.Queue(maxsize=8)
    has_ended, is_left = object(), threading.Event()

    def put(found) -> None:
        while not is_left.is_set():
            try:
                return taken.put(found, timeout=1.0)
            except queue.Full:
                continue

    def take() -> None:
        try:
            for batch in batches:
                put(batch)
                if is_left.is_set():
                    return
        except tf.errors.OpError as error:
            logger.warning(f"The data service has failed: {error.message}")
        put(has_ended)

    threading.Thread(target=take, daemon=True).start()
    patience = PATIENCE
    try:
        while True:
            try:
                found = taken.get(timeout=patience)
            except queue.Empty:
                patience = 0.001  # what was too late once is not waited for again
                yield None
                continue
            if found is has_ended:
                return
            patience = PATIENCE
            yield found
    finally:
        is_left.set()


def _numbered_batches(data, service: str, start: int, stop: int | None) -> Iterator:
    """Pairs of a number and a batch, in any order; the next part is planned beside this one."""
    length = max(BATCHES_A_GROUP, PLANNED_EXAMPLES // data.batch_size)
    firsts = count(start, length) if stop is None else range(start, stop, length)
    parts = (
        iter(_distributed(data, service, first, min(length, (stop or first + length) - first)))
        for first in firsts
    )
    present = next(parts, None)
    while present is not None:
        following = next(parts, None)
        for number, batch in present:
            yield int(number), tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)
        present = following


def _distributed(data, service: str, first: int, num_steps: int) -> tf.data.Dataset:
    dataset = planned_batches(data, first, num_steps)
    sharding = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    return dataset.apply(tf.data.experimental.service.distribute(sharding, service))


def planned_batches(data, first: int, num_steps: int) -> tf.data.Dataset:
    """Pairs of a number and a batch, in TensorFlow's own operations: any process can make them.

    Args:
        data: a `PretrainingData`.
        first: the number of the first batch.
        num_steps: how many.
    """
    size = data.batch_size
    examples = data.examples(first * size, (first + num_steps) * size)
    lengths = (examples.stop - examples.start).astype(np.int32)
    splits = examples.splits
    group_splits = [*range(0, num_steps, BATCHES_A_GROUP), num_steps]
    groups = [
        _group(data.shards, examples, slice(splits[begin * size], splits[end * size]))
        for begin, end in pairwise(group_splits)
    ]
    paths = tf.ragged.constant([paths for paths, _ in groups], dtype=tf.string)
    starts = np.concatenate([starts for _, starts in groups])
    is_random = examples.is_random_next.astype(np.int32)
    dtype = tf.as_dtype(data.shards.shard(0).tokens.dtype)

    def batches_of(group):
        files = tf.data.Dataset.from_tensor_slices(paths[group]).map(tf.io.read_file)
        joined = tf.strings.reduce_join(files.batch(len(data.shards)).get_single_element())
        stored = tf.io.decode_raw(joined, dtype)

        def make(step):
            row = step * size
            ends = tf.gather(splits, row + tf.range(size + 1, dtype=tf.int64))
            segments = slice(ends[0], ends[-1])
            of_batch = tf.constant(lengths)[segments]
            begin = tf.constant(starts)[segments]
            places = tf.ragged.range(begin, begin + tf.cast(of_batch, tf.int64)).flat_values
            batch = data.pack_and_mask(
                first + step,
                tf.cast(tf.gather(stored, places), tf.int32),
                of_batch,
                tf.cast(ends - ends[0], tf.int32),
                tf.constant(is_random)[row : row + size],
            )
            return first + step, batch

        stop = tf.minimum((group + 1) * BATCHES_A_GROUP, num_steps)
        return read_ahead(tf.data.Dataset.range(group * BATCHES_A_GROUP, stop), make)

    return tf.data.Dataset.range(len(groups)).flat_map(batches_of)


def _group(shards, examples, segments: slice) -> tuple[list[str], np.ndarray]:
    """The files that some segments lie in, and where each begins when these are joined, in tokens.

    A file has its header in front: NumPy makes it a multiple of 64 bytes.
    """
    used, place = np.unique(examples.shard[segments], return_inverse=True)
    tokens = [shards.shard(int(index)).tokens for index in used]
    headers = np.array([array.offset // array.itemsize for array in tokens])
    sizes = headers + [len(array) for array in tokens]
    before = np.cumsum(sizes) - sizes
    starts = before[place] + headers[place] + examples.start[segments]
    return [str(array.filename) for array in tokens], starts
