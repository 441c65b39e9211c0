"""Learns a byte-level BPE vocabulary from text.

As for WordPiece (see `learn.py`) the `tokenizers` package merges the pieces and counting the words
is left to us: that is faster, keeps memory within bounds, and fixes the order of the alphabet, so
that the same texts give the same merges every time.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable

import tensorflow as tf
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from keras_bert_kit.text.batches import character_batches
from keras_bert_kit.text.bytepair_graph import replace_invalid, split_words
from keras_bert_kit.text.bytepair_vocabulary import (
    BYTE_LETTERS,
    CLS,
    MASK,
    PAD,
    SEP,
    UNKNOWN,
    BytePairVocabulary,
)
from keras_bert_kit.text.learn import CHARACTERS_AT_A_TIME, Reading, drop_rarest, repeat_words

LEAST_SIZE = 5 + len(BYTE_LETTERS)  # the special tokens and the bytes

logger = logging.getLogger(__name__)


def learn_bytepair_vocabulary(
    texts: Iterable[str],
    vocabulary_size: int,
    *,
    min_frequency: int = 2,
    max_characters: int = 1_000_000_000,
    max_words: int = 4_000_000,
    progress: bool = True,
) -> BytePairVocabulary:
    """Learns which bytes, and pieces of them, are best merged to spell the words of `texts`.

    The texts are read once and not kept, so they may be any stream. The same texts give the same
    vocabulary and merges, in the same order.

    Args:
        texts: strings of any length: lines, paragraphs, documents.
        vocabulary_size: number of tokens: the special ones, 256 bytes, and what merges make.
        min_frequency: how often a pair of pieces must occur to become one.
        max_characters: how much text is read, about.
        max_words: how many different words are counted at a time, about 150 bytes each. When there
            are more, at least the rarest half is dropped, and that is logged.
        progress: whether to show progress on standard error.

    Returns:
        A vocabulary with RoBERTa's ids: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, the bytes, the
        merged pieces in the order of their merging, `<mask>` last. A short text may not have
        `vocabulary_size` pieces; the vocabulary is then smaller, and that is logged.

    Raises:
        TypeError: if `texts` is one string, or holds anything but strings.
        ValueError: if `texts` hold no word, or `vocabulary_size` has no room for the bytes.

    Example:
        >>> vocabulary = learn_bytepair_vocabulary(["low lower lowest"] * 9, 265, progress=False)
        >>> vocabulary.merges
        (('l', 'o'), ('lo', 'w'), ('Ġ', 'low'), ('Ġlow', 'e'))
        >>> vocabulary.tokens[:4], vocabulary.tokens[-2:]
        (('<s>', '<pad>', '</s>', '<unk>'), ('Ġlowe', '<mask>'))

    Reference:
        BPE (https://arxiv.org/abs/1508.07909), section 3.2; RoBERTa
        (https://arxiv.org/abs/1907.11692), section 4.4
    """
    if vocabulary_size < LEAST_SIZE:
        raise ValueError(
            f"`vocabulary_size` must be at least {LEAST_SIZE}, the special tokens and every byte, "
            f"got {vocabulary_size}."
        )
    words = count_bytepair_words(texts, max_characters, max_words, progress)
    if not any(word.strip() for word in words):
        raise ValueError(
            "There is no word to learn a vocabulary from: the texts are empty. Give other texts, "
            "or a vocabulary that is ready."
        )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - 1,  # `<mask>` comes after
        min_frequency=min_frequency,
        # All are "special" so that their order is ours.
        special_tokens=[CLS, PAD, SEP, UNKNOWN, *sorted(BYTE_LETTERS)],
        show_progress=progress and sys.stderr.isatty(),
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # no letter is white space
    spelled = {"".join(map(BYTE_LETTERS.__getitem__, word)): n for word, n in words.items()}
    tokenizer.train_from_iterator(repeat_words(spelled), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ids = model["vocab"]
    vocabulary = BytePairVocabulary(ids | {MASK: len(ids)}, model["merges"])
    if len(vocabulary) < vocabulary_size:
        logger.warning(
            "The texts have only %s pieces that occur %d times or more, not %s.",
            f"{len(vocabulary):,}",
            min_frequency,
            f"{vocabulary_size:,}",
        )
    return vocabulary


def count_bytepair_words(
    texts: Iterable[str],
    max_characters: int = 1_000_000_000,
    max_words: int = 4_000_000,
    progress: bool = False,
) -> Counter[bytes]:
    """Counts GPT-2's words, in memory for about `max_words` of them.

    Args:
        texts: strings.
        max_characters: how much text is read, about.
        max_words: how many different words are counted at a time.
        progress: whether to show progress on standard error.

    Returns:
        How often each word occurs, as UTF-8.

    Raises:
        TypeError: if `texts` is one string, or holds anything but strings.

    Example:
        >>> count_bytepair_words(["Don't, don't"])
        Counter({b"'t": 2, b'Don': 1, b',': 1, b' don': 1})
    """
    counts: Counter[bytes] = Counter()
    num_read = 0
    with Reading(progress) as reading:
        for batch in character_batches(texts, CHARACTERS_AT_A_TIME):
            # A Python string may hold what UTF-8 cannot, half a surrogate pair.
            encoded = [text.encode(errors="surrogatepass") for text in batch]
            words, _, times = tf.unique_with_counts(
                split_words(replace_invalid(tf.constant(encoded))).flat_values
            )
            counts.update(dict(zip(words.numpy(), times.numpy().tolist(), strict=True)))
            del counts[b""]
            if len(counts) > max_words:
                counts = drop_rarest(counts, max_words // 2)
            num_read += sum(map(len, batch))
            reading.show(num_read, len(counts))
            if num_read >= max_characters:
                logger.info("Learning from the first %s characters.", f"{num_read:,}")
                break
    return counts
