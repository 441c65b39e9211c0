"""Text to byte-level BPE ids and back, as RoBERTa does it.

The ids are those of Transformers' `RobertaTokenizer`, for any text. Two engines give them. One
calls the `tokenizers` package, which Transformers calls too, with whole batches, and knows offsets.
The other, `in_graph=True`, is TensorFlow all through (see `bytepair_graph.py`), so that it can be
served from a SavedModel without Python. On one core of a server the first does 1.2 MB/s, as do
Transformers, the second 3.5 MB/s (`tools/compare_bytepair.py`).
"""

import re
from itertools import chain

import numpy as np
import tensorflow as tf
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

from keras_bert_kit.text.bytepair_graph import BytePairGraph
from keras_bert_kit.text.bytepair_vocabulary import SPECIAL_TOKENS, BytePairVocabulary
from keras_bert_kit.text.pieces import as_ragged_ids, as_string_batch

# What `bytes.decode(errors="replace")` makes one character of: a character, or the longest
# beginning of one that is cut short, or a byte that begins none.
_DECODED = re.compile(
    rb"[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]?"
    rb"|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]?"
    rb"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{0,2}|[\x80-\xff]"
)


class BytePairTokenizer(tf.Module):
    """RoBERTa's tokenizer: GPT-2's words, then the bytes of each merged, commonest pairs first.

    White space belongs to the word after it, so a text's first word has other ids than the same
    word later on, unless `add_prefix_space`. Nothing is lost: `detokenize` gives the text back.

    A special token written in the text, such as `<mask>`, is plain text unless
    `special_tokens=True` asks for its id. Bytes that are not UTF-8 become U+FFFD, as
    `bytes.decode(errors="replace")` has it. A byte that the vocabulary has no piece for becomes
    `<unk>`, where Transformers drops it.

    Args:
        vocabulary: the tokens, their ids and the merges.
        add_prefix_space: put a space before a text (or a part of one between special or added
            tokens) that begins without, so that its first word is like any other.
        in_graph: use TensorFlow only. Needed for a SavedModel, which must hold this object as an
            attribute; gives no offsets.

    Example:
        >>> vocabulary = BytePairVocabulary(
        ...     ["<s>", "<pad>", "</s>", "<unk>", "l", "o", "w", "Ġ", "lo", "Ġlo", "<mask>"],
        ...     merges=[("l", "o"), ("Ġ", "lo")],
        ... )
        >>> tokenizer = BytePairTokenizer(vocabulary)
        >>> tokenizer("low low").numpy().tolist()
        [8, 6, 9, 6]
        >>> tokenizer(["low", "low <mask>"], special_tokens=True).to_list()
        [[8, 6], [8, 6, 10]]
        >>> ids, starts, ends = tokenizer.tokenize_with_offsets("low low")
        >>> list(zip(starts.numpy().tolist(), ends.numpy().tolist()))
        [(0, 2), (2, 3), (4, 6), (6, 7)]
        >>> tokenizer.detokenize([8, 6, 9, 6]).numpy()
        b'low low'
        >>> BytePairTokenizer(vocabulary, in_graph=True)("low low").numpy().tolist()
        [8, 6, 9, 6]

    Reference:
        GPT-2 (https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf),
        section 2.2; RoBERTa (https://arxiv.org/abs/1907.11692), section 4.4
    """

    def __init__(
        self,
        vocabulary: BytePairVocabulary,
        add_prefix_space: bool = False,
        in_graph: bool = False,
    ):
        super().__init__(name="byte_pair_tokenizer")
        self.vocabulary = vocabulary
        self.add_prefix_space = add_prefix_space
        self.in_graph = in_graph
        if in_graph:
            self._graph = BytePairGraph(vocabulary, add_prefix_space)
        else:
            self._plain = _make_tokenizer(vocabulary, add_prefix_space, special_tokens=False)
            self._special = _make_tokenizer(vocabulary, add_prefix_space, special_tokens=True)
        # `init_scope`: what is made inside a `tf.function` must outlive its graph.
        with tf.init_scope(), tf.device("CPU"):
            self._token_bytes = tf.constant(vocabulary.token_bytes)

    def __call__(self, texts, special_tokens: bool = False):
        """The ids of the pieces of `texts`, without `<s>` and `</s>`.

        Args:
            texts: strings, UTF-8, scalar or `(B,)`.
            special_tokens: give `<mask>`, `</s>` and their like, where `texts` hold them literally,
                their ids. They count wherever they stand, inside a word too; `<mask>` takes the
                white space before it.

        Returns:
            The ids, int32: `(T,)` for a scalar, ragged `(B, None)` for a batch.

        Raises:
            TypeError: if `texts` are not strings.
            ValueError: if `texts` have another rank.
        """
        texts, is_scalar = as_string_batch(texts)
        if self.in_graph:
            ids = self._graph(texts, special_tokens)
            return ids.flat_values if is_scalar else ids
        engine = self._special if special_tokens else self._plain

        def encode(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            decoded = [text.decode(errors="replace") for text in texts]
            return _flatten(e.ids for e in engine.encode_batch_fast(decoded))

        ids, lengths = tf.numpy_function(encode, [texts], [tf.int32, tf.int64], stateful=False)
        return _as_ragged(ids, lengths, is_scalar)

    def tokenize_with_offsets(self, texts, special_tokens: bool = False):
        """The ids and where in `texts` each piece came from.

        `texts[i][starts[i, t]:ends[i, t]]`, as bytes, is what piece `t` stands for, without white
        space around it (so a piece of nothing else is empty), and with the whole of any character
        that the piece is a part of. That is Transformers' `offset_mapping`, which counts
        characters.

        Args:
            texts: strings, UTF-8, scalar or `(B,)`.
            special_tokens: as for calling the tokenizer.

        Returns:
            `(ids, starts, ends)`, int32, of one shape: `(T,)` for a scalar, ragged `(B, None)` for
            a batch. `ids` are those of calling the tokenizer; `ends` are exclusive.

        Raises:
            TypeError: if `texts` are not strings.
            ValueError: if `texts` have another rank.
            NotImplementedError: if the tokenizer was made with `in_graph=True`.
        """
        if self.in_graph:
            raise NotImplementedError(
                "A `BytePairTokenizer` made with `in_graph=True` gives no offsets. Make one with "
                "`in_graph=False`: it gives the same ids, and offsets too."
            )
        texts, is_scalar = as_string_batch(texts)
        engine = self._special if special_tokens else self._plain

        def encode(texts: np.ndarray) -> tuple[np.ndarray, ...]:
            encodings = engine.encode_batch([text.decode(errors="replace") for text in texts])
            spans = [
                _character_starts(text)[np.array(encoding.offsets, np.int32).reshape(-1, 2)]
                for text, encoding in zip(texts, encodings, strict=True)
            ]
            spans = np.concatenate([np.zeros((0, 2), np.int32), *spans])  # (pieces of all, 2)
            return *_flatten(encoding.ids for encoding in encodings), *spans.T

        dtypes = [tf.int32, tf.int64, tf.int32, tf.int32]
        ids, lengths, *offsets = tf.numpy_function(encode, [texts], dtypes, stateful=False)
        return tuple(_as_ragged(x, lengths, is_scalar) for x in (ids, *offsets))

    def detokenize(self, ids, drop_special_tokens: bool = False) -> tf.Tensor:
        """The text of `ids`, exactly as it was, save bytes that were not UTF-8.

        Args:
            ids: integers: `(T,)`, `(B, T)` or ragged `(B, None)`. Where they cut a character in
                two, the text has U+FFFD.
            drop_special_tokens: leave out `<pad>`, `<s>`, ... rather than show them.

        Returns:
            Strings, UTF-8: scalar for `(T,)`, else `(B,)`.

        Raises:
            TypeError: if `ids` are not integers.
            ValueError: if `ids` have another rank.
        """
        ids, is_scalar = as_ragged_ids(ids)
        if drop_special_tokens:
            is_special = tf.reduce_any(ids.flat_values[:, None] == self.vocabulary.special_ids, 1)
            ids = tf.ragged.boolean_mask(ids, ids.with_flat_values(~is_special))
        pieces = ids.with_flat_values(tf.gather(self._token_bytes, ids.flat_values))
        texts = tf.strings.reduce_join(pieces, axis=-1)
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        return texts[0] if is_scalar else texts


def _make_tokenizer(
    vocabulary: BytePairVocabulary, add_prefix_space: bool, special_tokens: bool
) -> Tokenizer:
    """What Transformers' `RobertaTokenizer` is made of."""
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    model = models.BPE(ids, list(vocabulary.merges), unk_token=vocabulary.unknown_token)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.post_processor = processors.ByteLevel(
        add_prefix_space=add_prefix_space, trim_offsets=True
    )
    tokenizer.add_tokens([AddedToken(token) for token in vocabulary.added_tokens])
    if special_tokens:
        tokenizer.add_special_tokens(
            [
                AddedToken(token, lstrip=token == vocabulary.mask_token, normalized=False)
                for token in SPECIAL_TOKENS
            ]
        )
    return tokenizer


def _flatten(rows) -> tuple[np.ndarray, np.ndarray]:
    """The ids of all rows, int32, and how many each has, int64."""
    rows = list(rows)
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.fromiter(chain.from_iterable(rows), np.int32, lengths.sum()), lengths


def _as_ragged(values: tf.Tensor, lengths: tf.Tensor, is_scalar: bool):
    """Values of rows of those lengths, or of the only row."""
    values.set_shape([None])
    lengths.set_shape([None])
    return values if is_scalar else tf.RaggedTensor.from_row_lengths(values, lengths, False)


def _character_starts(text: bytes) -> np.ndarray:
    """Where in `text` each character begins, as decoded with replacement; and the end, int32."""
    sizes = [len(character) for character in _DECODED.findall(text)]
    return np.cumsum([0, *sizes], dtype=np.int32)
