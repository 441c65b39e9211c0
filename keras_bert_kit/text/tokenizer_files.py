"""Tokenizers from and to the files that Hugging Face keeps beside a model."""

import logging
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import RobertaProcessing, TemplateProcessing

from keras_bert_kit.json_file import read_json, write_json
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.longest_match import MAX_CHARACTERS_PER_WORD
from keras_bert_kit.text.vocabulary import Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

AnyTokenizer = WordPieceTokenizer | BytePairTokenizer
AnyVocabulary = Vocabulary | BytePairVocabulary
_SAVED, _OPTIONS, _SPECIAL = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
_ADDED = "added_tokens.json"
_FILES = (
    *("vocab.txt", "vocab.json", "merges.txt", _ADDED),
    *(_SAVED, _OPTIONS, _SPECIAL),
)

logger = logging.getLogger(__name__)


def read_vocabulary(folder: Path) -> AnyVocabulary:
    """Reads the `vocab.txt` of a folder, or its `vocab.json` and `merges.txt`.

    Raises:
        FileNotFoundError: if it has neither.
        ValueError: if what it has is no vocabulary.
    """
    if (folder / "vocab.txt").exists():
        return Vocabulary.read(folder / "vocab.txt")
    return BytePairVocabulary.read(folder)


def read_tokenizer(folder: Path, lowercase: bool | None = None) -> AnyTokenizer:
    """Reads the tokenizer of a Hugging Face folder, or of one with nothing but a vocabulary.

    Args:
        folder: with `tokenizer.json`, with `vocab.txt`, or with `vocab.json` and `merges.txt`; and
            perhaps `tokenizer_config.json`.
        lowercase: whether to lower-case and drop accents. By default as the files say; where they
            say nothing, only if no token of the vocabulary has a capital letter.

    Raises:
        FileNotFoundError: if there is no tokenizer.
        ValueError: if it is one that works otherwise than ours.
    """
    options = read_json(folder / _OPTIONS) if (folder / _OPTIONS).exists() else {}
    if (folder / _SAVED).exists():
        saved = read_json(folder / _SAVED)
        kind = (saved.get("model") or {}).get("type")
        if kind == "WordPiece":
            vocabulary = _saved_vocabulary(folder / _SAVED, saved)
            tokenizer = _word_piece(vocabulary, _normalizer(folder, saved), lowercase)
            added = saved.get("added_tokens") or []
            _check_added(folder, tokenizer, {t["content"]: t.get("special") for t in added})
            return tokenizer
        if kind != "BPE":
            raise ValueError(
                f"{folder / _SAVED} is a tokenizer of the kind {kind!r}; this package has "
                "WordPiece and byte-level BPE."
            )
        vocabulary = BytePairVocabulary.read(folder / _SAVED)
        before = saved.get("pre_tokenizer") or {}
        if before.get("type") != "ByteLevel" or saved.get("normalizer"):
            raise ValueError(
                f"{folder / _SAVED} is BPE, but not RoBERTa's on bytes: its pre-tokenizer is "
                f"{before.get('type')!r} and its normaliser {saved.get('normalizer')!r}."
            )
        return BytePairTokenizer(vocabulary, bool(before.get("add_prefix_space")))
    if (folder / "vocab.txt").exists():
        _refuse_other_words(folder / _OPTIONS, options)
        rules = {
            "lowercase": options.get("do_lower_case"),
            "strip_accents": options.get("strip_accents"),
        }
        vocabulary, added = Vocabulary.read(folder / "vocab.txt"), {}
        if (folder / _ADDED).exists():
            added = read_json(folder / _ADDED)
            ids = {token: index for index, token in enumerate(vocabulary.tokens)} | added
            vocabulary = _in_order(folder / _ADDED, ids)
        tokenizer = _word_piece(vocabulary, rules, lowercase)
        _check_added(folder, tokenizer, dict.fromkeys(added, False))
        return tokenizer
    if (folder / "vocab.json").exists():
        vocabulary = BytePairVocabulary.read(folder)
        return BytePairTokenizer(vocabulary, bool(options.get("add_prefix_space", False)))
    raise FileNotFoundError(
        f"{folder} has no tokenizer: none of {_SAVED}, vocab.txt, vocab.json and merges.txt."
    )


