"""The table between byte-level pieces and ids, and its files."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.text.bytepair_vocabulary import (
    BYTE_LETTERS,
    SPECIAL_TOKENS,
    BytePairVocabulary,
)
from keras_bert_kit.text.vocabulary import Vocabulary

SHARED = Path(__file__).parents[3] / "shared" / "data" / "vocab"
TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "a", "b", "Ġ", "ab", "Ġab", "covid é", "<mask>")
MERGES = (("a", "b"), ("Ġ", "ab"))
ADDED = ("covid é",)


@pytest.fixture
def vocabulary():
    return BytePairVocabulary(TOKENS, MERGES, ADDED)


def test_ids_are_positions(vocabulary):
    assert [vocabulary.id_of(token) for token in TOKENS] == list(range(11))
    assert vocabulary.token_of(8) == "Ġab"
    assert len(vocabulary) == 11
    assert (vocabulary.tokens, vocabulary.merges) == (TOKENS, MERGES)
    assert vocabulary.added_tokens == ADDED


def test_ids_from_a_mapping_in_any_order(vocabulary):
    ids = {token: i for i, token in reversed(list(enumerate(TOKENS)))}
    assert BytePairVocabulary(ids, MERGES, ADDED).fingerprint == vocabulary.fingerprint


def test_an_unknown_token_has_the_id_of_unk(vocabulary):
    assert vocabulary.id_of("c") == 3
    assert "c" not in vocabulary
    assert "Ġab" in vocabulary


def test_special_tokens(vocabulary):
    assert vocabulary.special_ids.tolist() == [1, 3, 0, 2, 10]
    assert vocabulary.special_ids.dtype == np.int32
    assert (vocabulary.pad_id, vocabulary.unknown_id, vocabulary.cls_id) == (1, 3, 0)
    assert (vocabulary.sep_id, vocabulary.mask_id) == (2, 10)


def test_both_kinds_of_vocabulary_name_their_special_tokens(vocabulary):
    names = ("pad_token", "unknown_token", "cls_token", "sep_token", "mask_token")
    assert tuple(getattr(vocabulary, name) for name in names) == SPECIAL_TOKENS
    word_piece = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    assert [getattr(word_piece, name) for name in names] == list(word_piece.tokens)


def test_letters_of_bytes():
    assert len(set(BYTE_LETTERS)) == 256
    assert "".join(BYTE_LETTERS[byte] for byte in "a \n\0é".encode()) == "aĠĊĀÃ©"


def test_bytes_of_tokens(vocabulary):
    assert vocabulary.token_bytes[6:] == (b" ", b"ab", b" ab", "covid é".encode(), b"<mask>")


@pytest.mark.parametrize(
    ("token", "continues"),
    [
        *(("the", True), ("Ġthe", False), ("2", True), ("Ġ", False)),
        *((".", False), ("'s", False), ("Ġ.", False), ("_", False), ("Ċ", False), ("ĉĉ", False)),
        ("Ã©t", True),  # é
        ("âĢ", True),  # the beginning of ’, and of a dash
        ("ľ", True),  # the end of “
        ("âĢľ", False),  # “
        ("Â½x", True),  # ½, a number
        ("Âł", False),  # a no-break space
        ("ðŁĺĢ", False),  # 😀
        ("à¤¾", True),  # a vowel sign of Devanagari
    ],
)
def test_is_continuation(token, continues):
    vocabulary = BytePairVocabulary([*SPECIAL_TOKENS, "covid", token], [], ["covid"])
    assert vocabulary.is_continuation.tolist() == [False] * 6 + [continues]
    assert vocabulary.is_continuation.dtype == bool


def test_written_and_read_again_it_is_the_same(vocabulary, tmp_path):
    vocabulary.write(tmp_path / "new")
    files = {path.name: path.read_bytes().decode() for path in (tmp_path / "new").iterdir()}
    assert files == {
        "vocab.json": '{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "Ġ": 6, '
        '"ab": 7, "Ġab": 8, "covid é": 9, "<mask>": 10}',
        "merges.txt": "#version: 0.2\na b\nĠ ab\n",
        "added_tokens.json": '{"covid é": 9}',
    }
    again = BytePairVocabulary.read(tmp_path / "new")
    assert again.fingerprint == vocabulary.fingerprint
    again.write(tmp_path / "again")
    assert all((tmp_path / "again" / name).read_bytes().decode() == files[name] for name in files)


def test_added_tokens_of_an_earlier_vocabulary_do_not_stay(vocabulary, tmp_path):
    vocabulary.write(tmp_path)
    BytePairVocabulary(TOKENS, MERGES).write(tmp_path)
    assert BytePairVocabulary.read(tmp_path).added_tokens == ()


def test_pickled(vocabulary):
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again.fingerprint == vocabulary.fingerprint
    assert again.added_tokens == ADDED


@pytest.mark.parametrize(
    "written",
    [
        "#version: 0.2\r\na b\r\nĠ ab\r\n",
        "\ufeff#version: 0.2\na b\nĠ ab",
        "a b\nĠ ab\n\n",
    ],
    ids=["Windows line ends", "byte order mark", "no version"],
)
def test_files_of_other_editors(vocabulary, written, tmp_path):
    vocabulary.write(tmp_path)
    (tmp_path / "my.txt").write_bytes(written.encode())
    (tmp_path / "my.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "vocab.json").read_bytes())
    again = BytePairVocabulary.read(tmp_path / "my.json", tmp_path / "my.txt")
    assert again.fingerprint == vocabulary.fingerprint


def test_a_merge_may_look_like_the_version(tmp_path):
    tokens = [*SPECIAL_TOKENS, "#", "v", "#v"]
    BytePairVocabulary(tokens, [("#", "v")]).write(tmp_path)
    assert BytePairVocabulary.read(tmp_path).merges == (("#", "v"),)


def tokenizer_json(**changes):
    base = [token for token in TOKENS if token != "covid é"]
    added = [
        {"id": 10, "content": "<mask>", "lstrip": True, "special": True},
        {"id": 9, "content": "covid é", "single_word": False, "lstrip": False, "special": False},
    ]
    model = {"type": "BPE", "vocab": {t: TOKENS.index(t) for t in base}, "merges": ["a b", "Ġ ab"]}
    content = {"added_tokens": added, "pre_tokenizer": {"type": "ByteLevel"}, "model": model}
    return content | changes


@pytest.mark.parametrize("merges", [["a b", "Ġ ab"], [["a", "b"], ["Ġ", "ab"]]])
def test_tokenizer_json(vocabulary, merges, tmp_path):
    content = tokenizer_json()
    content["model"]["merges"] = merges
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    for path in (tmp_path, str(tmp_path / "tokenizer.json")):
        assert BytePairVocabulary.read(path).fingerprint == vocabulary.fingerprint


def test_tokenizer_json_of_transformers(vocabulary, tmp_path):
    transformers = pytest.importorskip("transformers")
    base = {token: i for i, token in enumerate(t for t in TOKENS if t not in ADDED)}
    tokenizer = transformers.RobertaTokenizer(vocab=base, merges=list(MERGES))
    tokenizer.add_tokens(["covid é"])
    tokenizer.save_pretrained(tmp_path)
    (read,) = [BytePairVocabulary.read(tmp_path)]
    assert read.tokens == (*base, "covid é")
    assert (read.merges, read.added_tokens) == (MERGES, ADDED)


def test_transformers_reads_what_is_written(vocabulary, tmp_path):
    transformers = pytest.importorskip("transformers")
    vocabulary.write(tmp_path)
    tokenizer = transformers.RobertaTokenizer.from_pretrained(tmp_path)
    ids = tokenizer("ab abcovid é", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["ab", "Ġab", "covid é"]


@pytest.mark.corpora
def test_roberta(tmp_path):
    folder = real_folder("roberta-base")
    vocabulary = BytePairVocabulary.read(folder)
    assert len(vocabulary) == 50_265
    assert len(vocabulary.merges) == 50_000
    assert vocabulary.special_ids.tolist() == [1, 3, 0, 2, 50_264]
    assert vocabulary.id_of("ĠThe") == 20
    vocabulary.write(tmp_path)
    assert (tmp_path / "merges.txt").read_bytes() == (folder / "merges.txt").read_bytes()
    written, given = (json.loads((f / "vocab.json").read_text()) for f in (tmp_path, folder))
    assert list(written.items()) == list(given.items())


@pytest.mark.corpora
def test_gpt2_lacks_the_special_tokens():
    with pytest.raises(
        ValueError,
        match=r"vocab\.json is not .* lacks the special token\(s\) <pad>, <unk>, <s>, </s>, <mask>"
        r"\. RoBERTa needs all .* \(GPT-2 has none of them\): add them at the end",
    ):
        BytePairVocabulary.read(real_folder("gpt2"))


def real_folder(name):
    if not (SHARED / name).exists():
        pytest.skip(f"there is no {SHARED / name}")
    return SHARED / name


def test_the_fingerprint_is_of_everything(vocabulary):
    others = [
        BytePairVocabulary(TOKENS, MERGES),
        BytePairVocabulary(TOKENS, MERGES[:1], ADDED),
        BytePairVocabulary([*TOKENS, "c"], MERGES, ADDED),
    ]
    assert vocabulary.fingerprint == BytePairVocabulary(TOKENS, MERGES, ADDED).fingerprint
    assert len({v.fingerprint for v in (vocabulary, *others)}) == 4


def test_a_token_twice():
    with pytest.raises(ValueError, match=r"list each token once; 'a' occurs twice\."):
        BytePairVocabulary([*TOKENS, "a"], MERGES)


def test_an_empty_token():
    with pytest.raises(ValueError, match=r"Token number 11 of the vocabulary is empty\."):
        BytePairVocabulary([*TOKENS, ""], MERGES)


def test_ids_with_a_gap():
    ids = {token: i for i, token in enumerate(TOKENS)}
    with pytest.raises(
        ValueError, match=r"ids must be 0 to 11, each once, .* number 11 .* 'c', has the id 12\."
    ):
        BytePairVocabulary(ids | {"c": 12}, MERGES)
    with pytest.raises(ValueError, match=r"number 11 in their order, 'c', has the id 10\."):
        BytePairVocabulary(ids | {"c": 10}, MERGES)


def test_missing_special_tokens():
    with pytest.raises(ValueError, match=r"lacks the special token\(s\) <pad>, <mask>\. RoBERTa"):
        BytePairVocabulary(["<s>", "</s>", "<unk>"], [])


def test_merges_that_are_no_pairs():
    with pytest.raises(ValueError, match=r"must be a pair of tokens; number 1 is \('a',\)\."):
        BytePairVocabulary(TOKENS, [("a", "b"), ("a",)])


def test_merges_of_another_vocabulary():
    with pytest.raises(
        ValueError, match=r"Merge number 1 is of 'b' and 'a', but the vocabulary lacks 'ba': take"
    ):
        BytePairVocabulary(TOKENS, [("a", "b"), ("b", "a")])


@pytest.mark.parametrize("added", ["c", "<mask>"])
def test_added_tokens_that_are_no_tokens(added):
    with pytest.raises(ValueError, match=rf"added token '{added}' must be one of `tokens` and no"):
        BytePairVocabulary(TOKENS, MERGES, [added])


def test_a_folder_without_a_vocabulary(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no byte-level BPE .* must have `vocab\.json` and"
    ):
        BytePairVocabulary.read(tmp_path)


def test_a_file_that_is_no_vocabulary_is_named(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("[1]")
    with pytest.raises(
        ValueError, match=r"tokenizer\.json is not a usable .* a JSON object, got a list\."
    ):
        BytePairVocabulary.read(path)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a usable vocabulary\. Expecting"):
        BytePairVocabulary.read(path)


@pytest.mark.parametrize(
    "content", [{"a": 1}, {"model": 7}, tokenizer_json(model={"type": "WordPiece", "vocab": {}})]
)
def test_a_file_of_another_kind(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"a `tokenizer\.json` with a BPE model\. A `vocab\.json`"):
        BytePairVocabulary.read(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "Split"}},
        {"normalizer": {"type": "NFC"}},
    ],
)
def test_a_tokenizer_json_that_splits_otherwise(changes, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json(**changes)))
    with pytest.raises(ValueError, match=r"have a `ByteLevel` pre-tokenizer and no normalizer, as"):
        BytePairVocabulary.read(tmp_path)


def test_an_added_token_with_other_rules(tmp_path):
    content = tokenizer_json()
    content["added_tokens"][1] |= {"single_word": True, "rstrip": True}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"'covid é' has single_word and rstrip, which this kit"):
        BytePairVocabulary.read(tmp_path)
