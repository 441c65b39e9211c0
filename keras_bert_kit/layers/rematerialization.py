"""Activations that are not kept for the backward pass but computed once more in it."""

import contextlib
from collections.abc import Callable, Sequence

import keras
from keras import ops

# A seed is more than float32 can hold, its two parts are not.
PART = 1 << 15


def recompute(function: Callable, *tensors, generators: Sequence[keras.random.SeedGenerator] = ()):
    """`function(*tensors)`, whose insides are not kept but computed again for its gradient.

    `keras.remat`, with dropout that leaves out the same both times: what is drawn in the function
    is drawn before it, once, so that seeds go on as they do without.

    Args:
        function: gives a tensor of the tensors.
        *tensors: all that the function depends on besides weights, as floats; or None. In
            TensorFlow they are made to depend on the gradient that comes in, or else a compiler
            would see the same computation twice and keep the results of the first.
        generators: what the function draws from, one number each.

    Returns:
        What the function returns.

    Reference:
        https://arxiv.org/abs/1604.06174
    """
    seeds = [generator.next() for generator in generators]
    parts = [ops.cast(ops.stack([seed // PART, seed % PART]), "float32") for seed in seeds]
    given = [tensor for tensor in tensors if tensor is not None]

    def compute(*given):
        given = list(given)
        drawn = [_joined(given.pop(0), seed.dtype) for seed in seeds]
        with _draws(generators, drawn):
            return function(*(None if tensor is None else given.pop(0) for tensor in tensors))

    return keras.remat(compute)(*parts, *given)


def _joined(parts, dtype):
    high, low = ops.unstack(ops.cast(parts, dtype))
    return high * PART + low


@contextlib.contextmanager
def _draws(generators, seeds):
    """Lets generators give what was drawn before."""
    # They may have a `next` of their own, see `own_draws` in step.py.
    usual = [vars(generator).get("next") for generator in generators]
    for generator, seed in zip(generators, seeds, strict=True):
        generator.next = lambda ordered=True, seed=seed: seed
    try:
        yield
    finally:
        for generator, draw in zip(generators, usual, strict=True):
            if draw is None:
                del generator.next
            else:
                generator.next = draw
