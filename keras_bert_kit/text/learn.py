"""Learns a WordPiece vocabulary from text.

The `tokenizers` package merges the pieces; counting the words it leaves to us, for three reasons.
Ours is several times as fast (it normalises with the tokenizer's kernel), keeps its memory within
bounds, and fixes the order of the alphabet: left alone, the package numbers the characters in the
order of a hash table with a random seed and so breaks ties another way in every run
(huggingface/tokenizers#1794).
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

import tensorflow_text as tf_text
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from keras_bert_kit.text.batches import character_batches
from keras_bert_kit.text.longest_match import MAX_CHARACTERS_PER_WORD
from keras_bert_kit.text.normalizer import compile_normalizer, normalization_rules
from keras_bert_kit.text.vocabulary import CONTINUATION_PREFIX, SPECIAL_TOKENS, UNKNOWN, Vocabulary

CHARACTERS_AT_A_TIME = 1_000_000

logger = logging.getLogger(__name__)


def learn_vocabulary(
    texts: Iterable[str],
    vocabulary_size: int,
    *,
    lowercase: bool = True,
    min_frequency: int = 2,
    alphabet_size: int = 1_000,
    max_characters: int = 1_000_000_000,
    max_words: int = 4_000_000,
    progress: bool = True,
) -> Vocabulary:
    """Learns the pieces that the words of `texts` are best made of.

    The texts are read once and not kept, so they may be any stream. The same texts give the same
    vocabulary, in the same order.

    Args:
        texts: strings of any length: lines, paragraphs, documents.
        vocabulary_size: number of tokens, special tokens included.
        lowercase: whether words are lowercased and accents stripped, as the tokenizer will.
        min_frequency: how often a pair of pieces must occur to become one.
        alphabet_size: how many different characters, the commonest, get pieces of their own; words
            with another one become `[UNK]`. Chinese needs 5,000 or more.
        max_characters: how much text is read, about.
        max_words: how many different words are counted at a time, about 150 bytes each. When there
            are more, at least the rarest half is dropped, and that is logged.
        progress: whether to show progress on standard error.

    Returns:
        A vocabulary that starts with the special tokens, `[PAD]` at 0, then has the alphabet, then
        the merged pieces in the order of their merging. A short text may not have `vocabulary_size`
        pieces; the vocabulary is then smaller, and that is logged.

    Raises:
        TypeError: if `texts` is one string, or holds anything but strings.
        ValueError: if `texts` hold no word, or `vocabulary_size` has no room for their characters.

    Example:
        >>> vocabulary = learn_vocabulary(["low lower lowest"] * 9, 20, progress=False)
        >>> vocabulary.tokens[:5], "low" in vocabulary
        (('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'), True)

    Reference:
        https://arxiv.org/abs/1609.08144, section 4.1
    """
    if vocabulary_size < len(SPECIAL_TOKENS) + 2:
        raise ValueError(
            f"`vocabulary_size` must be at least {len(SPECIAL_TOKENS) + 2}, the special tokens and "
            f"a character, got {vocabulary_size}."
        )
    words = count_words(texts, lowercase, max_characters, max_words, progress)
    if not words:
        raise ValueError(
            "There is no word to learn a vocabulary from: the texts are empty. Give other texts, "
            "or a vocabulary that is ready."
        )
    # A character may need two pieces, one that begins words and one that goes on.
    alphabet_size = min(alphabet_size, (vocabulary_size - len(SPECIAL_TOKENS)) // 2)
    alphabet, words = _limit_alphabet(words, alphabet_size)
    if not words:
        raise ValueError(
            f"No word can be spelled with the {alphabet_size} commonest characters. Make "
            "`vocabulary_size` or `alphabet_size` larger."
        )
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        # All are "special" so that their order is ours.
        special_tokens=[*SPECIAL_TOKENS, *alphabet],
        continuing_subword_prefix=CONTINUATION_PREFIX,
        show_progress=progress and sys.stderr.isatty(),
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(repeat_words(words), trainer)
    ids = tokenizer.get_vocab()
    vocabulary = Vocabulary(sorted(ids, key=ids.get))
    if len(vocabulary) < vocabulary_size:
        logger.warning(
            "The texts have only %s pieces that occur %d times or more, not %s.",
            f"{len(vocabulary):,}",
            min_frequency,
            f"{vocabulary_size:,}",
        )
    return vocabulary


def count_words(
    texts: Iterable[str],
    lowercase: bool = True,
    max_characters: int = 1_000_000_000,
    max_words: int = 4_000_000,
    progress: bool = False,
) -> Counter[str]:
    """Counts BERT's words, after normalisation, in memory for about `max_words` of them.

    Args:
        texts: strings.
        lowercase: whether words are lowercased and accents stripped.
        max_characters: how much text is read, about.
        max_words: how many different words are counted at a time.
        progress: whether to show progress on standard error.

    Returns:
        How often each word occurs; without those that BERT finds too long.

    Raises:
        TypeError: if `texts` is one string, or holds anything but strings.

    Example:
        >>> count_words(["Don't! Don't…"])
        Counter({'don': 2, "'": 2, 't': 2, '!': 1, '…': 1})
    """
    rules = normalization_rules(lowercase)
    apart = {ord(c): f" {c} " for c in rules.alone}
    apart |= {c: text.translate(apart) for c, text in rules.replacements.items()}
    normalize = tf_text.FastBertNormalizer(model_buffer=compile_normalizer(apart)).normalize

    counts: Counter[bytes] = Counter()
    num_read = 0
    with Reading(progress) as reading:
        for batch in character_batches(texts, CHARACTERS_AT_A_TIME):
            for text in normalize(batch).numpy():
                counts.update(text.split())
            if len(counts) > max_words:
                counts = drop_rarest(counts, max_words // 2)
            num_read += sum(map(len, batch))
            reading.show(num_read, len(counts))
            if num_read >= max_characters:
                logger.info("Learning from the first %s characters.", f"{num_read:,}")
                break

    letters = {stand_in: letter for letter, stand_in in rules.stand_ins.items()}
    words = Counter({word.decode().translate(letters): n for word, n in counts.items()})
    too_long = [word for word in words if len(word) > MAX_CHARACTERS_PER_WORD]
    for word in too_long:
        del words[word]
    if too_long:
        logger.info("%s words are too long for BERT and left out.", f"{len(too_long):,}")
    return words


class Reading:
    """Shows how much is read, on standard error."""

    def __init__(self, enabled: bool):
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("Counting words: {task.fields[state]}"),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not enabled,
        )

    def __enter__(self) -> "Reading":
        """Starts to show it."""
        self._bar.start()
        self._task = self._bar.add_task("", total=None, state="")
        return self

    def __exit__(self, *_) -> None:
        """Ends it."""
        self._bar.stop()

    def show(self, num_characters: int, num_words: int) -> None:
        """Shows these numbers."""
        state = f"{num_characters / 1e6:,.1f} M characters, {num_words:,} different words"
        self._bar.update(self._task, state=state)


def drop_rarest(counts: Counter[bytes], num_kept: int) -> Counter[bytes]:
    """The words that are commoner than the one at rank `num_kept`."""
    limit = sorted(counts.values(), reverse=True)[num_kept]
    logger.info(
        "%s different words: dropped those counted %d times or fewer so far.",
        f"{len(counts):,}",
        limit,
    )
    return Counter({word: count for word, count in counts.items() if count > limit})


def _limit_alphabet(words: Counter[str], size: int) -> tuple[list[str], Counter[str]]:
    """The pieces of the `size` commonest characters, and the words that can be made of them."""
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    commonest = sorted(characters, key=lambda c: (-characters[c], c))[:size]
    kept = set(commonest)
    made = Counter({word: n for word, n in words.items() if kept.issuperset(word)})
    if len(made) < len(words):
        logger.info(
            "%s of %s characters are not among the %s commonest; the %s words with them are left "
            "out and will be [UNK].",
            f"{len(characters) - len(kept):,}",
            f"{len(characters):,}",
            f"{len(kept):,}",
            f"{len(words) - len(made):,}",
        )
    going_on = {character for word in made for character in word[1:]}
    return [*sorted(kept), *(CONTINUATION_PREFIX + c for c in sorted(going_on))], made


def repeat_words(words: Counter[str]) -> Iterator[str]:
    """Each word as often as it was counted: the trainer takes no counts."""
    for word, count in words.items():
        at_a_time = CHARACTERS_AT_A_TIME // (len(word) + 1)
        for done in range(0, count, at_a_time):
            yield " ".join([word] * min(at_a_time, count - done))
