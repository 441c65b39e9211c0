"""A tokenizer and a model as one thing: text in, answers in words out."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_bert_kit import pretrained
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.packing import pack_segments
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import encoder_of
from keras_bert_kit.run_folder import RunFolder
from keras_bert_kit.text.tokenizer_files import AnyTokenizer
from keras_bert_kit.text_prediction import predict_text

logger = logging.getLogger(__name__)


class Internals(NamedTuple):
    """What happens inside the encoder on one text of T tokens.

    Attributes:
        tokens: the T tokens, `[CLS]` and `[SEP]` among them.
        mask_positions: where a `[MASK]` stands.
        hidden_states: `(L + 1, T, D)`, from the embeddings to the last block.
        attention: `(L, N, T, T)`, by layer, head, token that looks and token looked at.
    """

    tokens: list[str]
    mask_positions: list[int]
    hidden_states: np.ndarray
    attention: np.ndarray


# Fields of a bundle, and of the task that it is for, that say how outputs become answers.
ANSWERING = ("no_answer_threshold", "tag_scheme")


@dataclass(frozen=True)
class Bundle:
    """A trained model with the tokenizer that it was trained with.

    Attributes:
        tokenizer: strings to ids.
        model: an `Encoder`, or a model of `keras_bert_kit.models`.
        labels: names of the classes of a classifier or tagger, if they are known.
        inputs: how texts are read, as in training; by default up to 512 tokens, longer ones in
            windows.
        no_answer_threshold: of a model of questions, how much higher no answer must score than the
            best one to be given; None if it has learned that there always is an answer.
        tag_scheme: `"IOB2"` for a model of words that has learned from such tags: of all tags of a
            sentence the likeliest are taken that follow it. None where that is not known, and each
            word has the likeliest for itself.

    Example:
        >>> bundle = Bundle.from_pretrained("saved_models/bert-tiny")  # doctest: +SKIP
        >>> bundle.save_pretrained("for-transformers", "hugging_face")  # doctest: +SKIP
    """

    tokenizer: AnyTokenizer
    model: keras.Model
    labels: tuple[str, ...] | None = None
    inputs: InputOptions | None = None
    no_answer_threshold: float | None = None
    tag_scheme: str | None = None

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        task: str | None = None,
        *,
        labels: Sequence[str] | None = None,
        initialize: Collection[str] = (),
        ignore: Collection[str] = (),
        dtype: str | keras.DTypePolicy | None = None,
        lowercase: bool | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        offline: bool = False,
        token: str | None = None,
    ) -> "Bundle":
        """Loads a model and its tokenizer from wherever they are.

        Args:
            source: a folder of this package, of Hugging Face, of KerasHub or of Google's release;
                an id of the Hugging Face Hub; or a preset of KerasHub: its name, `kaggle://...` or
                `hf://...`.
            task: `"encoder"`, `"pretraining"`, `"classification"`, `"tagging"` or `"span"`; by
                default what the model is.
            labels: names of the classes of a classifier or tagger; by default those of the source.
            initialize: beginnings of paths of weights that may keep first values where the source
                has none or none of this shape, such as `["classifier"]` for a new head.
            ignore: beginnings of names of weights in the source that may be left over.
            dtype: dtype policy of the model.
            lowercase: whether the tokenizer lower-cases, where the source does not say.
            revision: branch, tag or commit of a Hub id.
            cache_dir: where downloads from the Hub are kept; by default where Transformers has
                them.
            offline: whether to take what is in that cache and ask nobody.
            token: access token for private models of the Hub.

        Raises:
            FileNotFoundError: if there is no such model, or a file of it is missing.
            OSError: if it cannot be read or downloaded.
            ValueError: if the source is broken, or not the model that is asked for: the message
                lists which weights are missing, left over or of another shape.
        """
        found = pretrained.find(
            source, revision=revision, cache_dir=cache_dir, offline=offline, token=token
        )
        model, tokenizer, description = pretrained.load(
            found,
            task,
            labels=labels,
            initialize=initialize,
            ignore=ignore,
            dtype=dtype,
            lowercase=lowercase,
        )
        reading = {}
        if found.format == pretrained.OURS:
            config = RunFolder(found.place).read_config()
            reading = {
                "inputs": InputOptions(**config["inputs"]) if config.get("inputs") else None,
                **{name: config.get(name) for name in ANSWERING},
            }
        return cls(tokenizer, model, description.labels, **reading)

    def save_pretrained(
        self,
        folder: str | Path,
        file_format: str = pretrained.OURS,
        *,
        leave_out: Collection[str] = (),
    ) -> None:
        """Saves the model and its tokenizer.

        Args:
            folder: where to write; it is made if need be.
            file_format: `"keras_bert_kit"`, `"hugging_face"` for Transformers, `"keras_hub"` for a
                preset, or `"tensorflow1"` for Google's code.
            leave_out: beginnings of paths of weights that may be lost where the format has no
                place for them, such as `["next_sentence"]`.

        Raises:
            ValueError: if there is no such format, or it has no such model, or no place for a
                weight.
            OSError: if a file cannot be written.
        """
        pretrained.save(
            self.model,
            self.tokenizer,
            folder,
            file_format,
            labels=self.labels,
            leave_out=leave_out,
        )
        if file_format == pretrained.OURS:
            RunFolder(Path(folder).expanduser()).write_config(
                inputs=self.inputs.as_dict() if self.inputs else None,
                **self.answering,
            )
        elif self.inputs or self.no_answer_threshold is not None or self.tag_scheme:
            lost = [f"how long texts are read ({self.inputs})"]
            if self.no_answer_threshold is not None:
                lost.append("when there is no answer")
            if self.tag_scheme:
                lost.append(f"that the tags follow {self.tag_scheme}")
            logger.warning(
                "Not kept, as %s has no place for them: %s.", file_format, ", and ".join(lost)
            )

    @property
    def answering(self) -> dict[str, float | str | None]:
        """What of the bundle says how outputs become answers, by name, as JSON types."""
        return {name: getattr(self, name) for name in ANSWERING}

    def predict_text(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> list[dict]:
        """What the model says of texts, or of pairs of texts; for questions, of question and text.

        Args:
            texts: R texts; for a model of questions, the questions.
            pairs: for each the second text of its pair; for a model of questions, the text that
                holds the answer.
            batch_size: inputs that are computed at once.

        Returns:
            A dict for each text.
            - Classes: `label`, `probability`, and `probabilities` by label.
            - Several labels: `labels`, those with a probability of a half or more, and
              `probabilities`.
            - Regression: `value`.
            - Tags: `entities`, each with `label`, `start`, `end` (characters of the text,
              exclusive), `text` (exactly what stands there) and `probability`.
            - Questions: `answer` (`""` for none), `start`, `end` and `probability`.

        Raises:
            TypeError: if `texts` or `pairs` is one string, or holds anything else.
            ValueError: if the model is not one of these, or pairs are missing, or not for it.

        Example:
            >>> bundle = Bundle.from_pretrained("saved_models/my-task")  # doctest: +SKIP
            >>> bundle.predict_text(["It was a dark night."])  # doctest: +SKIP
            [{'label': 'Doyle', 'probability': 0.91, 'probabilities': {...}}]
        """
        return predict_text(
            self.model,
            self.tokenizer,
            texts,
            pairs,
            labels=self.labels,
            options=self.inputs,
            **self.answering,
            batch_size=batch_size,
        ).results

    @property
    def encoder(self) -> Encoder:
        """The encoder, which is the model itself where there is no head."""
        return encoder_of(self.model)

    def pack(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, special_tokens: bool = False
    ) -> dict[str, tf.Tensor]:
        """Texts, or pairs of texts, as the encoder takes them.

        Args:
            texts: B texts.
            pairs: for each the text that follows it as another segment.
            special_tokens: whether `[MASK]` and its like in a text are tokens rather than text.

        Returns:
            `token_ids`, `segment_ids`, `padding_mask`, each `(B, T)` int32, T that of the longest.

        Raises:
            TypeError: if `texts` or `pairs` is one string.
            ValueError: if there is no text, not one pair for each, or one too long for the model.

        Example:
            >>> bundle = Bundle.from_pretrained("saved_models/bert-tiny")  # doctest: +SKIP
            >>> bundle.encoder(bundle.pack(["A text."]))["sequence_output"]  # doctest: +SKIP
        """
        if isinstance(texts, str) or isinstance(pairs, str):
            raise TypeError("`texts` and `pairs` must be lists of strings; received a single one.")
        if not len(texts) or (pairs is not None and len(pairs) != len(texts)):
            raise ValueError(
                f"There must be one text or more, and as many pairs if any; received {len(texts)} "
                f"texts and {'no' if pairs is None else len(pairs)} pairs."
            )
        segments = [texts] if pairs is None else [texts, pairs]
        return self._pack(*(self.tokenizer(list(s), special_tokens) for s in segments))

    def fill_mask(self, texts: list[str], top_k: int = 5) -> list[list[list[tuple[str, float]]]]:
        """The likeliest tokens for every `[MASK]` written in `texts`.

        Args:
            texts: each with one `[MASK]` or more.
            top_k: how many tokens for each.

        Returns:
            For each text, for each `[MASK]` in it, `top_k` pairs of a token (of byte-level BPE, its
            text, with the space before it) and its probability, the likeliest first.

        Raises:
            ValueError: if a text has no `[MASK]` (RoBERTa: `<mask>`) or is too long for the model,
                or the model has no masked-token head.

        Example:
            >>> bundle = Bundle.from_pretrained("saved_models/bert-tiny")  # doctest: +SKIP
            >>> bundle.fill_mask(["She [MASK] the door."], top_k=1)  # doctest: +SKIP
            [[[('opened', 0.31)]]]
        """
        mask = self.tokenizer.vocabulary.mask_token
        if not len(texts):
            raise ValueError("There is no text to fill in: give one or more.")
        for text in texts:
            if mask not in text:
                raise ValueError(
                    f"There is no {mask} to fill in {text!r}: write one into the text."
                )
        return self.fill_masked_ids(self.tokenizer(texts, special_tokens=True), top_k)

    def fill_masked_ids(self, ids, top_k: int = 5) -> list[list[list[tuple[str, float]]]]:
        """As `fill_mask`, from the ids of the texts, without `[CLS]` and `[SEP]`.

        Args:
            ids: ragged `(B, None)` int32, or lists of lists.
            top_k: how many tokens for each mask.
        """
        if "masked_lm" not in self.model.output:
            raise ValueError(
                f"This model has no masked-token head, only {', '.join(self.model.output)}: load "
                "one that was pre-trained, with `task='pretraining'`."
            )
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
        scores = tf.nn.softmax(logits)[:, :, : len(vocabulary)]  # a table may have spare rows
        best = tf.math.top_k(scores, min(top_k, len(vocabulary)))
        return [
            [
                [
                    (vocabulary.text_of(int(token)), float(probability))
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
        outputs = self.encoder.with_internals()(inputs, training=False)
        ids, vocabulary = inputs["token_ids"][0].numpy().tolist(), self.tokenizer.vocabulary
        return Internals(
            [vocabulary.token_of(i) for i in ids],
            [at for at, i in enumerate(ids) if i == vocabulary.mask_id],
            np.stack([state[0].numpy() for state in outputs["hidden_states"]]),
            np.stack([weights[0].numpy() for weights in outputs["attention"]]),
        )

    def _pack(self, *segments: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        longest = self.encoder.config["max_sequence_length"]
        vocabulary = self.tokenizer.vocabulary
        num_special = 2 + (len(segments) - 1) * vocabulary.separators_between
        lengths = sum(segment.row_lengths() for segment in segments)
        length = int(tf.reduce_max(lengths)) + num_special
        if length > longest:
            raise ValueError(
                f"A text has {length} tokens with {vocabulary.cls_token} and "
                f"{vocabulary.sep_token}, but the model reads at most {longest}: cut it."
            )
        return pack_segments(segments, vocabulary, max(length, num_special + 1))[0]
