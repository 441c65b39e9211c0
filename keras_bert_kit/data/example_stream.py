"""The endless order of examples over windows of shards and epochs, where any place can be found again."""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np

from keras_bert_kit.data.sentence_pairs import Examples

SHARD_ORDER, CUT, FILL, SHUFFLE = range(4)  # what a stream of random numbers is for
WINDOWS_KEPT = 3


class ExampleStream:
    """Examples number 0, 1, 2, ... of a run, a pure function of the shards, the planner and the seed.

    An epoch goes through the shards in a new random order, a window of neighbours at a time; the
    examples of a window are planned together and shuffled. So memory depends on the window and not on
    the corpus. To find an example, those of the windows before it are counted, not planned.

    Args:
        shards: a `Shards`.
        planner: a `SentencePairs` or `FullSentences`.
        seed: of all draws.
        tokens_per_window: a window is closed when it holds so many tokens.
    """

    def __init__(self, shards, planner, seed: int = 0, tokens_per_window: int = 16_000_000):
        self.shards = shards
        self.planner = planner
        self.seed = seed
        self.tokens_per_window = tokens_per_window
        self._lock = threading.RLock()
        self._windows: list[tuple[int, int, list[int]]] = []  # (epoch, number in it, shards)
        self._ends: list[int] = []  # the number of the first example after each window
        self._coming = self._all_windows()
        self._cuts: tuple[int, list[np.ndarray]] = (-1, [])
        self._plans: OrderedDict[int, tuple[Examples, np.ndarray]] = OrderedDict()

    def num_examples(self, epoch: int = 0) -> int:
        """The number of examples in an epoch; it differs a little from one to the next.

        All epochs up to this one are counted, at some millions of tokens a second.
        """
        with self._lock:
            while not self._windows or self._windows[-1][0] <= epoch:
                self._count_next()
            ends = [
                e for (i, _, _), e in zip(self._windows, self._ends, strict=True) if i <= epoch
            ]
            before = [
                e for (i, _, _), e in zip(self._windows, self._ends, strict=True) if i < epoch
            ]
            return ends[-1] - (before[-1] if before else 0)

    def has(self, number: int) -> bool:
        """Whether the first epoch has at least `number` examples; counts no further than needed."""
        with self._lock:
            while not self._ends or (self._ends[-1] < number and self._windows[-1][0] == 0):
                self._count_next()
            first_epoch = [e for (i, _, _), e in zip(self._windows, self._ends) if i == 0]
            return first_epoch[-1] >= number

    def take(self, first: int, stop: int) -> Iterator[tuple[Examples, np.ndarray]]:
        """Where examples `first` to `stop - 1` are: rows of one plan or of several in turn.

        Yields:
            The plan of a window, and `(n,)` int64, the numbers of the examples in it.
        """
        while first < stop:
            with self._lock:
                while not self._ends or self._ends[-1] <= first:
                    self._count_next()
                window = bisect_right(self._ends, first)
                begin = self._ends[window - 1] if window else 0
                end = min(stop, self._ends[window])
                examples, order = self._plan(window)
            yield examples, order[first - begin : end - begin]
            first = end

    def _count_next(self) -> None:
        epoch, number, members = next(self._coming)
        cuts = self._cut(epoch, members)
        count = sum(map(self.planner.num_examples, cuts))
        self._cuts = (len(self._windows), cuts)  # of use if this is the window looked for
        self._windows.append((epoch, number, members))
        self._ends.append(count + (self._ends[-1] if self._ends else 0))

    def _plan(self, window: int) -> tuple[Examples, np.ndarray]:
        if window not in self._plans:
            epoch, number, members = self._windows[window]
            counted, cuts = self._cuts
            if counted != window:
                cuts = self._cut(epoch, members)
            rng = self._rng(FILL, epoch, number)
            examples = self.planner.plan(self.shards, members, cuts, rng)
            order = self._rng(SHUFFLE, epoch, number).permutation(examples.num_examples)
            self._plans[window] = examples, order
            while len(self._plans) > WINDOWS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(window)
        return self._plans[window]

    def _cut(self, epoch: int, members: Sequence[int]) -> list[np.ndarray]:
        return [
            self.planner.cut(self.shards.shard(index), self._rng(CUT, epoch, index))
            for index in members
        ]

    def _all_windows(self) -> Iterator[tuple[int, int, list[int]]]:
        sizes = [int(self.shards.shard(i).sentence_ends[-1]) for i in range(len(self.shards))]
        epoch = 0
        while True:
            number, members, tokens = 0, [], 0
            for index in self._rng(SHARD_ORDER, epoch, 0).permutation(len(sizes)).tolist():
                members.append(index)
                tokens += sizes[index]
                if tokens >= self.tokens_per_window:
                    yield epoch, number, members
                    number, members, tokens = number + 1, [], 0
            if members:
                yield epoch, number, members
            epoch += 1

    def _rng(self, purpose: int, epoch: int, index: int) -> np.random.Generator:
        key = np.random.SeedSequence((self.seed, purpose, epoch, index))
        return np.random.Generator(np.random.Philox(key))
