"""A model that has learned new words, or to read longer texts, before it is trained on them."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.resize import TOKEN_BIAS, TOKENS, resize
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.tokenizer_files import (
    AnyTokenizer,
    as_saved,
    make_tokenizer,
    tokenizer_options,
)
from keras_bert_kit.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


def extend_vocabulary(bundle: Bundle, words: Iterable[str]) -> Bundle:
    """Gives words of a domain tokens of their own.

    The vector of a new token is the mean of those of the pieces that the word was made of until
    now, and so is its bias in the masked-token head: a start near what the model knows. Train it on
    text of the domain afterwards.

    Args:
        bundle: the model with its tokenizer.
        words: new tokens, each a word as the tokenizer sees it: without spaces or, in WordPiece,
            punctuation. Those that are one token already are passed over. In byte-level BPE they
            are found anywhere in a text before it is split, as Transformers' added tokens are.

    Returns:
        A new model with its tokenizer; the old ones are left as they are.

    Raises:
        ValueError: if a word cannot be a token, or there is no new one.

    Example:
        >>> bundle = Bundle.from_pretrained("saved_models/bert-tiny")  # doctest: +SKIP
        >>> extended = extend_vocabulary(bundle, ["hepatitis", "ibuprofen"])  # doctest: +SKIP
        >>> extended.tokenizer("ibuprofen").shape  # doctest: +SKIP
        TensorShape([1])
    """
    tokenizer = bundle.tokenizer
    pieces = {}
    for word in _as_tokens(words, tokenizer):
        ids = tokenizer(word).numpy()
        if len(ids) == 1 and ids[0] != tokenizer.vocabulary.unknown_id:
            logger.info("%r is a token already.", word)
        else:
            pieces[word] = ids
    if not pieces:
        raise ValueError("There is no new word: each is one token already.")
    new_words = list(pieces)
    extended = make_tokenizer(
        _with_tokens(tokenizer.vocabulary, new_words), tokenizer_options(tokenizer)
    )
    first = len(tokenizer.vocabulary)
    for number, word in enumerate(new_words, start=first):
        if extended(word).numpy().tolist() != [number]:
            raise ValueError(
                f"{word!r} cannot be one token: the tokenizer splits it before it looks into the "
                "vocabulary. Give words without spaces and punctuation."
            )
    size = max(bundle.encoder.config["vocabulary_size"], first + len(new_words))
    model = resize(bundle.model, vocabulary_size=size)
    weights = {weight.path: weight for weight in model.weights}
    for path in (TOKENS, TOKEN_BIAS):
        if path in weights:
            values = weights[path].numpy().copy()
            for number, word in enumerate(new_words, start=first):
                values[number] = values[pieces[word]].mean(axis=0)
            weights[path].assign(values)
    return replace(bundle, tokenizer=extended, model=model)


def extend_positions(bundle: Bundle, max_sequence_length: int) -> Bundle:
    """Makes a model read longer texts; see `resize` for what its new positions are.

    Args:
        bundle: the model with its tokenizer.
        max_sequence_length: the new number of positions.
    """
    return replace(bundle, model=resize(bundle.model, max_sequence_length=max_sequence_length))


def _as_tokens(words: Iterable[str], tokenizer: AnyTokenizer) -> list[str]:
    """The words as they stand in a vocabulary: in small letters, if the tokenizer makes them."""
    words = list(words)
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise ValueError(f"Each word must be a string that is not empty; received {words!r:.200}.")
    normalizer = as_saved(tokenizer).normalizer
    return [normalizer.normalize_str(word).strip() if normalizer else word for word in words]


def _with_tokens(vocabulary, words: Sequence[str]) -> Vocabulary | BytePairVocabulary:
    tokens = (*vocabulary.tokens, *words)
    if isinstance(vocabulary, Vocabulary):
        return Vocabulary(tokens)
    return BytePairVocabulary(tokens, vocabulary.merges, (*vocabulary.added_tokens, *words))
