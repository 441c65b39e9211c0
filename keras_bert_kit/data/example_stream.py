"""The endless order of examples over windows and epochs, in which any place can be found again."""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from keras_bert_kit.data.examples import Examples

SHARD_ORDER, CUT, FILL, SHUFFLE = range(4)  # what random numbers are for, as a part of their seed
PLANS_KEPT = 3


class Window(NamedTuple):
    """Shards that are planned and shuffled together."""

    epoch: int
    number: int
    members: list[int]
    ends_epoch: bool


class ExampleStream:
    """Examples number 0, 1, 2, ... of a run: a pure function of shards, planner and seed.

    An epoch goes through the shards in a new random order, a window of neighbours at a time; the
    examples of a window are planned together and shuffled. So memory depends on the window and not
    on the corpus. To find an example, those of the windows before it are counted, which takes a few
    microseconds for each, and not planned.

    Args:
        shards: a `Shards`.
        planner: a `SentencePairs` or `FullSentences`.
        seed: of all draws.
        tokens_per_window: a window is complete when it holds so many tokens.

    Raises:
        ValueError: if the planner cannot make examples of these shards, or a window holds nothing.
    """

    def __init__(self, shards, planner, seed: int = 0, tokens_per_window: int = 16_000_000):
        if tokens_per_window < 1:
            raise ValueError(f"`tokens_per_window` must be positive; received {tokens_per_window}.")
        planner.check(shards)
        self.shards = shards
        self.planner = planner
        self.seed = seed
        self.tokens_per_window = tokens_per_window
        self._lock = threading.RLock()  # tf.data asks from several threads
        self._coming = self._all_windows()
        self._windows: list[Window] = []
        self._ends: list[int] = []  # the number of the first example after each window
        self._epoch_ends: list[int] = []
        self._last_cuts: list[np.ndarray] = []  # of the last window counted: often the next to plan
        self._plans: OrderedDict[int, tuple[Examples, np.ndarray]] = OrderedDict()

    def num_examples(self, epoch: int = 0) -> int:
        """The number of examples in an epoch, which differs a little from one to the next."""
        with self._lock:
            while len(self._epoch_ends) <= epoch:
                self._count_next()
        return self._epoch_ends[epoch] - (self._epoch_ends[epoch - 1] if epoch else 0)

    def has(self, num_examples: int) -> bool:
        """Whether the first epoch has so many examples; counts no further than it must."""
        with self._lock:
            while not self._epoch_ends and (not self._ends or self._ends[-1] < num_examples):
                self._count_next()
        return (self._epoch_ends or self._ends[-1:])[0] >= num_examples

    def take(self, first: int, stop: int) -> Examples:
        """Examples number `first` to `stop - 1`."""
        parts = []
        while first < stop:
            with self._lock:
                while not self._ends or self._ends[-1] <= first:
                    self._count_next()
                window = bisect_right(self._ends, first)
                examples, order = self._plan(window)
            begin = self._ends[window - 1] if window else 0
            end = min(stop, self._ends[window])
            parts.append(examples.rows(order[first - begin : end - begin]))
            first = end
        return parts[0] if len(parts) == 1 else Examples.concatenate(parts)

    def _count_next(self) -> None:
        window = next(self._coming)
        self._last_cuts = self._cut(window)
        count = sum(map(self.planner.num_examples, self._last_cuts))
        self._windows.append(window)
        self._ends.append(count + (self._ends[-1] if self._ends else 0))
        if window.ends_epoch:
            self._epoch_ends.append(self._ends[-1])

    def _plan(self, index: int) -> tuple[Examples, np.ndarray]:
        """The examples of a window and the order to take them in; the last few plans are kept."""
        if index not in self._plans:
            window = self._windows[index]
            is_last = index == len(self._windows) - 1
            cuts = self._last_cuts if is_last else self._cut(window)
            rng = self._rng(FILL, window.epoch, window.number)
            examples = self.planner.plan(self.shards, window.members, cuts, rng)
            rng = self._rng(SHUFFLE, window.epoch, window.number)
            self._plans[index] = examples, rng.permutation(examples.num_examples)
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(index)
        return self._plans[index]

    def _cut(self, window: Window) -> list[np.ndarray]:
        return [
            self.planner.cut(self.shards.shard(index), self._rng(CUT, window.epoch, index))
            for index in window.members
        ]

    def _all_windows(self) -> Iterator[Window]:
        sizes = [int(self.shards.shard(i).sentence_ends[-1]) for i in range(len(self.shards))]
        epoch = 0
        while True:
            order = self._rng(SHARD_ORDER, epoch, 0).permutation(len(sizes)).tolist()
            for number, members in enumerate(self._grouped(order, sizes)):
                yield Window(epoch, number, members, ends_epoch=members[-1] == order[-1])
            epoch += 1

    def _grouped(self, order: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
        members, num_tokens = [], 0
        for index in order:
            members.append(index)
            num_tokens += sizes[index]
            if num_tokens >= self.tokens_per_window or index == order[-1]:
                yield members
                members, num_tokens = [], 0

    def _rng(self, purpose: int, epoch: int, index: int) -> np.random.Generator:
        key = np.random.SeedSequence((self.seed, purpose, epoch, index))
        return np.random.Generator(np.random.Philox(key))