def write_tokenizer(tokenizer: AnyTokenizer, folder: Path, family: str, max_length: int) -> None:
    """Writes a tokenizer as Transformers, and everything built on `tokenizers`, reads it.

    Args:
        tokenizer: the tokenizer.
        folder: where to write; it is made if need be.
        family: `"bert"`, `"roberta"` or `"distilbert"`.
        max_length: the longest sequence of the model.
    """
    write_vocabulary(tokenizer.vocabulary, folder)
    vocabulary = tokenizer.vocabulary
    special = {
        "unk_token": vocabulary.unknown_token,
        "pad_token": vocabulary.pad_token,
        "cls_token": vocabulary.cls_token,
        "sep_token": vocabulary.sep_token,
        "mask_token": vocabulary.mask_token,
    }
    if isinstance(tokenizer, WordPieceTokenizer):
        options = {
            "tokenizer_class": "DistilBertTokenizer" if family == "distilbert" else "BertTokenizer",
            "do_lower_case": tokenizer.lowercase,
            "strip_accents": tokenizer.strip_accents,
            "tokenize_chinese_chars": True,
        }
    else:
        special |= {"bos_token": vocabulary.cls_token, "eos_token": vocabulary.sep_token}
        options = {
            "tokenizer_class": "RobertaTokenizer",
            "add_prefix_space": tokenizer.add_prefix_space,
            "trim_offsets": True,
        }
    write_json(folder / _OPTIONS, options | special | {"model_max_length": max_length})
    write_json(folder / _SPECIAL, special)
    as_saved(tokenizer).save(str(folder / _SAVED))


