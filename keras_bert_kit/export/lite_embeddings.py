"""Tables of vectors as quantisers know them: an encoder's embeddings by `EMBEDDING_LOOKUP`.

Keras reads a table by `GATHER`. What shrinks weights to 8 bits leaves the tables of that operation
in float32, and says nothing: a small BERT, mostly tables, then hardly shrinks at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import tensorflow as tf
from keras import ops

from keras_bert_kit.encoder import Encoder


@contextmanager
def read_by_look_up(encoder: Encoder) -> Iterator[None]:
    """Within it, what is traced of an encoder reads tokens and positions by `EMBEDDING_LOOKUP`.

    The outputs stay what they are.

    Example:
        >>> from dataclasses import asdict
        >>> from keras_bert_kit.config import encoder_config
        >>> encoder = Encoder(**asdict(encoder_config("tiny", vocabulary_size=9)))
        >>> inputs = dict.fromkeys(encoder.input, tf.constant([[2, 1, 3]]) % 2)
        >>> expected = encoder(inputs)["sequence_output"]
        >>> with read_by_look_up(encoder):
        ...     found = encoder(inputs)["sequence_output"]
        >>> bool(tf.reduce_all(found == expected))
        True
    """
    embeddings = encoder.get_layer("embeddings")
    embeddings.call = partial(_embed, embeddings)
    try:
        yield
    finally:
        del embeddings.call


def _embed(embeddings, token_ids, segment_ids=None, training=None):
    """As `Embeddings.call`, `token_ids (B, T)` to `(B, T, D)`."""
    offset, length = embeddings.position_offset, token_ids.shape[1]
    positions = tf.convert_to_tensor(embeddings.position_table.value)
    if length is None:
        length = tf.shape(token_ids)[1]
    else:
        positions = positions[: offset + length]  # the file holds no rows that cannot be reached
    # The smaller of an id and 0 is 0. But to the converter it is not: it would work out what is
    # looked up at places that it knows, and keep that, in float32.
    places = tf.range(offset, offset + length) + tf.minimum(token_ids, 0)
    x = _rows(embeddings.token.table.value, token_ids) + _rows(positions, places)
    if embeddings.num_segments == 1:
        x = x + embeddings.segment_table
    elif embeddings.num_segments:
        one_hot = ops.one_hot(segment_ids, embeddings.num_segments, dtype="float32")
        x = x + ops.matmul(one_hot, embeddings.segment_table)
    return embeddings.layer_norm(x)


def _rows(table, ids):
    """The rows `ids (B, T)` of `table (V, D)`, `(B, T, D)`."""
    table = tf.convert_to_tensor(table)
    found = _look_up(table, tf.reshape(ids, [-1]))
    return tf.reshape(found, tf.concat([tf.shape(ids), table.shape[1:]], 0))


@tf.function(experimental_implements="embedding_matmul", autograph=False)
def _look_up(table, ids):
    """By this mark, and the order of the arguments, the converter knows the operation."""
    return tf.gather(table, ids)
