"""Tokenizers in the files of Hugging Face: ours read by Transformers, theirs read by us."""

import json
from pathlib import Path

import pytest

from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
from keras_bert_kit.text.tokenizer_files import (
    make_tokenizer,
    read_tokenizer,
    read_vocabulary,
    tokenizer_options,
    write_tokenizer,
    write_vocabulary,
)
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

HERE = Path(__file__).parent
NASTY_LINES = (HERE / "nasty.txt").read_bytes().decode().split("\n")
NASTY = Vocabulary.read(HERE / "nasty_vocab.txt")
PIECES = (*SPECIAL_TOKENS, "the", "cat", "##s", "café", "cafe")
LETTERS = ("<s>", "<pad>", "</s>", "<unk>", "l", "o", "w", "Ġ", "lo", "low", "Ġlow", "<mask>")
MERGES = (("l", "o"), ("lo", "w"), ("Ġ", "low"))
CASES = {  # lowercase, strip_accents
    "uncased": (True, None),
    "cased": (False, None),
    "lower-case with accents": (True, False),
    "upper-case without accents": (False, True),
}


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def learned():
    """A byte-pair vocabulary with pieces of many scripts."""
    return learn_bytepair_vocabulary(NASTY_LINES * 3, 1000, progress=False)


def theirs_of(transformers, vocabulary, **options):
    """Transformers' own tokenizer of a vocabulary."""
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    if isinstance(vocabulary, Vocabulary):
        return transformers.BertTokenizerFast(vocab=ids, **options)
    merges = [tuple(merge) for merge in vocabulary.merges]
    return transformers.RobertaTokenizerFast(vocab=ids, merges=merges, **options)


def assert_same_ids(ours, theirs, lines=NASTY_LINES):
    """With special tokens in the text as such, and those around it."""
    vocabulary = ours.vocabulary
    found = ours(lines, special_tokens=True).to_list()
    expected = theirs(lines).input_ids
    for line, ids, expected_ids in zip(lines, found, expected, strict=True):
        assert [vocabulary.cls_id, *ids, vocabulary.sep_id] == expected_ids, ascii(line)


def written(tokenizer, folder, family="bert"):
    write_tokenizer(tokenizer, folder, family, max_length=64)
    return folder


def write(folder, name, **content):
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize("name", CASES)
def test_transformers_reads_our_word_pieces(transformers, name, tmp_path):
    tokenizer = WordPieceTokenizer(NASTY, *CASES[name])
    theirs = transformers.AutoTokenizer.from_pretrained(written(tokenizer, tmp_path))
    assert_same_ids(tokenizer, theirs)


@pytest.mark.parametrize("name", CASES)
def test_lowercase_and_accents_are_apart_as_in_transformers(transformers, name):
    lowercase, strip_accents = CASES[name]
    theirs = theirs_of(transformers, NASTY, do_lower_case=lowercase, strip_accents=strip_accents)
    assert_same_ids(WordPieceTokenizer(NASTY, lowercase, strip_accents), theirs)


@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_transformers_reads_our_byte_pairs(transformers, learned, add_prefix_space, tmp_path):
    tokenizer = BytePairTokenizer(learned, add_prefix_space)
    theirs = transformers.AutoTokenizer.from_pretrained(written(tokenizer, tmp_path, "roberta"))
    assert_same_ids(tokenizer, theirs)


def test_transformers_reads_our_added_tokens(transformers, tmp_path):
    vocabulary = BytePairVocabulary((*LETTERS, "covid-19"), MERGES, ["covid-19"])
    tokenizer = BytePairTokenizer(vocabulary)
    theirs = transformers.AutoTokenizer.from_pretrained(written(tokenizer, tmp_path, "roberta"))
    assert_same_ids(tokenizer, theirs, ["lowcovid-19 low", "covid-19<mask>"])


@pytest.mark.parametrize(
    ("family", "name"), [("bert", "BertTokenizer"), ("distilbert", "DistilBertTokenizer")]
)
def test_a_family_has_its_own_tokenizer(transformers, family, name, tmp_path):
    written(WordPieceTokenizer(Vocabulary(PIECES)), tmp_path, family)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    options = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert options["tokenizer_class"] == name
    assert theirs.model_max_length == 64
    assert (theirs.mask_token_id, theirs.pad_token_id, theirs.unk_token_id) == (4, 0, 1)


