"""Passes over large tensors, each compiled by XLA to one, in a graph that is not compiled.

TensorFlow's kernels go over memory once for each operation: a GELU and its gradient are fifteen of
them, dropout is seven, one of which draws random numbers at 3 ns each. What is here goes over it
once each way, and keeps nothing for the backward pass but its input. XLA over the whole step, on a
CPU, would take the matrix products from kernels that are better at them.

A shape takes a fifth of a second to compile, so this is for training on batches of one large shape,
known to the `tf.function` that is traced for it, or of few: see `for_few_shapes`.
"""

import contextlib
from types import SimpleNamespace

import tensorflow as tf

LEAST_SIZE = 1 << 17
"""Elements of a tensor that a pass of its own pays off for."""


_shapes = SimpleNamespace(are_few=False)  # of all threads: each replica is traced in its own


@contextlib.contextmanager
def for_few_shapes(are_few: bool = True):
    """Lets passes be compiled for tensors of unknown shape, for each that comes.

    Args:
        are_few: whether they are few; otherwise only known shapes are compiled.
    """
    before, _shapes.are_few = _shapes.are_few, are_few
    try:
        yield
    finally:
        _shapes.are_few = before


def pays_off(x) -> bool:
    """Whether `x` is in a graph, on a machine that has CPUs only, and large by what is known."""
    size = x.shape.num_elements()
    is_large = _shapes.are_few if size is None else size >= LEAST_SIZE
    return is_large and tf.inside_function() and tf.test.is_built_with_xla() and has_cpus_only()


def has_cpus_only() -> bool:
    """Whether this machine has neither GPU nor TPU."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def in_one_pass(function):
    """An elementwise function of one tensor, compiled, and its gradient, compiled too.

    Args:
        function: of a tensor, which it returns in the same shape and type.

    Example:
        >>> double = in_one_pass(lambda x: x + x)
        >>> double(tf.constant([1.0, 2.0])).numpy()
        array([2., 4.], dtype=float32)
    """
    forward = tf.function(function, jit_compile=True, autograph=False)

    @tf.function(jit_compile=True, autograph=False)
    def backward(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x, upstream)

    @tf.custom_gradient
    def compiled(x):
        return forward(x), lambda upstream: backward(x, upstream)

    return compiled


def dropout(x, rate: float, seed):
    """Sets a share of the elements to 0 and divides the others by what is left.

    Which ones is a hash of their number and the seed, made again for the gradient: no random
    numbers are kept. (Those of Keras are other ones for the same seed.)

    Args:
        x: a tensor of any shape.
        rate: the share, in [0, 1).
        seed: `(2,)` integers.

    Example:
        >>> x = dropout(tf.ones((4000,)), 0.5, [1, 2])
        >>> sorted(set(x.numpy().tolist())), bool(abs(tf.reduce_mean(x) - 1) < 0.1)
        ([0.0, 2.0], True)
    """

    @tf.custom_gradient
    def dropped(x):
        return _dropped(x, seed, rate), lambda upstream: _dropped(upstream, seed, rate)

    return dropped(x)


@tf.function(jit_compile=True, autograph=False)
def _dropped(x, seed, rate):
    kept = tf.reshape(_hash(tf.size(x), seed), tf.shape(x)) >= int(rate * 2**31)
    return tf.where(kept, x / (1 - rate), tf.zeros((), x.dtype))


def _hash(size, seed):
    """Numbers from 0 to 2^31, evenly spread, `(size,)` int32, for two integers."""
    first, second = tf.unstack(tf.cast(seed, tf.uint32))
    start = _mixed(first + _mixed(second))
    turn = _mixed(second ^ _mixed(first ^ tf.constant(0x9E3779B9, tf.uint32)))
    # Mixed, changed by the seed once more, mixed: else all seeds would give the same long sequence,
    # only begun at other places.
    numbers = _mixed(tf.cast(tf.range(size), tf.uint32) + start) ^ turn
    numbers *= tf.constant(0x2C1B3C6D, tf.uint32)
    return tf.bitcast(tf.bitwise.right_shift(numbers, tf.constant(1, tf.uint32)), tf.int32)


def _mixed(x):
    """A hash of 32 bits in which every bit depends on all.

    Reference:
        https://github.com/skeeto/hash-prospector, two rounds
    """
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97), (15, 1)):
        x ^= tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))
        x *= tf.constant(factor, tf.uint32)
    return x


def layer_norm(x, gamma, beta, epsilon: float):
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, of each row.

    Sums are TensorFlow's, which is better at them; all between them is one pass.

    Args:
        x: `(N, D)`.
        gamma: `(D,)`.
        beta: `(D,)`.
        epsilon: what is added to the variance.

    Example:
        >>> layer_norm(tf.constant([[1.0, 3.0]]), tf.ones(2), tf.zeros(2), 0.0).numpy()
        array([[-1.,  1.]], dtype=float32)
    """

    @tf.custom_gradient
    def normed(x, gamma, beta):
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + epsilon)

        def gradient(upstream):
            by_normed = _by_normed(upstream, x, mean, scale)
            share = gamma / gamma.shape[0]
            means = [tf.linalg.matvec(each, share) for each in (upstream, by_normed)]
            of_x = _gradient_of_normed(upstream, x, mean, scale, gamma, *means)
            return of_x, tf.reduce_sum(by_normed, axis=0), tf.reduce_sum(upstream, axis=0)

        return _scaled(x, mean, scale, gamma, beta), gradient

    return normed(x, gamma, beta)


@tf.function(jit_compile=True, autograph=False)
def _scaled(x, mean, scale, gamma, beta):
    return (x - mean) * scale * gamma + beta


@tf.function(jit_compile=True, autograph=False)
def _by_normed(upstream, x, mean, scale):
    return upstream * (x - mean) * scale


@tf.function(jit_compile=True, autograph=False)
def _gradient_of_normed(upstream, x, mean, scale, gamma, mean_upstream, mean_by_normed):
    """Reference: https://arxiv.org/abs/1607.06450, supplement; the means are those over a row."""
    normed = (x - mean) * scale
    return scale * (upstream * gamma - mean_upstream[:, None] - normed * mean_by_normed[:, None])


@tf.function(jit_compile=True, autograph=False)
def adam_w(weight, first, second, gradient, rate, corrected_rate, decay, beta_1, beta_2, epsilon):
    """A step of AdamW, in place and in one pass, of TensorFlow variables of one shape.

    Args:
        weight: a variable, which becomes
            `weight - corrected_rate first / (sqrt(second) + epsilon) - rate decay weight`.
        first: a variable, the moving mean of gradients, which takes in this one before that.
        second: a variable, that of their squares, likewise.
        gradient: a tensor.
        rate: a scalar.
        corrected_rate: the rate by which Adam makes up for first means that begin at zero.
        decay: a number.
        beta_1: how much stays of the first mean, a number.
        beta_2: how much stays of the second.
        epsilon: a number.

    Reference:
        https://arxiv.org/abs/1711.05101, algorithm 2
    """
    new_first = first + (gradient - first) * (1 - beta_1)
    new_second = second + (gradient * gradient - second) * (1 - beta_2)
    step = corrected_rate * new_first / (tf.sqrt(new_second) + epsilon) + rate * decay * weight
    weight.assign_sub(step)
    first.assign(new_first)
    second.assign(new_second)
