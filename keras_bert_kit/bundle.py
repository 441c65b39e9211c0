"""A tokenizer and a model as one thing: text in, answers in words out."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_bert_kit.data.packing import pack_segments
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import PretrainingModel
from keras_bert_kit.run_folder import RunFolder
from keras_bert_kit.text.vocabulary import MASK, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer


class Internals(NamedTuple):
    """What happens inside the encoder on one text of T tokens.

    Attributes:
        tokens: the T tokens, `[CLS]` and `[SEP]` among them.
        hidden_states: `(L + 1, T, D)`, from the embeddings to the last block.
        attention: `(L, N, T, T)`, by layer, head, token that looks and token looked at.
    """

    tokens: list[str]
    hidden_states: np.ndarray
    attention: np.ndarray

    @property
    def mask_positions(self) -> list[int]:
        """Where a `[MASK]` stands."""
        return [i for i, token in enumerate(self.tokens) if token == MASK]


@dataclass(frozen=True)
class Bundle:
    """A trained model with the tokenizer that it was trained with.

    Attributes:
        tokenizer: strings to ids.
        model: a `PretrainingModel`.
    """

    tokenizer: WordPieceTokenizer
    model: PretrainingModel

    @classmethod
    def load(cls, folder: str | Path) -> "Bundle":
        """Loads a run folder, such as `saved_models/bert-tiny`.

        Raises:
            FileNotFoundError: if `folder` is no run folder, or its training has not ended.
            ValueError: if its vocabulary and its model do not fit together.
        """
        run = RunFolder(Path(folder))
        files = (run.config_file, run.vocabulary_file, run.weights_file)
        missing = [file.name for file in files if not file.exists()]
        if missing:
            raise FileNotFoundError(
                f"{folder} holds no trained model: {', '.join(missing)} is missing. Train one with "
                "`python -m recipes.pretrain`, or give the folder of another run."
            )
        config = run.read_config()
        vocabulary = Vocabulary.read(run.vocabulary_file)
        if len(vocabulary) != config["encoder"]["vocabulary_size"]:
            raise ValueError(
                f"{run.vocabulary_file} has {len(vocabulary):,} tokens, but the model was built "
                f"for {config['encoder']['vocabulary_size']:,}. Restore the vocabulary that it was "
                "trained with."
            )
        model = PretrainingModel(Encoder(**config["encoder"]), config["next_sentence"])
        model.load_weights(run.weights_file)
        return cls(WordPieceTokenizer(vocabulary, config["tokenizer"]["lowercase"]), model)

    def fill_mask(self, texts: list[str], top_k: int = 5) -> list[list[list[tuple[str, float]]]]:
        """The likeliest tokens for every `[MASK]` written in `texts`.

        Args:
            texts: each with one `[MASK]` or more.
            top_k: how many tokens for each.

        Returns:
            For each text, for each `[MASK]` in it, `top_k` pairs of a token and its probability,
            the likeliest first.

        Raises:
            ValueError: if a text has no `[MASK]`, or is too long for the model.

        Example:
            >>> bundle = Bundle.load("saved_models/bert-tiny")  # doctest: +SKIP
            >>> bundle.fill_mask(["She [MASK] the door."], top_k=1)  # doctest: +SKIP
            [[[('opened', 0.31)]]]
        """
        for text in texts:
            if MASK not in text:
                raise ValueError(
                    f"There is no {MASK} to fill in {text!r}: write one into the text."
                )
        return self.fill_masked_ids(self.tokenizer(texts, special_tokens=True), top_k)

    def fill_masked_ids(self, ids, top_k: int = 5) -> list[list[list[tuple[str, float]]]]:
        """As `fill_mask`, from the ids of the texts, without `[CLS]` and `[SEP]`.

        Args:
            ids: ragged `(B, None)` int32, or lists of lists.
            top_k: how many tokens for each mask.
        """
        vocabulary = self.tokenizer.vocabulary
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.ragged.constant(ids, dtype=tf.int32)
        inputs = self._pack(ids)
        is_mask = inputs["token_ids"].numpy() == vocabulary.mask_id
        counts = is_mask.sum(axis=1)
        positions = np.zeros((len(counts), counts.max()), np.int32)
        for row, masked in enumerate(is_mask):
            positions[row, : counts[row]] = np.flatnonzero(masked)
        inputs["mask_positions"] = tf.constant(positions)
        logits = self.model(inputs, training=False)["masked_lm"]
        best = tf.math.top_k(tf.nn.softmax(logits), min(top_k, len(vocabulary)))
        return [
            [
                [
                    (vocabulary.token_of(int(token)), float(probability))
                    for token, probability in zip(
                        best.indices[row, slot].numpy(), best.values[row, slot].numpy(), strict=True
                    )
                ]
                for slot in range(count)
            ]
            for row, count in enumerate(counts)
        ]

    def internals(self, text: str) -> Internals:
        """Attention weights and all hidden states of the encoder for one text.

        Raises:
            ValueError: if the text is too long for the model.
        """
        inputs = self._pack(self.tokenizer([text], special_tokens=True))
        outputs = self.model.encoder.with_internals()(inputs, training=False)
        return Internals(
            [self.tokenizer.vocabulary.token_of(i) for i in inputs["token_ids"][0].numpy()],
            np.stack([state[0].numpy() for state in outputs["hidden_states"]]),
            np.stack([weights[0].numpy() for weights in outputs["attention"]]),
        )

    def _pack(self, ids: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        longest = self.model.encoder.config["max_sequence_length"]
        length = int(tf.reduce_max(ids.row_lengths())) + 2
        if length > longest:
            raise ValueError(
                f"A text has {length} tokens with [CLS] and [SEP], but the model reads at most "
                f"{longest}: cut it."
            )
        return pack_segments([ids], self.tokenizer.vocabulary, max(length, 3))[0]
