"""The likeliest tags that make sense together, as `data.tag_decoding` finds them, in the graph."""

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.tag_decoding import LEAST


def likeliest_tags(probabilities: tf.RaggedTensor, transitions: np.ndarray | None) -> tf.Tensor:
    """The likeliest sequence of tags of each row, of the words of all rows one after the other.

    Args:
        probabilities: `(B, None, C)` of each tag for each word.
        transitions: `(C + 1, C)`, as `tag_decoding.transitions_of` gives them.

    Returns:
        `(W,)` int32.
    """
    if transitions is None:
        return tf.argmax(probabilities.flat_values, 1, tf.int32)
    cost = tf.constant(np.where(transitions, 0.0, -np.inf), tf.float32)
    num_tags = transitions.shape[1]
    lengths = probabilities.row_lengths()
    # Two at least, of which one may be past the end of all rows: `tf.scan` fails on nothing.
    places = 1 + tf.maximum(tf.reduce_max(lengths), 1)
    scores = probabilities.with_flat_values(
        tf.math.log(tf.maximum(probabilities.flat_values, LEAST))
    )
    scores = scores.to_tensor(shape=[None, None, num_tags])
    scores = tf.pad(scores, [[0, 0], [0, places - tf.shape(scores, tf.int64)[1]], [0, 0]])
    scores = tf.transpose(scores, [1, 0, 2])  # (T, B, C)
    is_word = tf.range(places)[:, None, None] < lengths[:, None]  # (T, B, 1)
    stay = tf.broadcast_to(tf.range(num_tags), tf.shape(scores)[1:])

    def step(before, at):
        best, _ = before
        score, is_there = at
        paths = best[:, :, None] + cost[:-1]
        best = tf.where(is_there, tf.reduce_max(paths, axis=1) + score, best)
        return best, tf.where(is_there, tf.argmax(paths, 1, tf.int32), stay)

    # Past the end of a row its best paths stay as they are.
    first = scores[0] + cost[-1]
    best, came_from = tf.scan(step, (scores[1:], is_word[1:]), (first, stay))
    last = tf.argmax(best[-1], 1, tf.int32)
    earlier = tf.scan(
        lambda tags, back: tf.gather(back, tags, batch_dims=1), came_from, last, reverse=True
    )
    tags = tf.transpose(tf.concat([earlier, last[None]], 0))  # (B, T)
    return tf.RaggedTensor.from_tensor(tags, lengths).flat_values
