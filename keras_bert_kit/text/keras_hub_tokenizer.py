"""Tokenizers from and to KerasHub presets."""

import logging
from pathlib import Path

from keras_bert_kit.keras_hub_models import keras_hub_models
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.tokenizer_files import AnyTokenizer
from keras_bert_kit.text.vocabulary import Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

_CLASSES = {
    "bert": "BertTokenizer",
    "roberta": "RobertaTokenizer",
    "distilbert": "DistilBertTokenizer",
}

logger = logging.getLogger(__name__)


def read_keras_hub_tokenizer(source: str | Path) -> AnyTokenizer:
    """Reads the tokenizer of a KerasHub preset, as one that gives the ids of the original models.

    KerasHub's uncased tokenizers keep accents, and so give other ids than those that the published
    models were trained with; this one drops them, as the original does.

    Args:
        source: a local preset folder, the name of a preset, `kaggle://...` or `hf://...`.

    Raises:
        ImportError: if `keras-nlp` is not installed.
        ValueError: if KerasHub cannot read it, or it is none of BERT, RoBERTa and DistilBERT.
    """
    models = keras_hub_models()
    try:
        tokenizer = models.Tokenizer.from_preset(str(source))
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"KerasHub cannot read the tokenizer of {source}: {error}") from error
    kind = type(tokenizer).__name__
    if kind not in _CLASSES.values():
        raise ValueError(
            f"{source} has a {kind}; this package reads {', '.join(_CLASSES.values())}."
        )
    if kind == "RobertaTokenizer":
        merges = [merge.split(" ") for merge in tokenizer.merges]
        return BytePairTokenizer(
            BytePairVocabulary(tokenizer.vocabulary, merges), tokenizer.add_prefix_space
        )
    return WordPieceTokenizer(Vocabulary(tokenizer.vocabulary), tokenizer.lowercase)


def write_keras_hub_tokenizer(tokenizer: AnyTokenizer, folder: Path, family: str) -> None:
    """Writes a tokenizer into a KerasHub preset.

    Args:
        tokenizer: the tokenizer.
        folder: of the preset.
        family: `"bert"`, `"roberta"` or `"distilbert"`.

    Raises:
        ImportError: if `keras-nlp` is not installed.
        ValueError: if the family has another kind of tokenizer in KerasHub.
    """
    kind = getattr(keras_hub_models(), _CLASSES[family])
    vocabulary = tokenizer.vocabulary
    if isinstance(tokenizer, WordPieceTokenizer) == (family == "roberta"):
        raise ValueError(
            f"KerasHub's {_CLASSES[family]} is of another kind than {type(tokenizer).__name__}."
        )
    if family == "roberta":
        if vocabulary.added_tokens:
            raise ValueError(
                "KerasHub's RobertaTokenizer has no place for added tokens: "
                f"{', '.join(vocabulary.added_tokens[:5])}."
            )
        there = kind(
            vocabulary={token: index for index, token in enumerate(vocabulary.tokens)},
            merges=[" ".join(merge) for merge in vocabulary.merges],
            add_prefix_space=tokenizer.add_prefix_space,
        )
    else:
        if tokenizer.strip_accents != tokenizer.lowercase:
            logger.warning(
                "Read back from KerasHub, the tokenizer will have `strip_accents=%s`, as KerasHub "
                "does not keep it.",
                tokenizer.lowercase,
            )
        there = kind(vocabulary=list(vocabulary.tokens), lowercase=tokenizer.lowercase)
    there.save_to_preset(str(folder))
