"""The command line of `tools/prepare_corpus.py`, with the real tokenizer."""

import sys
from pathlib import Path

import pytest

from keras_bert_kit.data.shard_builder import build_shards
from keras_bert_kit.text.vocabulary import Vocabulary
from tools.prepare_corpus import main

ROOT = Path(__file__).parents[2]
VOCABULARY = ROOT / "saved_models" / "bert-tiny" / "vocab.txt"


def command(corpus, output, *more):
    return main(
        ["--data", str(corpus), "--vocabulary", str(VOCABULARY), "--output", str(output), *more]
    )


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_without_beam_it_names_the_extra(corpus_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert command(corpus_folder, tmp_path / "shards") == 1
    assert 'pip install -e ".[beam]"' in capsys.readouterr().err
    assert not (tmp_path / "shards").exists()


def test_the_command_writes_what_the_local_builder_writes(corpus_folder, tmp_path, capsys):
    pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")
    more = ["--heldout", "0.2", "--tokens-per-shard", "500", "--direct_num_workers=1"]
    assert command(corpus_folder, tmp_path / "beam", *more) == 0
    assert "| read | 24 | 100.0% |\n| kept | 24 | 100.0% |" in capsys.readouterr().out
    build_shards(
        str(corpus_folder),
        tmp_path / "local",
        Vocabulary.read(VOCABULARY),
        heldout_fraction=0.2,
        tokens_per_shard=500,
        progress=False,
    )
    found = contents(tmp_path / "beam")
    assert len(found) > 8
    assert found == contents(tmp_path / "local")

    assert command(corpus_folder, tmp_path / "beam", *more) == 1
    assert "There are shards in" in capsys.readouterr().err
    more = ["--overwrite", "--heldout", "0", "--near-duplicates", "0.5", "--quality"]
    more += ["--rules.min-mean-word-length", "3.2", "--rules.min-words-with-letters", "0.7"]
    more += ["--rules.max-repeated-lines", "1", "--rules.max-repeated-characters", "1"]
    assert command(corpus_folder, tmp_path / "beam", *more) == 0
    shown = capsys.readouterr().out
    assert "| left out: mean word length | 12 | 50.0% |" in shown  # those on stars
    assert "| left out: near duplicates | " in shown
