"""The pre-training pipeline: shards to masked batches; batch k is a pure function of its number."""

import math
from functools import cached_property

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.data_service import served_batches
from keras_bert_kit.data.example_stream import ExampleStream
from keras_bert_kit.data.examples import Examples
from keras_bert_kit.data.full_sentences import FullSentences
from keras_bert_kit.data.masking import Masking, mask_tokens
from keras_bert_kit.data.packing import pack_spans
from keras_bert_kit.data.read_ahead import read_ahead
from keras_bert_kit.data.sentence_pairs import SentencePairs

# The planner of each kind of example, its usual share of short ones, its number of segment ids.
PLANNERS = {"next_sentence": (SentencePairs, 0.1, 2), "full_sentences": (FullSentences, 0.0, 1)}


class PretrainingData:
    """Batches `(x, y, sample_weight)` for masked tokens and the next sentence, from shards.

    Batch number k depends on the shards, the options, the seed and k, and on nothing else: a run
    that goes on at step k sees what it would have seen. Sentences are paired and tokens are masked
    anew in every epoch. All shapes are static; the last batch of an epoch runs on into the next.

    - `x`: `token_ids`, `segment_ids`, `padding_mask` `(B, T)` and `mask_positions` `(B, M)`, int32.
    - `y`: `masked_lm` `(B, M)`, the tokens that stood there, and `next_sentence` `(B,)`, 1 for a
      random B and 0 for one that follows A, int32.
    - `sample_weight`: of the names and shapes of `y`, float32, 0 for a void prediction or row.

    Args:
        shards: a `Shards`.
        vocabulary: the `Vocabulary` that the shards were made with.
        batch_size: the number of examples in a batch: B.
        sequence_length: the number of tokens of an example: T.
        max_predictions: the most masked positions of an example: M. By default `masking.rate` of T,
            rounded up: 20 of 128, 77 of 512.
        masking: what to mask.
        pairs: `"next_sentence"` for BERT's sentence pairs, or `"full_sentences"` for RoBERTa's rows
            without next-sentence prediction; there is no `next_sentence` in their batches, and all
            segment ids are 0.
        short_sequence_rate: the share of examples with a random, shorter length; by default 0.1 for
            sentence pairs and 0 for full sentences, as in the papers.
        seed: of all draws.
        tokens_per_window: shards that hold so many tokens are planned and shuffled together.

    Raises:
        ValueError: if an option is out of range, the vocabulary is not that of the shards, or there
            are not enough documents to make pairs of.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from keras_bert_kit.data.shard_builder import build_shards
        >>> from keras_bert_kit.data.shards import Shards
        >>> from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("a b. b a.\\n\\nb a b. a.")
        >>> words = Vocabulary([*SPECIAL_TOKENS, "a", "b", "."])
        >>> _ = build_shards(
        ...     folder / "a.txt", folder / "shards", words, heldout_fraction=0, progress=False
        ... )
        >>> shards = Shards(folder / "shards" / "train")
        >>> data = PretrainingData(shards, words, batch_size=2, sequence_length=12)
        >>> x, y, sample_weight = next(iter(data.dataset(start_step=1000)))
        >>> x["token_ids"].shape, y["masked_lm"].shape, y["next_sentence"].shape
        (TensorShape([2, 12]), TensorShape([2, 2]), TensorShape([2]))
    """

    def __init__(
        self,
        shards,
        vocabulary,
        batch_size: int = 32,
        sequence_length: int = 128,
        max_predictions: int | None = None,
        masking: Masking = Masking(),  # noqa: B008 (frozen)
        pairs: str = "next_sentence",
        short_sequence_rate: float | None = None,
        seed: int = 0,
        tokens_per_window: int = 16_000_000,
    ):
        if pairs not in PLANNERS:
            raise ValueError(f"`pairs` must be one of {', '.join(PLANNERS)}; received {pairs!r}.")
        planner, usual_rate, self._num_segments = PLANNERS[pairs]
        if short_sequence_rate is None:
            short_sequence_rate = usual_rate
        if max_predictions is None:
            max_predictions = math.ceil(masking.rate * sequence_length)
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be positive; received {batch_size}.")
        if not 1 <= max_predictions <= sequence_length:
            raise ValueError(
                f"`max_predictions` must lie between 1 and the {sequence_length} tokens of an "
                f"example; received {max_predictions}."
            )
        if not 0 <= short_sequence_rate <= 1:
            raise ValueError(
                f"`short_sequence_rate` must lie in [0, 1]; received {short_sequence_rate}."
            )
        if not 0 <= seed < 2**63:
            raise ValueError(f"`seed` must lie in [0, 2**63); received {seed}.")
        shards.check_vocabulary(vocabulary)
        self.shards = shards
        self.vocabulary = vocabulary
        self.batch_size = batch_size
        self.sequence_length = sequence_length
        self.max_predictions = max_predictions
        self.masking = masking
        self.pairs = pairs
        self.short_sequence_rate = short_sequence_rate
        self.seed = seed
        self._stream = ExampleStream(
            shards, planner(sequence_length, short_sequence_rate), seed, tokens_per_window
        )

    def num_examples(self, epoch: int = 0) -> int:
        """The number of examples in an epoch; counts, but does not plan, those up to it."""
        return self._stream.num_examples(epoch)

    def steps_per_epoch(self, epoch: int = 0) -> int:
        """The number of whole batches in an epoch."""
        return self.num_examples(epoch) // self.batch_size

    def dataset(
        self, start_step: int = 0, num_steps: int | None = None, service: str | None = None
    ) -> tf.data.Dataset:
        """Batches number `start_step`, `start_step + 1`, ..., for training.

        Args:
            start_step: the number of the first batch; those before it are not made.
            num_steps: how many batches; None for no end (then give `fit` its `steps_per_epoch`).
            service: the address of a tf.data service whose workers make the batches,
                `"grpc://host:port"`: the same batches in the same order (see `data_service.py`).

        Returns:
            A dataset of `(x, y, sample_weight)`.

        Raises:
            ValueError: if an epoch has fewer examples than a batch, or no tf.data service answers.
        """
        if start_step < 0:
            raise ValueError(f"`start_step` must not be negative; received {start_step}.")
        if not self._stream.has(self.batch_size):
            raise ValueError(
                f"`batch_size` is {self.batch_size}, but the {self.shards.num_tokens:,} tokens of "
                f"the shards make only {self.num_examples()} examples of {self.sequence_length} "
                "tokens an epoch: use a smaller batch, or more text."
            )
        if service is not None:
            return served_batches(self, service, start_step, num_steps)
        steps = tf.data.Dataset.counter(start_step)
        return self._batches(steps if num_steps is None else steps.take(num_steps))

    def one_pass(self) -> tf.data.Dataset:
        """The examples of the first epoch once, for evaluation: the same batches every time.

        The last batch is filled up with rows of special tokens whose weights are all 0.

        Returns:
            A dataset of `(x, y, sample_weight)` of known length.
        """
        num_examples = self.num_examples()
        steps = tf.data.Dataset.range(math.ceil(num_examples / self.batch_size))
        return self._batches(steps, num_examples)

    def batch(self, step: int) -> tuple[dict, dict, dict]:
        """Batch number `step` of `dataset`, in NumPy arrays."""
        batch = self._pack_and_mask_in_graph(tf.constant(step, tf.int64), *self._gather(step))
        return tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)

    def _batches(self, steps: tf.data.Dataset, num_examples: int | None = None) -> tf.data.Dataset:
        def make(step):
            arrays = tf.numpy_function(
                lambda step: self._gather(int(step), num_examples), [step], [tf.int32] * 4
            )
            for array in arrays:
                array.set_shape([None])
            return self.pack_and_mask(step, *arrays)

        return read_ahead(steps, make)

    @cached_property
    def _pack_and_mask_in_graph(self):
        return tf.function(self.pack_and_mask, reduce_retracing=True, autograph=False)

    def _gather(self, step: int, num_examples: int | None = None) -> tuple[np.ndarray, ...]:
        """What `pack_and_mask` takes for a batch; rows behind `num_examples` are empty."""
        first, stop = step * self.batch_size, (step + 1) * self.batch_size
        if num_examples is not None:
            stop = min(stop, num_examples)
        examples = self.examples(first, stop)
        spans = zip(
            examples.shard.tolist(), examples.start.tolist(), examples.stop.tolist(), strict=True
        )
        tokens = [np.asarray(self.shards.shard(i).tokens)[start:stop] for i, start, stop in spans]
        # An empty row keeps its special tokens, as attention must have something to look at.
        num_empty = self.batch_size - examples.num_examples
        no_tokens = np.zeros(num_empty * self._num_segments)
        more_splits = examples.splits[-1] + self._num_segments * np.arange(1, num_empty + 1)
        arrays = (
            np.concatenate(tokens),
            np.concatenate([examples.stop - examples.start, no_tokens]),
            np.concatenate([examples.splits, more_splits]),
            np.concatenate([examples.is_random_next, np.full(num_empty, -1)]),
        )
        return tuple(array.astype(np.int32) for array in arrays)

    def examples(self, first: int, stop: int) -> Examples:
        """Where the segments of examples number `first` to `stop - 1` of the run lie."""
        return self._stream.take(first, stop)

    def pack_and_mask(self, step, tokens, lengths, splits, is_random) -> tuple[dict, dict, dict]:
        """A batch from its tokens, by operations that run in any process.

        Args:
            step: its number, an int64 scalar.
            tokens: the tokens of all its segments, one after the other, `(L,)` int32.
            lengths: the tokens of each segment, `(S,)` int32.
            splits: where the segments of each row begin in `lengths`, and their number, `(B + 1,)`.
            is_random: whether B is random, `(B,)` int32; -1 in an empty row at the end of a pass.

        Returns:
            `(x, y, sample_weight)`.
        """
        splits = tf.ensure_shape(splits, [self.batch_size + 1])
        is_random = tf.ensure_shape(is_random, [self.batch_size])
        lengths = tf.RaggedTensor.from_row_splits(lengths, splits, validate=False).to_tensor(-1)
        sizes = tf.maximum(lengths, 0)
        starts = tf.reshape(tf.cumsum(tf.reshape(sizes, [-1]), exclusive=True), tf.shape(sizes))
        x = pack_spans(
            tokens, starts, lengths, self.vocabulary, self.sequence_length, self._num_segments
        )
        masked = mask_tokens(
            x["token_ids"],
            x["padding_mask"],
            self.vocabulary,
            self.max_predictions,
            seed=tf.stack([tf.constant(self.seed, tf.int64), step]),
            masking=self.masking,
        )
        x |= {"token_ids": masked["token_ids"], "mask_positions": masked["mask_positions"]}
        y = {"masked_lm": masked["mask_ids"]}
        sample_weight = {"masked_lm": masked["mask_weights"]}
        if self.pairs == "next_sentence":
            y["next_sentence"] = tf.maximum(is_random, 0)
            sample_weight["next_sentence"] = tf.cast(is_random >= 0, tf.float32)
        return x, y, sample_weight
