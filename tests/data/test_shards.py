"""What the reader gives, and what it refuses."""

import json

import numpy as np
import pytest
from splitting_tokenizer import word_split

from keras_bert_kit.data import build_settings
from keras_bert_kit.data.shard_builder import build_shards
from keras_bert_kit.data.shards import Shards
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "it", "rained.", "We", "slept."])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(build_settings, "word_piece", word_split)
    (tmp_path / "a.txt").write_text("it rained. We slept.\nit\n\nWe\n\nslept. it\n")
    build_shards(
        tmp_path / "a.txt",
        tmp_path / "shards",
        VOCABULARY,
        heldout_fraction=0,
        tokens_per_shard=6,
        progress=False,
    )
    return tmp_path / "shards" / "train"


def test_counts(folder):
    shards = Shards(str(folder))
    assert (shards.num_tokens, shards.num_sentences, shards.num_documents) == (8, 6, 3)
    assert (len(shards), shards.num_shards) == (2, 2)
    assert shards.document_counts.tolist() == [2, 1]
    assert shards.vocabulary_fingerprint == VOCABULARY.fingerprint
    assert shards.manifest["num_text_bytes"] == 33


def test_arrays_are_mapped_and_cannot_be_written(folder):
    shard = Shards(folder).shard(0)
    assert shard.tokens.tolist() == [5, 6, 7, 8, 5, 7]
    assert shard.sentence_ends.tolist() == [2, 4, 5, 6]
    assert shard.document_ends.tolist() == [3, 4]
    assert [array.dtype for array in shard] == [np.uint16, np.int64, np.int64]
    assert all(isinstance(array, np.memmap) for array in shard)
    with pytest.raises(ValueError, match="read-only"):
        shard.tokens[0] = 1


def test_a_shard_is_mapped_once(folder):
    shards = Shards(folder)
    assert shards.shard(1) is shards.shard(1)


def test_no_shards(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no shards in .*nowhere\. Build them first with `"
    ):
        Shards(tmp_path / "nowhere")


def test_incomplete_shards(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match="not complete: run the same build again, it goes"):
        Shards(folder)


def test_a_truncated_file(folder):
    path = folder / "00001.tokens.npy"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ValueError, match=rf"has {size - 2} bytes, and the manifest says {size} by"):
        Shards(folder)


def test_a_missing_file(folder):
    (folder / "00000.document_ends.npy").unlink()
    with pytest.raises(ValueError, match=r"00000\.document_ends\.npy is missing, and the manifest"):
        Shards(folder)


def test_another_vocabulary(folder):
    shards = Shards(folder)
    shards.check_vocabulary(Vocabulary(VOCABULARY.tokens))
    other = Vocabulary([*VOCABULARY.tokens, "new"])
    expected = (
        f"another vocabulary: 9 tokens, fingerprint {VOCABULARY.fingerprint[:12]}. Received one "
        f"of 10 tokens, fingerprint {other.fingerprint[:12]}"
    )
    with pytest.raises(ValueError, match=expected):
        shards.check_vocabulary(other)


def test_another_version_of_the_format(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(ValueError, match=r"version 99, and this kit reads .* version 1"):
        Shards(folder)


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_something_else_called_manifest(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest\.json is not the manifest of shards"):
        Shards(folder)


def test_token_counts_are_those_of_the_first_shards(folder):
    assert Shards(folder).token_counts().tolist() == [0, 0, 0, 0, 0, 3, 1, 2, 2]
    assert Shards(folder).token_counts(max_tokens=1).tolist() == [0, 0, 0, 0, 0, 2, 1, 2, 1]
