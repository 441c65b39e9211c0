"""What is settled of a build of shards before anything is read: options, splits, the tokenizer."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from keras_bert_kit.data.corpus import Corpus
from keras_bert_kit.data.parallel_tokenizer import Tokenize, byte_pair, word_piece
from keras_bert_kit.data.shard_settings import describe_build
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary

TRAIN, HELDOUT = "train", "heldout"


class BuildSettings(NamedTuple):
    """What is known of a build before anything is read.

    Attributes:
        header: of the manifests.
        splits: those there will be, in the order in which their manifests are written.
        make_tokenize: makes the function that tokenises.
        joint: see `sentences`.
    """

    header: dict[str, Any]
    splits: tuple[str, ...]
    make_tokenize: Callable[[], Tokenize]
    joint: str


def build_settings(
    corpus: Corpus,
    vocabulary: Vocabulary | BytePairVocabulary,
    *,
    lowercase: bool,
    strip_accents: bool | None,
    add_prefix_space: bool,
    heldout_fraction: float,
    seed: int,
    tokens_per_shard: int,
) -> BuildSettings:
    """The settings of a build; the arguments are those of `build_shards`.

    Raises:
        ValueError: if one is out of range.
    """
    if not 0 <= heldout_fraction < 1:
        raise ValueError(
            f"`heldout_fraction` must be at least 0 and below 1. Received: {heldout_fraction}."
        )
    if tokens_per_shard < 1:
        raise ValueError(f"`tokens_per_shard` must be at least 1. Received: {tokens_per_shard}.")
    lowercase, unusual, make_tokenize, joint = choose_tokenizer(
        vocabulary, lowercase, strip_accents, add_prefix_space
    )
    options = {
        "text_field": corpus.text_field,
        "encoding": corpus.encoding,
        "undecodable": corpus.undecodable,
        "heldout_fraction": heldout_fraction,
        "seed": seed,
        "tokens_per_shard": tokens_per_shard,
        **unusual,
        **({} if corpus.exclude is None else {"exclude": str(corpus.exclude)}),
    }
    return BuildSettings(
        header=describe_build(corpus, vocabulary, lowercase, options),
        splits=splits_of(heldout_fraction),
        make_tokenize=make_tokenize,
        joint=joint,
    )


def choose_tokenizer(
    vocabulary: Vocabulary | BytePairVocabulary,
    lowercase: bool,
    strip_accents: bool | None,
    add_prefix_space: bool,
) -> tuple[bool, dict[str, bool], Callable[[], Tokenize], str]:
    """Whether it lowercases, options that are not as usual, what makes it, and what joins."""
    if isinstance(vocabulary, BytePairVocabulary):
        unusual = {"add_prefix_space": True} if add_prefix_space else {}
        return False, unusual, partial(byte_pair, vocabulary, **unusual), " "
    unusual = {} if strip_accents in (None, lowercase) else {"strip_accents": strip_accents}
    return lowercase, unusual, partial(word_piece, vocabulary, lowercase, **unusual), ""


def splits_of(heldout_fraction: float) -> tuple[str, ...]:
    """The splits of a build, in the order in which their manifests are written."""
    return (HELDOUT, TRAIN) if heldout_fraction else (TRAIN,)