def test_transformers_knows_segments_and_special_tokens(transformers, tmp_path):
    written(WordPieceTokenizer(Vocabulary(PIECES)), tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    pair = theirs("the cats", "the")
    assert pair.input_ids == [2, 5, 6, 7, 3, 5, 3]
    assert pair.token_type_ids == [0, 0, 0, 0, 0, 1, 1]
    assert theirs.decode([2, 5, 6, 7, 3], skip_special_tokens=True) == "the cats"


def test_transformers_pairs_texts_of_roberta_its_way(transformers, tmp_path):
    written(BytePairTokenizer(BytePairVocabulary(LETTERS, MERGES)), tmp_path, "roberta")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs("low", "low low").input_ids == [0, 9, 2, 2, 9, 10, 2]
    assert (theirs.mask_token_id, theirs.pad_token_id) == (11, 1)
    assert theirs.decode([0, 9, 10, 2], skip_special_tokens=True) == "low low"


@pytest.mark.parametrize("remove", [[], ["tokenizer.json"]])
@pytest.mark.parametrize("name", CASES)
def test_our_word_pieces_are_read_back(name, remove, tmp_path):
    tokenizer = WordPieceTokenizer(Vocabulary(PIECES), *CASES[name])
    written(tokenizer, tmp_path)
    for file in remove:
        (tmp_path / file).unlink()
    again = read_tokenizer(tmp_path)
    assert again.vocabulary.tokens == PIECES
    assert tokenizer_options(again) == tokenizer_options(tokenizer)


@pytest.mark.parametrize("remove", [[], ["tokenizer.json"]])
@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_our_byte_pairs_are_read_back(add_prefix_space, remove, tmp_path):
    vocabulary = BytePairVocabulary((*LETTERS, "covid-19"), MERGES, ["covid-19"])
    written(BytePairTokenizer(vocabulary, add_prefix_space), tmp_path, "roberta")
    for file in remove:
        (tmp_path / file).unlink()
    again = read_tokenizer(tmp_path)
    assert again.vocabulary.fingerprint == vocabulary.fingerprint
    assert again.add_prefix_space is add_prefix_space


@pytest.mark.parametrize("name", CASES)
def test_word_pieces_saved_by_transformers_are_read(transformers, name, tmp_path):
    lowercase, strip_accents = CASES[name]
    theirs = theirs_of(transformers, NASTY, do_lower_case=lowercase, strip_accents=strip_accents)
    theirs.save_pretrained(tmp_path)
    assert {"tokenizer.json", "vocab.txt"} & {f.name for f in tmp_path.iterdir()} == {
        "tokenizer.json"
    }
    ours = read_tokenizer(tmp_path)
    assert ours.vocabulary.tokens == NASTY.tokens
    assert_same_ids(ours, theirs)


@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_byte_pairs_saved_by_transformers_are_read(
    transformers, learned, add_prefix_space, tmp_path
):
    theirs = theirs_of(transformers, learned, add_prefix_space=add_prefix_space)
    theirs.save_pretrained(tmp_path)
    ours = read_tokenizer(tmp_path)
    assert ours.vocabulary.tokens == learned.tokens
    assert_same_ids(ours, theirs)


def test_words_that_transformers_added_are_in_the_vocabulary(transformers, tmp_path):
    theirs = theirs_of(transformers, Vocabulary(PIECES))
    theirs.add_tokens(["covid"])
    theirs.save_pretrained(tmp_path)
    assert read_tokenizer(tmp_path).vocabulary.tokens == (*PIECES, "covid")


@pytest.mark.parametrize(
    ("pieces", "lowercase"),
    [((), True), (("Cat",), False), (("É",), False), (("[unused1]", "[Custom]"), True)],
)
def test_a_bare_vocabulary_with_capitals_is_taken_for_a_cased_one(pieces, lowercase, tmp_path):
    write_vocabulary(Vocabulary((*PIECES, *pieces)), tmp_path)
    tokenizer = read_tokenizer(tmp_path)
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (lowercase, lowercase)


@pytest.mark.parametrize("lowercase", [True, False])
def test_what_the_caller_says_of_capitals_counts(lowercase, tmp_path):
    written(WordPieceTokenizer(Vocabulary(PIECES), not lowercase), tmp_path)
    assert read_tokenizer(tmp_path, lowercase).lowercase is lowercase


def test_bare_byte_pairs_have_no_space_before(tmp_path):
    write_vocabulary(BytePairVocabulary(LETTERS, MERGES), tmp_path)
    assert read_tokenizer(tmp_path).add_prefix_space is False


def test_files_of_another_vocabulary_do_not_stay(tmp_path):
    write_vocabulary(Vocabulary(PIECES), tmp_path)
    write_vocabulary(BytePairVocabulary((*LETTERS, "x"), MERGES, ["x"]), tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"vocab.json", "merges.txt", "added_tokens.json"}
    assert read_vocabulary(tmp_path).added_tokens == ("x",)
    write_vocabulary(Vocabulary(PIECES), tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"vocab.txt"}
    assert read_vocabulary(tmp_path).tokens == PIECES


@pytest.mark.parametrize(
    "tokenizer",
    [
        WordPieceTokenizer(Vocabulary(PIECES), True, False),
        BytePairTokenizer(BytePairVocabulary(LETTERS, MERGES), True),
    ],
    ids=["word pieces", "byte pairs"],
)
def test_options_make_the_same_tokenizer(tokenizer):
    options = tokenizer_options(tokenizer)
    again = make_tokenizer(tokenizer.vocabulary, json.loads(json.dumps(options)))
    assert type(again) is type(tokenizer)
    assert tokenizer_options(again) == options


def saved(model, **more):
    """The content of a `tokenizer.json`."""
    return {"model": model} | more


WORD_PIECE = {"type": "WordPiece", "vocab": {token: i for i, token in enumerate(PIECES)}}
BPE = {
    "type": "BPE",
    "vocab": {token: i for i, token in enumerate(LETTERS)},
    "merges": [list(merge) for merge in MERGES],
}
BERT = {
    "normalizer": {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}


def test_the_files_that_the_refused_ones_differ_from_are_read(tmp_path):
    write(tmp_path, "tokenizer.json", **saved(WORD_PIECE, **BERT))
    assert read_tokenizer(tmp_path).vocabulary.tokens == PIECES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved({"type": "Unigram"}), r"is a tokenizer of the kind 'Unigram'; this package has Wor"),
        (
            saved(None),
            r"is a tokenizer of the kind None; this package has WordPiece and byte-level",
        ),
        (
            saved(WORD_PIECE, **BERT | {"normalizer": {"type": "Lowercase"}}),
            r"is WordPiece, but splits texts otherwise than BERT: `type` is 'Lowercase', `clean_te",
        ),
        (
            saved(WORD_PIECE, **BERT | {"pre_tokenizer": {"type": "Whitespace"}}),
            r"otherwise than BERT: the pre-tokenizer is 'Whitespace'\. Its ids cannot be made here",
        ),
        (
            saved(
                WORD_PIECE,
                **BERT | {"normalizer": BERT["normalizer"] | {"handle_chinese_chars": False}},
            ),
            r"otherwise than BERT: `handle_chinese_chars` is False\.",
        ),
        (
            saved({"type": "WordPiece", "vocab": {"[PAD]": 0, "[UNK]": 2}}, **BERT),
            r"tokenizer\.json is not a usable vocabulary: its ids are not 0 to 1\.",
        ),
        (
            saved({"type": "WordPiece", "vocab": {"[PAD]": 0, "[UNK]": 1}}, **BERT),
            r"tokenizer\.json is not a usable vocabulary\. The vocabulary lacks the special token",
        ),
        (
            saved(BPE, pre_tokenizer={"type": "Whitespace"}),
            r"pre-tokenizer",
        ),
        (
            saved(BPE, pre_tokenizer={"type": "ByteLevel"}, normalizer={"type": "NFC"}),
            r"normali[sz]er",
        ),
    ],
)
def test_a_saved_tokenizer_that_works_otherwise_is_refused(content, message, tmp_path):
    write(tmp_path, "tokenizer.json", **content)
    with pytest.raises(ValueError, match=message):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("word_tokenizer_type", "mecab"),
        ("subword_tokenizer_type", "character"),
        ("tokenize_chinese_chars", False),
        ("do_basic_tokenize", False),
    ],
)
def test_a_vocabulary_of_a_tokenizer_that_works_otherwise_is_refused(option, value, tmp_path):
    write_vocabulary(Vocabulary(PIECES), tmp_path)
    write(tmp_path, "tokenizer_config.json", **{option: value})
    message = rf"tokenizer_config\.json has `{option}` {value!r}: this tokenizer splits texts oth"
    with pytest.raises(ValueError, match=message):
        read_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path):
    message = r"has no tokenizer: none of tokenizer\.json, vocab\.txt, vocab\.json and merges\.txt"
    with pytest.raises(FileNotFoundError, match=message):
        read_tokenizer(tmp_path)


def test_a_folder_without_a_vocabulary_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no byte-level BPE vocabulary"):
        read_vocabulary(tmp_path)


def test_added_tokens_that_word_piece_splits_are_refused(transformers, tmp_path):
    word_piece = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "covid", "-", "19"]))
    write_tokenizer(word_piece, tmp_path, "bert", 10)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    theirs.add_tokens(["covid-19"])
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"added tokens that WordPiece splits.*: covid-19"):
        read_tokenizer(tmp_path)


def test_added_tokens_beside_a_vocabulary_are_read(tmp_path):
    Vocabulary([*SPECIAL_TOKENS, "a"]).write(tmp_path / "vocab.txt")
    (tmp_path / "added_tokens.json").write_text('{"flu": 6}')
    assert read_tokenizer(tmp_path)("a flu").numpy().tolist() == [5, 6]
    (tmp_path / "added_tokens.json").write_text('{"flu-a": 6}')
    with pytest.raises(ValueError, match=r"added tokens that WordPiece splits.*: flu-a"):
        read_tokenizer(tmp_path)