def write_vocabulary(vocabulary: AnyVocabulary, folder: Path) -> None:
    """Writes `vocab.txt`, or `vocab.json` and `merges.txt`; what another tokenizer left goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    if isinstance(vocabulary, Vocabulary):
        vocabulary.write(folder / "vocab.txt")
    else:
        vocabulary.write(folder)


def make_tokenizer(vocabulary: AnyVocabulary, options: dict) -> AnyTokenizer:
    """The tokenizer of a vocabulary, with the options that `tokenizer_options` gave."""
    kind = WordPieceTokenizer if isinstance(vocabulary, Vocabulary) else BytePairTokenizer
    return kind(vocabulary, **options)


def tokenizer_options(tokenizer: AnyTokenizer) -> dict:
    """What a tokenizer is made with besides its vocabulary."""
    if isinstance(tokenizer, WordPieceTokenizer):
        return {"lowercase": tokenizer.lowercase, "strip_accents": tokenizer.strip_accents}
    return {"add_prefix_space": tokenizer.add_prefix_space}


def as_saved(tokenizer: AnyTokenizer) -> Tokenizer:
    """The same tokenizer as one of the `tokenizers` package, with special tokens around a text."""
    vocabulary = tokenizer.vocabulary
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    cls, sep, mask = vocabulary.cls_token, vocabulary.sep_token, vocabulary.mask_token
    ends = {"sep": (sep, vocabulary.sep_id), "cls": (cls, vocabulary.cls_id)}
    if isinstance(tokenizer, WordPieceTokenizer):
        same = Tokenizer(
            models.WordPiece(
                ids,
                unk_token=vocabulary.unknown_token,
                max_input_chars_per_word=MAX_CHARACTERS_PER_WORD,
            )
        )
        same.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=tokenizer.strip_accents,
            lowercase=tokenizer.lowercase,
        )
        same.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        same.post_processor = TemplateProcessing(
            single=f"{cls}:0 $A:0 {sep}:0",
            pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
            special_tokens=list(ends.values()),
        )
        same.decoder = decoders.WordPiece()
        lstrip = False
    else:
        space = tokenizer.add_prefix_space
        same = Tokenizer(
            models.BPE(ids, list(vocabulary.merges), unk_token=vocabulary.unknown_token)
        )
        same.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
        same.post_processor = RobertaProcessing(
            ends["sep"], ends["cls"], trim_offsets=True, add_prefix_space=space
        )
        same.decoder = decoders.ByteLevel()
        same.add_tokens([AddedToken(token) for token in vocabulary.added_tokens])
        lstrip = True
    special = [vocabulary.token_of(int(i)) for i in vocabulary.special_ids]
    same.add_special_tokens(
        [AddedToken(token, lstrip=lstrip and token == mask, normalized=False) for token in special]
    )
    return same


def _word_piece(vocabulary: Vocabulary, rules: dict, lowercase: bool | None) -> WordPieceTokenizer:
    if lowercase is not None:
        return WordPieceTokenizer(vocabulary, lowercase)
    lowercase = rules["lowercase"]
    if lowercase is None:
        special = {vocabulary.tokens[i] for i in vocabulary.special_ids}
        lowercase = not any(
            t != t.lower() for t in vocabulary.tokens if t not in special and t[0] != "["
        )
    return WordPieceTokenizer(vocabulary, lowercase, rules["strip_accents"])


def _saved_vocabulary(path: Path, saved: dict) -> Vocabulary:
    """The WordPiece vocabulary in a `tokenizer.json`, added tokens behind it included."""
    ids = dict(saved["model"].get("vocab") or {})
    added = saved.get("added_tokens") or []
    return _in_order(path, ids | {token["content"]: token["id"] for token in added})


def _in_order(path: Path, ids: dict[str, int]) -> Vocabulary:
    """The vocabulary of tokens with their ids."""
    tokens = sorted(ids, key=ids.get)
    if [ids[token] for token in tokens] != list(range(len(tokens))):
        raise ValueError(f"{path} is not a usable vocabulary: its ids are not 0 to {len(ids) - 1}.")
    try:
        return Vocabulary(tokens)
    except ValueError as error:
        raise ValueError(f"{path} is not a usable vocabulary. {error}") from error


def _check_added(folder: Path, tokenizer: WordPieceTokenizer, is_special: dict[str, bool]) -> None:
    """Makes sure that tokens which Transformers finds before it splits a text are found here too.

    Args:
        folder: for messages.
        tokenizer: the tokenizer.
        is_special: for each added token whether it is special.
    """
    vocabulary = tokenizer.vocabulary
    own = {vocabulary.tokens[i] for i in vocabulary.special_ids}
    split = [
        token
        for token in is_special
        if token not in own and tokenizer(token).numpy().tolist() != [vocabulary.id_of(token)]
    ]
    if not all(is_special[token] for token in split):
        raise ValueError(
            f"{folder} has added tokens that WordPiece splits, and so would give other ids than "
            f"Transformers: {', '.join(split[:5])}. Only words can be added here."
        )
    if split:
        logger.warning("Written in a text, these tokens are text: %s.", ", ".join(split[:5]))


def _normalizer(folder: Path, saved: dict) -> dict:
    """What a `tokenizer.json` does to a text first, if it is what BERT does."""
    rules, before = saved.get("normalizer") or {}, saved.get("pre_tokenizer") or {}
    expected = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
    amiss = [f"`{k}` is {rules.get(k)!r}" for k, v in expected.items() if rules.get(k) != v]
    if before.get("type") != "BertPreTokenizer":
        amiss.append(f"the pre-tokenizer is {before.get('type')!r}")
    if amiss:
        raise ValueError(
            f"{folder / _SAVED} is WordPiece, but splits texts otherwise than BERT: "
            f"{', '.join(amiss)}. Its ids cannot be made here."
        )
    return {name: rules.get(name) for name in ("lowercase", "strip_accents")}


def _refuse_other_words(path: Path, options: dict) -> None:
    """Refuses tokenizers of the `vocab.txt` kind that split texts otherwise than BERT."""
    expected = {
        "word_tokenizer_type": ("basic", None),
        "subword_tokenizer_type": ("wordpiece", None),
        "tokenize_chinese_chars": (True, None),
        "do_basic_tokenize": (True, None),
    }
    for key, values in expected.items():
        if options.get(key) not in values:
            raise ValueError(
                f"{path} has `{key}` {options[key]!r}: this tokenizer splits texts otherwise than "
                "BERT, and its ids cannot be made here."
            )
