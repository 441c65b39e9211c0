"""Shards in the place of text are taken as they are, or refused by name."""

import pytest
from splitting_tokenizer import word_split

from keras_bert_kit.data import build_settings
from keras_bert_kit.data.corpus import Corpus
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.data.shard_builder import build_shards
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "it", "rained.", "We", "slept."])


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder of shards whose text is no longer there."""
    monkeypatch.setattr(build_settings, "word_piece", word_split)
    (tmp_path / "text.txt").write_text("it rained.\n\nWe slept.\n\nit slept.")
    build(tmp_path / "text.txt", tmp_path / "made", seed=7)
    (tmp_path / "text.txt").unlink()
    return tmp_path / "made"


def build(sources, folder, vocabulary=VOCABULARY, **options):
    options = {"heldout_fraction": 0.3, "num_processes": 1, "progress": False} | options
    return build_shards(sources, folder, vocabulary, **options)


def test_they_are_taken_as_they_are(made, tmp_path):
    for sources in (made, [str(made)]):
        shards = build(sources, tmp_path / "run", heldout_fraction=0.01)
        assert shards["train"].folder == made / "train"
        assert (shards["train"].num_documents, shards["heldout"].num_documents) == (2, 1)
    assert not (tmp_path / "run").exists()


def test_another_vocabulary_or_other_settings_are_refused(made, tmp_path):
    other = Vocabulary([*SPECIAL_TOKENS, "it"])
    with pytest.raises(ValueError, match="made with another vocabulary"):
        build(made, tmp_path / "run", other)
    with pytest.raises(ValueError, match="`lowercase` True, and False is asked for"):
        build(made, tmp_path / "run", lowercase=False)
    with pytest.raises(ValueError, match="`strip_accents` None, and False is asked for"):
        build(made, tmp_path / "run", strip_accents=False)
    (tmp_path / "test.txt").write_text("it rained.")
    with pytest.raises(ValueError, match="`exclude` None, and '1 texts, fingerprint"):
        build(made, tmp_path / "run", exclude=ExcludedTexts(tmp_path / "test.txt"))


def test_a_split_that_is_not_there(made, tmp_path):
    for file in (made / "heldout").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"There are no shards in .*heldout"):
        build(made, tmp_path / "run")
    assert set(build(made, tmp_path / "run", heldout_fraction=0)) == {"train"}


def test_they_are_no_text(made, tmp_path):
    with pytest.raises(ValueError, match="is a folder of shards and not of text"):
        Corpus(made)
    (tmp_path / "text.txt").write_text("it rained.")
    with pytest.raises(ValueError, match="is a folder of shards and not of text"):
        build([tmp_path / "text.txt", made], tmp_path / "run")
