"""Turns of a side that makes batches ahead of those that are taken."""

from collections.abc import Callable, Iterator

from tools.bench.worker import timed


def batch_turns(
    batches: Iterator, num_ahead: int, num_parallel: int, size: Callable[..., float], amount: float
) -> Callable[[], dict]:
    """What takes batches until there is so much work, and tells how much it was.

    A turn begins with batches that were made ahead in the last one, or while the process was being
    stopped. They are taken before the clock starts.

    Args:
        batches: without end.
        num_ahead: how many of them may be made ahead.
        num_parallel: how many are made at a time. These come together, so a turn ends with the last
            of them.
        size: how much work a batch is.
        amount: how much work a turn is, at least.
    """

    def take():
        done = 0
        while done < amount:
            done += sum(size(next(batches)) for _ in range(num_parallel))
        return {"amount": done}

    def work():
        for _ in range(num_ahead):
            size(next(batches))
        return timed(take)

    return work
