"""Tests of the folder that a run leaves behind."""

import json
import os
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_bert_kit.run_folder import RunFolder
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary


def test_the_same_options_take_a_run_up_again(tmp_path):
    first = RunFolder.open(tmp_path / "run", "pretrain", {"steps": 10, "data": ("a", "b")})
    first.write_config(encoder={"hidden_dim": 8})
    second = RunFolder.open(tmp_path / "run", "pretrain", {"steps": 10, "data": ("a", "b")})
    assert second.read_config() == {
        "recipe": "pretrain",
        "options": {"steps": 10, "data": ["a", "b"]},
        "encoder": {"hidden_dim": 8},
    }


def test_a_start_that_made_nothing_is_no_run_yet(tmp_path):
    started = RunFolder.open(tmp_path, "pretrain", {"steps": 10})
    started.keep_entry("rows", "abc", "the rows")
    (tmp_path / "seed-0").mkdir()
    again = RunFolder.open(tmp_path, "finetune", {"steps": 20})
    assert again.read_config() == {"recipe": "finetune", "options": {"steps": 20}}


def test_a_model_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="holds a model that no training here has made"):
        RunFolder.open(tmp_path, "finetune", {})


def test_other_options_are_refused_and_listed(tmp_path):
    RunFolder.open(tmp_path, "pretrain", {"steps": 10, "seed": 0, "size": "tiny"})
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(ValueError, match=r"\(seed: 0 then, 1 now; steps: 10 then, 20 now\)"):
        RunFolder.open(tmp_path, "pretrain", {"steps": 20, "seed": 1, "size": "tiny"})


def test_of_a_group_the_options_that_differ_are_listed(tmp_path):
    RunFolder.open(tmp_path, "finetune", {"seed": 0, "training": {"epochs": 3, "dropout": 0.1}})
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(
        ValueError, match=r"\(epochs: 3 then, 4 now\)\. To go on, give those it had"
    ):
        RunFolder.open(tmp_path, "finetune", {"seed": 0, "training": {"epochs": 4, "dropout": 0.1}})


def test_what_an_earlier_version_kept_besides_is_no_difference(tmp_path):
    RunFolder.open(tmp_path, "pretrain", {"steps": 10, "log_every": 50})
    RunFolder.open(tmp_path, "pretrain", {"steps": 10})


def test_what_an_earlier_version_could_not_be_told_was_as_by_default(tmp_path):
    RunFolder.open(tmp_path, "finetune", {"steps": 10, "training": {"epochs": 3}})
    (tmp_path / "metrics.jsonl").touch()
    usual = {"steps": 5, "label_separator": ",", "training": {"epochs": 2, "average": ()}}
    now = {"steps": 10, "label_separator": ",", "training": {"epochs": 3, "average": ()}}
    RunFolder.open(tmp_path, "finetune", now, usual)
    with pytest.raises(ValueError, match=r"\(label_separator: ',' then, ';' now\)"):
        RunFolder.open(tmp_path, "finetune", now | {"label_separator": ";"}, usual)
    with pytest.raises(ValueError, match=r"\(steps: 10 then, 5 now\)"):
        RunFolder.open(tmp_path, "finetune", now | {"steps": 5}, usual)


def test_another_recipe_is_refused(tmp_path):
    RunFolder.open(tmp_path, "pretrain", {})
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(ValueError, match=r"holds another run, of `recipes\.pretrain`\. Give"):
        RunFolder.open(tmp_path, "finetune", {})


def test_a_broken_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        RunFolder.open(tmp_path, "pretrain", {})


def test_a_full_disk_leaves_the_old_file_and_nothing_torn(tmp_path, monkeypatch):
    folder = RunFolder.open(tmp_path, "pretrain", {"steps": 1})

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device"):
        folder.write_config(encoder={})
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert json.loads((tmp_path / "config.json").read_text())["options"] == {"steps": 1}


def test_a_run_keeps_its_vocabulary(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep_vocabulary(Vocabulary([*SPECIAL_TOKENS, "a"]))
    folder.keep_vocabulary(Vocabulary([*SPECIAL_TOKENS, "a"]))
    assert folder.read_vocabulary().tokens == (*SPECIAL_TOKENS, "a")
    with pytest.raises(ValueError, match="began with another vocabulary than the one given now"):
        folder.keep_vocabulary(Vocabulary([*SPECIAL_TOKENS, "b"]))


def test_weights_for_which_there_is_no_room_leave_those_before(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    folder = RunFolder(tmp_path)
    folder.write_weights(model)
    before = folder.weights_file.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(OSError, match=r"model\.weights\.h5: No space left on device\. Make room"):
        folder.write_weights(model)
    assert [path.name for path in tmp_path.iterdir()] == ["model.weights.h5"]
    assert folder.weights_file.read_bytes() == before


def test_weights_are_written_without_the_optimizer(tmp_path):
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(200)])
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 200)), np.zeros((2, 200)), verbose=0)
    folder = RunFolder(tmp_path)
    folder.write_weights(model)
    assert folder.weights_file.stat().st_size < 1.5 * 4 * model.count_params()
    again = type(model).from_config(model.get_config())
    again.load_weights(folder.weights_file)
    for expected, found in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["model.weights.h5"]
