"""WordPieces back to text that reads well."""

import tensorflow as tf

from keras_bert_kit.text.vocabulary import CONTINUATION_PREFIX

# Regular expressions and what each puts in place of its matches, in order. They move only spaces
# next to punctuation, where BERT splits anyway: the text tokenises to the same pieces again.
_TIDY = (
    (f" {CONTINUATION_PREFIX}", ""),
    (r" ([.,;:!?%)])", r"\1"),
    (r"([(]) ", r"\1"),
    (r"(\pL) (['’]) (s|t|m|d|re|ve|ll)\b", r"\1\2\3"),
)


def join_pieces(pieces: tf.RaggedTensor) -> tf.Tensor:
    """Joins WordPieces to words and words to texts.

    A space goes between words, but none before `.,;:!?%)`, after `(` and inside `don't`, `it's` and
    their like. A text that begins with a continuation shows its `##`: it has nothing to join.

    Args:
        pieces: strings, ragged `(B, None)`.

    Returns:
        The texts, strings `(B,)`.

    Example:
        >>> join_pieces(tf.ragged.constant([["read", "##ing", "(", "is", "it", "?", ")"]])).numpy()
        array([b'reading (is it?)'], dtype=object)
    """
    texts = tf.strings.reduce_join(pieces, axis=-1, separator=" ")
    for pattern, rewrite in _TIDY:
        texts = tf.strings.regex_replace(texts, pattern, rewrite)
    return texts


def as_string_batch(texts) -> tuple[tf.Tensor, bool]:
    """What a tokenizer was called with as `(B,)` strings, and whether it was a scalar.

    Args:
        texts: strings, scalar or `(B,)`.

    Raises:
        TypeError: if `texts` are not strings.
        ValueError: if `texts` have another rank.
    """
    if isinstance(texts, list | tuple) and not texts:
        texts = tf.zeros([0], tf.string)  # an empty list says nothing of its type
    try:
        tensor = tf.convert_to_tensor(texts, dtype_hint=tf.string)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`texts` must be strings, scalar or (B,), got {texts!r:.200}.") from error
    if tensor.dtype != tf.string:
        raise TypeError(f"`texts` must be strings, scalar or (B,), got {tensor.dtype.name}.")
    if tensor.shape.rank not in (0, 1):
        raise ValueError(
            f"`texts` must be a scalar or of shape (B,), got shape {tensor.shape}: flatten them."
        )
    return tf.reshape(tensor, [-1]), tensor.shape.rank == 0


def as_ragged_ids(ids) -> tuple[tf.RaggedTensor, bool]:
    """Token ids of any shape that stands for text, as one.

    Args:
        ids: integers: `(T,)`, `(B, T)` or ragged `(B, None)`.

    Returns:
        The ids, int32, ragged `(B, None)`; and whether they were `(T,)`.

    Raises:
        TypeError: if `ids` are not integers.
        ValueError: if `ids` have another rank.

    Example:
        >>> as_ragged_ids([7, 8])
        (<tf.RaggedTensor [[7, 8]]>, True)
    """
    if not isinstance(ids, tf.RaggedTensor):
        try:
            ids = tf.convert_to_tensor(ids, dtype_hint=tf.int32)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`ids` must be integers of shape (T,), (B, T) or ragged (B, None), got "
                f"{ids!r:.200}. Rows of several lengths: wrap them in `tf.ragged.constant`."
            ) from error
    if not ids.dtype.is_integer:
        raise TypeError(f"`ids` must be integers, got {ids.dtype.name}.")
    rank = ids.shape.rank
    if rank not in (1, 2):
        raise ValueError(f"`ids` must be of shape (T,), (B, T) or (B, None), got {ids.shape}.")
    if not isinstance(ids, tf.RaggedTensor):
        ids = tf.RaggedTensor.from_tensor(ids[None] if rank == 1 else ids)
    return tf.cast(ids, tf.int32), rank == 1
