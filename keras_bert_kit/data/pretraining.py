"""The pre-training pipeline: shards to masked batches; batch k is a pure function of its number."""

import math

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.example_stream import ExampleStream
from keras_bert_kit.data.full_sentences import FullSentences
from keras_bert_kit.data.masking import Masking, mask_tokens
from keras_bert_kit.data.packing import pack_spans
from keras_bert_kit.data.sentence_pairs import SentencePairs

PAIRS = ("next_sentence", "full_sentences")


class PretrainingData:
    """Batches `(x, y, sample_weight)` for masked tokens and the next sentence, from shards.

    Batch number k depends on the shards, the options, the seed and k, and on nothing else: a run that
    goes on at step k sees what it would have seen. Sentences are paired and tokens masked anew in
    every epoch. All shapes are static; the last batch of an epoch is filled up from the next one.

    Args:
        shards: a `Shards`.
        vocabulary: the `Vocabulary` that the shards were made with.
        batch_size: examples of a batch: B.
        sequence_length: tokens of an example: T.
        max_predictions: masked positions of an example: M. By default `masking.rate` of T, rounded up
            (20 of 128, 77 of 512).
        masking: what to mask.
        pairs: `"next_sentence"` for BERT's sentence pairs, `"full_sentences"` for RoBERTa's rows
            without next-sentence prediction: there is no `next_sentence` in the batches then, and
            all segment ids are 0.
        short_sequence_rate: the share of examples with a random, shorter length; by default 0.1 for
            sentence pairs and 0 for full sentences, as in the papers.
        seed: of all draws.
        tokens_per_window: shards that hold so many tokens are planned and shuffled together.

    Raises:
        ValueError: if an option is out of its range, the vocabulary is not that of the shards, the
            shards have fewer examples than one batch, or only one document to make pairs of.

    Example:
        Train from step 1000 on: `model.fit(data.dataset(start_step=1000), steps_per_epoch=...)`;
        evaluate: `model.evaluate(heldout.one_pass())`.
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
        if pairs not in PAIRS:
            raise ValueError(f"`pairs` must be one of {', '.join(PAIRS)}; received {pairs!r}.")
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be positive; received {batch_size}.")
        if seed < 0:
            raise ValueError(f"`seed` must not be negative; received {seed}.")
        if max_predictions is None:
            max_predictions = max(1, math.ceil(masking.rate * sequence_length))
        if short_sequence_rate is None:
            short_sequence_rate = 0.1 if pairs == "next_sentence" else 0.0
        if not 0 <= short_sequence_rate <= 1:
            raise ValueError(
                f"`short_sequence_rate` must lie in [0, 1]; received {short_sequence_rate}."
            )
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
        planner = SentencePairs if pairs == "next_sentence" else FullSentences
        planner = planner(sequence_length, short_sequence_rate)
        self._stream = ExampleStream(shards, planner, seed, tokens_per_window)

    def num_examples(self, epoch: int = 0) -> int:
        """The number of examples of an epoch; it counts, but does not plan, those before it."""
        return self._stream.num_examples(epoch)

    def steps_per_epoch(self, epoch: int = 0) -> int:
        """The number of whole batches in an epoch."""
        return self.num_examples(epoch) // self.batch_size

    def dataset(self, start_step: int = 0, num_steps: int | None = None) -> tf.data.Dataset:
        """Batches `start_step`, `start_step + 1`, ..., for training.

        Args:
            start_step: the number of the first batch; those before it are not made.
            num_steps: how many batches; None for no end (give `fit` its `steps_per_epoch`).

        Returns:
            `x = {token_ids, segment_ids, padding_mask (B, T), mask_positions (B, M)}` int32,
            `y = {masked_lm (B, M), next_sentence (B,)}` int32, 1 for a random B, and
            `sample_weight` of the same names and shapes, float32: 0 for a void prediction.
        """
        if start_step < 0:
            raise ValueError(f"`start_step` must not be negative; received {start_step}.")
        if not self._stream.has(self.batch_size):
            raise ValueError(
                f"`batch_size` is {self.batch_size}, but {self.shards.num_tokens:,} tokens make only "
                f"{self.num_examples()} examples of {self.sequence_length} tokens: use a smaller "
                "batch, or more text."
            )
        steps = tf.data.Dataset.counter(start_step)
        if num_steps is not None:
            steps = steps.take(num_steps)
        return self._batches(steps, None)

    def one_pass(self) -> tf.data.Dataset:
        """The first epoch alone, for evaluation: the same batches and masks each time.

        The last batch is filled up with rows `[CLS] [SEP] [SEP]` that have weight 0 throughout.
        """
        num_examples = self.num_examples()
        num_steps = -(-num_examples // self.batch_size)
        return self._batches(tf.data.Dataset.range(num_steps), num_examples)

    def batch(self, step: int) -> tuple[dict, dict, dict]:
        """Batch number `step` of `dataset`, as NumPy arrays."""
        batch = next(self.dataset(step, 1).as_numpy_iterator())
        return batch

    def _batches(self, steps: tf.data.Dataset, num_examples: int | None) -> tf.data.Dataset:
        def assemble(step):
            values, starts, lengths, is_random, weight = tf.numpy_function(
                lambda step: self._gather(int(step), num_examples),
                [step],
                [tf.int32, tf.int32, tf.int32, tf.int32, tf.float32],
                stateful=False,
            )
            values.set_shape([None])
            starts.set_shape([self.batch_size, None])
            lengths.set_shape([self.batch_size, None])
            is_random.set_shape([self.batch_size])
            weight.set_shape([self.batch_size])
            return self._assemble(step, values, starts, lengths, is_random, weight)

        dataset = steps.map(assemble, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return dataset.prefetch(tf.data.AUTOTUNE)

    def _gather(self, step: int, num_examples: int | None):
        """Reads the tokens of a batch: all of them in a row, and where each segment lies."""
        first = step * self.batch_size
        stop = first + self.batch_size
        if num_examples is not None:
            stop = min(stop, num_examples)
        pieces, row_lengths, is_random = [], [], []
        for examples, rows in self._stream.take(first, stop):
            for begin, end in zip(
                examples.splits[rows].tolist(), examples.splits[rows + 1].tolist(), strict=True
            ):
                row = []
                for segment in range(begin, end):
                    tokens = self.shards.shard(int(examples.shard[segment])).tokens
                    piece = tokens[examples.start[segment] : examples.stop[segment]]
                    pieces.append(piece)
                    row.append(len(piece))
                row_lengths.append(row)
            if examples.is_random_next is not None:
                is_random.append(examples.is_random_next[rows])
        num_rows = len(row_lengths)
        width = max(map(len, row_lengths))
        lengths = np.full((self.batch_size, width), -1, np.int32)
        lengths[num_rows:, : 2 if self.pairs == "next_sentence" else 1] = 0
        for row, values in enumerate(row_lengths):
            lengths[row, : len(values)] = values
        sizes = np.maximum(lengths.ravel(), 0)
        starts = (np.cumsum(sizes) - sizes).reshape(lengths.shape).astype(np.int32)
        next_sentence = np.zeros(self.batch_size, np.int32)
        if is_random:
            next_sentence[:num_rows] = np.concatenate(is_random)
        weight = (np.arange(self.batch_size) < num_rows).astype(np.float32)
        return np.concatenate(pieces).astype(np.int32), starts, lengths, next_sentence, weight

    def _assemble(self, step, values, starts, lengths, is_random, weight):
        num_segments = 2 if self.pairs == "next_sentence" else 1
        x = pack_spans(
            values, starts, lengths, self.vocabulary, self.sequence_length, num_segments
        )
        masked = mask_tokens(
            x["token_ids"],
            x["padding_mask"],
            self.vocabulary,
            self.max_predictions,
            tf.stack([tf.constant(self.seed, tf.int64), step]),
            self.masking,
        )
        x["token_ids"] = masked["token_ids"]
        x["mask_positions"] = masked["mask_positions"]
        y = {"masked_lm": masked["mask_ids"]}
        sample_weight = {"masked_lm": masked["mask_weights"]}
        if self.pairs == "next_sentence":
            y["next_sentence"] = is_random
            sample_weight["next_sentence"] = weight
        return x, y, sample_weight
