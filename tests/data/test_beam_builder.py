"""A Beam pipeline writes what the local builder writes, and says what it leaves out."""

import gzip
import json

import pytest

pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem
from shard_files import contents, documents
from splitting_tokenizer import word_split

from keras_bert_kit.data import beam_steps, build_settings
from keras_bert_kit.data.beam_builder import build_shards_with_beam
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.data.quality import QualityRules
from keras_bert_kit.data.shard_builder import build_shards
from keras_bert_kit.data.shards import Shards
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

WORDS = ["it", "rained.", "We", "slept."]
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *WORDS, *(f"w{number}" for number in range(100))])
SCHEME = "elsewhere://"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Without TensorFlow, and with several chunks for a file and several shards for a chunk."""
    monkeypatch.setattr(build_settings, "word_piece", word_split)
    monkeypatch.setattr(beam_steps, "CHUNK_CHARACTERS", 100)


@pytest.fixture
def corpus(tmp_path):
    """Sixty documents of 0 to 30 tokens, in plain text, compressed, and as JSON lines."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    documents = [
        " ".join(WORDS[number // 3**place % 3] for place in range(3)) + " slept." * (number % 7)
        for number in range(60)
    ]
    documents[17] = "it " * 30  # longer than a shard
    documents[18] = documents[40] = documents[59] = "\x01\x01"  # no token
    documents[25] = documents[3].upper()  # the same text
    (folder / "a.txt").write_text("\n\n".join(documents[:20]))
    (folder / "b.txt.gz").write_bytes(gzip.compress("\n\n".join(documents[20:45]).encode()))
    rows = "".join(json.dumps({"text": text}) + "\n" for text in documents[45:])
    (folder / "c.jsonl").write_text(rows)
    (folder / "empty.txt").write_text("\n\n")
    return folder


def local(corpus, folder, **options):
    return build_shards(corpus, folder, VOCABULARY, num_processes=1, progress=False, **options)


def write_texts(path, texts):
    path.write_text("\n\n".join(texts))
    return path


# The same as the local builder


@pytest.mark.parametrize("options", [{"heldout_fraction": 0.2, "seed": 3}, {"heldout_fraction": 0}])
def test_every_byte_is_that_of_the_local_builder(corpus, tmp_path, options):
    options["tokens_per_shard"] = 20
    local(corpus, tmp_path / "local", **options)
    outcome = build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    assert outcome == {"read": 60, "without a token": 3, "kept": 57}
    expected = contents(tmp_path / "local")
    assert len(expected) > 30
    assert contents(tmp_path / "beam") == expected


def test_excluded_texts_too_and_the_local_builder_takes_the_shards_as_its_own(corpus, tmp_path):
    texts = ["IT rained. we", "We it rained. slept."]
    exclude = ExcludedTexts(write_texts(tmp_path / "test.txt", texts))
    options = {"heldout_fraction": 0.2, "tokens_per_shard": 20, "exclude": exclude}
    expected = local(corpus, tmp_path / "local", **options)
    assert expected["train"].num_excluded_documents > 0
    outcome = build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    assert outcome["excluded"] == expected["train"].num_excluded_documents
    before = contents(tmp_path / "beam")
    assert before == contents(tmp_path / "local")
    local(corpus, tmp_path / "beam", **options)
    assert contents(tmp_path / "beam") == before


class Elsewhere(LocalFileSystem):
    """A file system with a scheme, as those of clouds have; its files are this machine's."""

    @classmethod
    def scheme(cls):
        return SCHEME.removesuffix("://")

    def _list(self, path):
        for file in super()._list(path.removeprefix(SCHEME)):
            yield FileMetadata(SCHEME + file.path, file.size_in_bytes)

    def exists(self, path):
        return super().exists(path.removeprefix(SCHEME))

    def metadata(self, path):
        file = super().metadata(path.removeprefix(SCHEME))
        return FileMetadata(path, file.size_in_bytes)

    def create(self, path, *arguments, **options):
        return super().create(path.removeprefix(SCHEME), *arguments, **options)

    def open(self, path, *arguments, **options):
        return super().open(path.removeprefix(SCHEME), *arguments, **options)

    def delete(self, paths):
        super().delete([path.removeprefix(SCHEME) for path in paths])


def test_remote_files_to_remote_shards(corpus, tmp_path):
    options = {"heldout_fraction": 0.2, "tokens_per_shard": 20}
    local(corpus, tmp_path / "local", **options)
    remote = f"{SCHEME}{tmp_path}/remote"
    for _ in range(2):
        sources = [f"{SCHEME}{corpus}/{name}" for name in ("a.txt", "[b-e]*")]
        build_shards_with_beam(sources, remote, VOCABULARY, overwrite=True, **options)
    found, expected = contents(tmp_path / "remote"), contents(tmp_path / "local")
    assert found.keys() == expected.keys()
    for name in expected:
        if not name.endswith("manifest.json"):
            assert found[name] == expected[name]
    found, expected = (
        json.loads((tmp_path / name / "train" / "manifest.json").read_text())
        for name in ("remote", "local")
    )
    for source in expected["sources"]:
        source["path"] = SCHEME + source["path"]
    assert found == expected


# What is left out


def near_texts():
    """Texts of which some are like an earlier one, with a part of their words replaced."""
    texts = []
    for number in range(12):
        words = [f"w{(7 * number + place * (number + 1)) % 97}" for place in range(90)]
        texts.append(" ".join(words))
        if number % 3 == 0:
            texts.append(" ".join([*words[:-1], "it"]))  # another last word
        if number % 4 == 1:
            parts = [words[start : start + 10] for start in range(0, 90, 10)]
            texts.insert(0, " ".join(word for part in reversed(parts) for word in part))
    return [*texts[5:], *texts[:8]]  # and the same again


def jaccard(one, other):
    first, second = (
        {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
        for words in (one.split(), other.split())
    )
    return len(first & second) / len(first | second)


@pytest.mark.parametrize("num_files", [1, 4])
def test_near_duplicates_of_earlier_documents_are_left_out(tmp_path, num_files):
    texts = near_texts()
    similarities = [[jaccard(text, other) for other in texts[:i]] for i, text in enumerate(texts)]
    unclear = [s for row in similarities for s in row if 0.7 < s < 0.95]
    assert not unclear  # so that what is found is no matter of chance
    expected = [
        text for text, row in zip(texts, similarities, strict=True) if max(row, default=0) < 0.95
    ]
    assert 10 < len(expected) < len(texts) - 5
    (tmp_path / "in").mkdir()
    size = -(-len(texts) // num_files)
    for number in range(num_files):
        part = texts[number * size : (number + 1) * size]
        write_texts(tmp_path / "in" / f"{number}.txt", part)
    outcome = build_shards_with_beam(
        tmp_path / "in",
        tmp_path / "beam",
        VOCABULARY,
        heldout_fraction=0.3,
        tokens_per_shard=200,
        near_duplicates=0.85,
    )
    left_out = len(texts) - len(expected)
    assert outcome == {"read": len(texts), "near duplicates": left_out, "kept": len(expected)}
    splits = {name: Shards(tmp_path / "beam" / name) for name in ("train", "heldout")}
    ids = [tuple(map(VOCABULARY.id_of, text.split())) for text in expected]
    heldout = documents(splits["heldout"])
    assert heldout == [text for text in ids if text in set(heldout)]
    assert documents(splits["train"]) == [text for text in ids if text not in set(heldout)]
    for shards in splits.values():
        assert shards.manifest["num_removed_documents"] == {"near duplicates": left_out}
        assert shards.manifest["options"]["near_duplicates"] == 0.85


def test_what_workers_there_are_does_not_matter(corpus, tmp_path):
    options = {"heldout_fraction": 0.2, "tokens_per_shard": 20, "near_duplicates": 0.8}
    build_shards_with_beam(corpus, tmp_path / "one", VOCABULARY, **options)
    flags = ["--direct_num_workers=3", "--direct_running_mode=multi_threading"]
    build_shards_with_beam(corpus, tmp_path / "three", VOCABULARY, flags=flags, **options)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_rules_are_counted_one_by_one(tmp_path):
    good = [f"it rained. We slept. w{number} and more" for number in range(20)]
    bad = ["it it", "it\nit\nit\nit\nit", "1 2 3 4 5 6 7 8 9", "a b c d e"]
    texts = [*good[:7], bad[0], *good[7:], *bad[1:]]
    exclude = ExcludedTexts(write_texts(tmp_path / "test.txt", good[3:5]))
    rules = QualityRules(min_words=3, min_mean_word_length=1, max_mean_word_length=9)
    outcome = build_shards_with_beam(
        write_texts(tmp_path / "a.txt", texts),
        tmp_path / "beam",
        VOCABULARY,
        heldout_fraction=0,
        quality=rules,
        exclude=exclude,
    )
    assert outcome == {
        "read": 24,
        "excluded": 2,
        "too few words": 1,
        "repeated lines": 1,
        "words without letters": 1,
        "kept": 19,
    }
    manifest = Shards(tmp_path / "beam" / "train").manifest
    assert manifest["options"]["quality"]["min_words"] == 3
    assert sum(manifest["num_removed_documents"].values()) == 3
    assert manifest["num_excluded_documents"] == 2
    with pytest.raises(ValueError, match=r"`quality` was .*'min_words': 3.* and is None"):
        local(tmp_path / "a.txt", tmp_path / "beam", heldout_fraction=0, exclude=exclude)


# Mistakes


def test_an_empty_corpus(tmp_path):
    write_texts(tmp_path / "a.txt", [" \n"])
    with pytest.raises(ValueError, match=r"There is no document in .*a\.txt: nothing but white"):
        build_shards_with_beam(tmp_path / "a.txt", tmp_path / "beam", VOCABULARY)
    assert not (tmp_path / "beam").exists()


def test_nothing_is_left(corpus, tmp_path):
    with pytest.raises(ValueError, match=r"No document is left for .*beam/train.*60 too few words"):
        build_shards_with_beam(
            corpus, tmp_path / "beam", VOCABULARY, heldout_fraction=0, quality=QualityRules()
        )


def test_a_file_that_is_no_utf_8(corpus, tmp_path):
    (corpus / "z.txt").write_bytes(b"it rained.\n\nit \xff\n\nit slept.")
    options = {"heldout_fraction": 0.2, "tokens_per_shard": 20}
    with pytest.raises(ValueError, match=r"z\.txt is not utf-8: byte 15 is 0xff"):
        build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    options["undecodable"] = "skip"
    local(corpus, tmp_path / "local", **options)
    outcome = build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    assert outcome["read"] == 62
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")


def test_shards_are_only_overwritten_when_asked_for(corpus, tmp_path):
    options = {"heldout_fraction": 0, "tokens_per_shard": 20}
    build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    before = contents(tmp_path / "beam")
    options |= {"tokens_per_shard": 100}
    with pytest.raises(FileExistsError, match=r"There are shards in .*beam.*`--overwrite`"):
        build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    assert contents(tmp_path / "beam") == before
    build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, overwrite=True, **options)
    local(corpus, tmp_path / "local", **options)
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")


def test_remote_names_that_match_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"elsewhere://.*/\*\.gz matches no file"):
        build_shards_with_beam(f"{SCHEME}{tmp_path}/*.gz", tmp_path / "beam", VOCABULARY)


def test_options_that_nobody_has(corpus, tmp_path):
    with pytest.raises(ValueError, match="nor Apache Beam has an option `heldot`"):
        build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, flags=["--heldot", "0.2"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heldout_fraction": 1}, "`heldout_fraction` must be at least 0"),
        ({"tokens_per_shard": 0}, "`tokens_per_shard` must be at least 1"),
        ({"near_duplicates": 1.5}, "must be between 0 and 1. Received: 1.5"),
    ],
)
def test_options_out_of_range(corpus, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        build_shards_with_beam(corpus, tmp_path / "beam", VOCABULARY, **options)
    assert not (tmp_path / "beam").exists()
