"""Spans of tokens to what a model says of them, in the graph and in bounded memory."""

from collections.abc import Callable

import tensorflow as tf

from keras_bert_kit.data.packing import pack_spans

INPUTS_AT_ONCE = 32  # of a model: a long text has many windows


def pack(
    values: tf.Tensor, starts: list[tf.Tensor], lengths: list[tf.Tensor], vocabulary, encoder
) -> dict[str, tf.Tensor]:
    """Inputs `[CLS] A [SEP] B [SEP]` of spans of tokens, as long as the longest of them.

    Args:
        values: the tokens that the spans lie in.
        starts: for each segment `(F,)` int32, where in `values` it begins.
        lengths: for each segment `(F,)` int32, its tokens.
        vocabulary: whose special tokens to put in.
        encoder: the encoder that the inputs are for.

    Returns:
        `token_ids`, `segment_ids`, `padding_mask`, each `(F, T)` int32.
    """
    between = [tf.zeros_like(starts[0])] * (vocabulary.separators_between - 1)
    # An empty segment between two brings the second [SEP] of RoBERTa.
    starts = [starts[0], *(x for start in starts[1:] for x in (*between, start))]
    lengths = [lengths[0], *(x for length in lengths[1:] for x in (*between, length))]
    longest = tf.reduce_max(tf.concat([sum(lengths), [1]], 0)) + 1 + len(lengths)
    num_segments = max(1, encoder.config["num_segments"])
    starts, lengths = tf.stack(starts, axis=1), tf.stack(lengths, axis=1)
    return pack_spans(values, starts, lengths, vocabulary, longest, num_segments)


def in_chunks(function: Callable[[dict], dict], inputs: dict) -> dict:
    """`function(inputs)`, computed for a few rows at a time.

    Args:
        function: maps tensors by name to tensors by name, row by row.
        inputs: each `(F, ...)`; there may be no row.

    Returns:
        What `function` returns, each `(F, ...)`.
    """
    function = tf.function(
        function, autograph=False
    )  # one in the graph, however often it is called
    count = tf.shape(next(iter(inputs.values())))[0]

    def chunk(at):
        return function({name: x[at : at + INPUTS_AT_ONCE] for name, x in inputs.items()})

    def go_on(at, outputs):
        found = chunk(at)
        number = at // INPUTS_AT_ONCE
        return at + INPUTS_AT_ONCE, {k: a.write(number, found[k]) for k, a in outputs.items()}

    first = chunk(0)
    arrays = {
        name: tf.TensorArray(
            x.dtype, 1, True, infer_shape=False, element_shape=[None, *x.shape[1:]]
        ).write(0, x)
        for name, x in first.items()
    }
    _, outputs = tf.while_loop(
        lambda at, outputs: at < count, go_on, (tf.constant(INPUTS_AT_ONCE), arrays)
    )
    return {name: array.concat() for name, array in outputs.items()}
