"""Tests of conversion from the command line."""

import json

import pytest

from keras_bert_kit.bundle import Bundle
from recipes.command_line import main
from recipes.convert import Options, run


def convert(*arguments):
    return main(Options, run, "", [*map(str, arguments)])


def test_to_transformers_and_back(tiny_run, tmp_path, capsys):
    there, back = tmp_path / "there", tmp_path / "back"
    assert convert("--from", tiny_run[0], "--to", there, "--format", "hugging_face") == 0
    assert "38 of 38 weights are equal bit by bit." in capsys.readouterr().out
    assert json.loads((there / "config.json").read_text())["architectures"] == [
        "BertForPreTraining"
    ]
    assert convert("--from", there, "--to", back) == 0
    text = ["a star is far [MASK]."]
    first, second = (
        Bundle.from_pretrained(folder).fill_mask(text) for folder in (tiny_run[0], back)
    )
    assert first == second


def test_what_would_be_lost_must_be_named(tiny_run, tmp_path, capsys):
    arguments = ("--from", tiny_run[0], "--to", tmp_path / "hub", "--format", "keras_hub")
    assert convert(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: KerasHub has no place for next_sentence/linear/kernel")
    assert convert(*arguments, "--leave-out", "next_sentence") == 0
    captured = capsys.readouterr()
    assert "hidden states in keras-nlp" in captured.out
    # KerasHub's BERT approximates GELU
    assert "That is more than rounding: KerasHub's BERT approximates GELU" in captured.err


def test_a_new_head(tiny_run, tmp_path):
    arguments = ("--from", tiny_run[0], "--to", tmp_path / "tagger", "--task", "tagging")
    labels = ("--labels", "O", "B", "I")
    assert convert(*arguments, *labels) == 1
    assert convert(*arguments, *labels, "--initialize", "tagger") == 0
    assert Bundle.from_pretrained(tmp_path / "tagger").labels == ("O", "B", "I")


def test_a_folder_of_another_format_is_not_written_over(tiny_run, capsys):
    folder = tiny_run[0]
    assert convert("--from", folder, "--to", folder, "--format", "hugging_face") == 1
    assert "holds a model in the format keras_bert_kit" in capsys.readouterr().err


def test_no_such_source_is_one_line(tmp_path, capsys):
    assert convert("--from", tmp_path / "none", "--to", tmp_path / "to") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("Error: ") and "none" in line


def test_help_says_how(capsys):
    with pytest.raises(SystemExit):
        convert("--help")
    assert "--leave-out" in capsys.readouterr().out
