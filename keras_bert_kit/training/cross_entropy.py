"""Cross-entropy over a vocabulary, with few passes over its logits, by TensorFlow on CPUs."""

import tensorflow as tf

from keras_bert_kit import compiled


def largest_classes(logits):
    """Maps `(N, C)` to the class of the largest logit of each row, the first of several, `(N,)`.

    The loss and the accuracy ask for it of the same logits: TensorFlow then finds it once.
    """
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


def terms_on_cpus(labels, logits):
    """`-log softmax(logits)[label]`.

    Args:
        labels: `(N,)` integers in `[0, C)`; others are an error, or with XLA give no number.
        logits: `(N, C)`.

    Returns:
        `(N,)`, of the type of `logits`.
    """
    num_rows, num_classes = tf.unstack(tf.shape(logits, tf.int64))
    labels, firsts = tf.cast(labels, tf.int64), tf.range(num_rows) * num_classes
    is_class = (labels >= 0) & (labels < num_classes)
    outside = num_rows * num_classes  # rather than in another row
    places = tf.where(is_class, firsts + labels, outside)

    @tf.custom_gradient
    def terms(logits):
        probabilities = tf.nn.softmax(logits)
        largest = firsts + tf.cast(largest_classes(logits), tf.int64)
        distance = _at(largest, logits) - _at(places, logits)

        def gradient(upstream):
            if logits.shape.is_fully_defined() and compiled.pays_off(logits):
                return _gradient_in_one_pass(probabilities, labels, upstream)
            return tf.tensor_scatter_nd_update(
                probabilities * upstream[:, None],
                tf.stack([tf.range(num_rows), labels], axis=-1),
                (_at(places, probabilities) - 1) * upstream,
            )

        # log sum exp(logits - largest), of which the probabilities already hold the sum
        return distance - tf.math.log(_at(largest, probabilities)), gradient

    return tf.where(is_class, terms(logits), float("nan"))


def _at(places, values):
    return tf.gather(tf.reshape(values, [-1]), places)


@tf.function(jit_compile=True, autograph=False)
def _gradient_in_one_pass(probabilities, labels, upstream):
    is_label = tf.range(probabilities.shape[1], dtype=tf.int64) == labels[:, None]
    return (probabilities - tf.cast(is_label, probabilities.dtype)) * upstream[:, None]
