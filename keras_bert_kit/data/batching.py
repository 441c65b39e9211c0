"""Inputs of like length in a batch, so that little of it is padding, in a new order every epoch.

Batch number k is a function of the lengths, the options, the seed and k alone: a run that goes on
in the middle sees the batches that it would have seen.
"""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.features import Features
from keras_bert_kit.data.read_ahead import read_ahead

SHUFFLED_BATCHES = 100  # sorted by length together: the more, the less padding


class Batches:
    """Batches of `(x, y, sample_weight)` from features, each padded to its longest input only.

    Inputs are shuffled, then sorted by length within stretches of 100 batches, cut into batches,
    and the batches of the epoch shuffled. (Sorting the whole epoch would put the same inputs
    together every time.) The last batch of an epoch takes what is left. Not bucketed, and with a
    batch size that divides the number of inputs, all shapes are fixed, as XLA on a TPU needs them.

    Args:
        features: the inputs.
        pad_id: the token of padding.
        targets: by output, `(F, ...)`, or for outputs in `per_token` `(L,)`.
        weights: as `targets`; an input or token of weight 0 is not learned from.
        per_token: outputs with one target for each token.
        batch_size: inputs in a batch.
        seed: seed of the order.
        bucketed: whether inputs of like length go together; otherwise any, padded to `pad_to`.
        pad_to: the length of all batches, when not bucketed; otherwise the most that a length is
            rounded up to, so that no batch is longer than the model has positions.
        length_step: lengths of batches are multiples of it; XLA wants few shapes, say 32.
        sampling: `(F,)` how often each input comes in an epoch, on average; by default once.

    Raises:
        ValueError: if there is no input, or a target has not one entry for each.
    """

    def __init__(
        self,
        features: Features,
        pad_id: int,
        targets: Mapping[str, np.ndarray] | None = None,
        weights: Mapping[str, np.ndarray] | None = None,
        *,
        per_token: bool = False,
        batch_size: int = 32,
        seed: int = 0,
        bucketed: bool = True,
        pad_to: int | None = None,
        length_step: int = 4,
        sampling: np.ndarray | None = None,
    ):
        if not len(features):
            raise ValueError("There are no inputs to make batches of.")
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be positive; received {batch_size}.")
        if not bucketed and pad_to is None:
            raise ValueError("Give `pad_to`, the length of all batches, with `bucketed=False`.")
        longest = int(features.lengths.max())
        if pad_to is not None and pad_to < longest:
            raise ValueError(f"`pad_to` is {pad_to}, but there is an input of {longest} tokens.")
        self.features = features
        self.pad_id = pad_id
        self.targets = dict(targets or {})
        self.weights = dict(weights or {})
        self.per_token = per_token
        self.batch_size = batch_size
        self.seed = seed
        self.bucketed = bucketed
        self.pad_to = pad_to
        self.length_step = length_step
        self.sampling = None if sampling is None else sampling / sampling.sum()
        self._planned: dict[int, list[np.ndarray]] = {}
        self._check_length(self.targets, self.weights)

    def add_target(self, name: str, values: np.ndarray, weights: np.ndarray) -> None:
        """Adds a target, such as what a teacher says, before the first batch is made.

        Args:
            name: the output.
            values: `(F, ...)`, or of tokens `(L, ...)`.
            weights: `(F,)`, or `(L,)`.

        Raises:
            ValueError: if there is not one for each.
        """
        self._check_length({name: values}, {name: weights})
        self.targets[name], self.weights[name] = values, weights

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.features) / self.batch_size)

    def dataset(self, start_step: int = 0) -> tf.data.Dataset:
        """Batches number `start_step`, `start_step + 1`, ... without end, for training.

        Returns:
            A dataset of `(x, y, sample_weight)`; give `fit` its `steps_per_epoch`.
        """

        def plan():
            step = start_step
            while True:
                epoch, at = divmod(step, self.steps_per_epoch)
                yield self._plan(epoch)[at]
                step += 1

        return self._batches(plan)

    def one_pass(self) -> tf.data.Dataset:
        """Every input once, the longest first, for evaluation and prediction.

        `order` says which inputs these are. The longest first: what does not fit into memory is
        found out at once.
        """
        order = self.order
        starts = range(0, len(order), self.batch_size)
        return self._batches(lambda: (order[at : at + self.batch_size] for at in starts)).apply(
            tf.data.experimental.assert_cardinality(len(starts))
        )

    @property
    def order(self) -> np.ndarray:
        """`(F,)`, the inputs in the order of `one_pass`."""
        return np.argsort(-self.features.lengths, kind="stable")

    def num_lengths(self) -> int:
        """How many lengths the batches of the first epoch have."""
        lengths = self.features.lengths
        return len({self._padded_length(lengths[batch].max()) for batch in self._plan(0)})

    def padding_share(self, epoch: int = 0) -> float:
        """The share of an epoch's token positions that are padding."""
        lengths = self.features.lengths
        batches = self._plan(epoch)
        positions = sum(len(b) * self._padded_length(lengths[b].max()) for b in batches)
        return 1.0 - sum(int(lengths[b].sum()) for b in batches) / positions

    def tokens_per_step(self) -> float:
        """Tokens that are not padding in a batch, on average."""
        return len(self.features.token_ids) / self.steps_per_epoch

    def _check_length(self, *given: Mapping[str, np.ndarray]) -> None:
        features = self.features
        expected = len(features.token_ids) if self.per_token else len(features)
        for name, values in (pair for one in given for pair in one.items()):
            if len(values) != expected:
                raise ValueError(
                    f"There must be a target and a weight of {name!r} for each of {expected:,} "
                    f"{'tokens' if self.per_token else 'inputs'}; received {len(values):,}."
                )

    def _plan(self, epoch: int) -> list[np.ndarray]:
        """The inputs of each batch of an epoch."""
        if epoch in self._planned:
            return self._planned[epoch]
        random = np.random.default_rng([self.seed, epoch])
        count = len(self.features)
        if self.sampling is None:
            order = random.permutation(count)
        else:
            order = random.choice(count, size=count, p=self.sampling)
        lengths = self.features.lengths
        batches = []
        stretch = self.batch_size * SHUFFLED_BATCHES if self.bucketed else self.batch_size
        for first in range(0, count, stretch):
            some = order[first : first + stretch]
            if self.bucketed:
                some = some[np.argsort(lengths[some], kind="stable")]
            batches += [
                some[at : at + self.batch_size] for at in range(0, len(some), self.batch_size)
            ]
        if self.bucketed:
            batches = [batches[at] for at in random.permutation(len(batches))]
        self._planned = {epoch: batches}  # of the latest epoch only
        return batches

    def _padded_length(self, longest: int) -> int:
        if not self.bucketed:
            return self.pad_to
        rounded = int(math.ceil(longest / self.length_step) * self.length_step)
        return rounded if self.pad_to is None else min(rounded, self.pad_to)

    def _batches(self, plan) -> tf.data.Dataset:
        token_ids, segment_ids = (
            tf.RaggedTensor.from_row_splits(values, self.features.splits, validate=False)
            for values in (self.features.token_ids, self.features.segment_ids)
        )
        all_lengths = self.features.lengths
        lengths = tf.constant(all_lengths)
        # What is the same in every batch is told to TensorFlow: XLA compiles for fixed shapes.
        is_even = len(self.features) % self.batch_size == 0
        num_rows = self.batch_size if is_even else None
        fixed_length = None if self.bucketed else self.pad_to
        targets, weights = (
            {name: self._as_tensor(values) for name, values in given.items()}
            for given in (self.targets, self.weights)
        )

        def chosen_and_length():
            for chosen in plan():
                yield chosen, self._padded_length(all_lengths[chosen].max())

        def make(chosen, length):
            row_lengths = tf.gather(lengths, chosen)
            shape = tf.stack([tf.size(chosen, tf.int64), length])

            def dense(ragged, padding=0):
                rows = tf.gather(ragged, chosen).to_tensor(padding, shape=shape)
                return tf.ensure_shape(rows, (num_rows, fixed_length))

            x = {
                "token_ids": dense(token_ids, self.pad_id),
                "segment_ids": dense(segment_ids),
                "padding_mask": tf.ensure_shape(
                    tf.sequence_mask(row_lengths, length, tf.int32), (num_rows, fixed_length)
                ),
            }
            pick = dense if self.per_token else lambda values: tf.gather(values, chosen)
            y, sample_weight = (
                {name: pick(values) for name, values in given.items()}
                for given in (targets, weights)
            )
            return x, y, sample_weight

        planned = tf.data.Dataset.from_generator(
            chosen_and_length,
            output_signature=(tf.TensorSpec([num_rows], tf.int64), tf.TensorSpec([], tf.int64)),
        )
        return read_ahead(planned, make)

    def _as_tensor(self, values: np.ndarray):
        if not self.per_token:
            return tf.constant(values)
        return tf.RaggedTensor.from_row_splits(values, self.features.splits, validate=False)
