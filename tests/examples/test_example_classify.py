"""The client that has ai-edge-litert and NumPy only: the same tokens and probabilities."""

import json
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from client_files import LENGTH, exported
from tiny_bundles import odd_texts, tiny_bundle

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.lite_conversion import convert, convert_with_tokenizer
from keras_bert_kit.export.metadata import pack
from keras_bert_kit.text.tokenizer_files import tokenizer_options
from keras_bert_kit.text.vocabulary import Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "python_litert" / "classify.py"
NASTY = ROOT / "tests" / "text"
NASTY_LINES = (NASTY / "nasty.txt").read_bytes().decode().split("\n")
ALONE = """
import runpy, sys
program, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(program, run_name="__main__")
foreign = {"tensorflow", "keras", "keras_bert_kit", "tensorflow_text", "tokenizers"}
assert not foreign & set(sys.modules), foreign & set(sys.modules)
"""

example = runpy.run_path(str(PROGRAM))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("exported"), "classification")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", ALONE, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        **options,
    )


@pytest.mark.parametrize(("name", "lowercase"), [("nasty uncased", True), ("nasty cased", False)])
def test_it_tokenises_nasty_text_as_transformers(name, lowercase):
    golden = json.loads((NASTY / "golden_ids.json").read_text())[name]["plain"]
    vocabulary = Vocabulary.read(NASTY / "nasty_vocab.txt").tokens
    tokenizer = example["WordPiece"](list(vocabulary), lowercase, lowercase)
    assert [tokenizer(line) for line in NASTY_LINES] == golden


def test_it_tokenises_as_the_kit_does():
    vocabulary = tiny_bundle("classification").tokenizer.vocabulary
    texts = [text.replace("\ud83d", "\ufffd") for text in odd_texts(7, 300, 12)]
    for lowercase, strip_accents in ((True, True), (True, False), (False, False)):
        ours = example["WordPiece"](list(vocabulary.tokens), lowercase, strip_accents)
        expected = WordPieceTokenizer(vocabulary, lowercase, strip_accents)(texts).to_list()
        assert [ours(text) for text in texts] == expected


def test_half_a_surrogate_pair_is_left_out():
    tokenizer = example["WordPiece"](["[UNK]", "a", "##b"])
    assert tokenizer("a\ud83db") == [1, 2]


def test_alone_it_says_what_keras_says(path):
    bundle = tiny_bundle("classification", InputOptions(LENGTH))
    texts = ["Ada smiled .", "naïve WARM Straße 你好", "", "bread is warm ? who"]
    found = run(path, *texts, check=True).stdout

    said = re.findall(r"^  (\S+)  (.+)$", found, flags=re.MULTILINE)
    assert len(said) == 3 * len(texts)
    for index, one in enumerate(bundle.predict_text(texts)):
        ours = {label: float(value) for value, label in said[3 * index : 3 * index + 3]}
        assert next(iter(ours)) == one["label"]
        for label, probability in one["probabilities"].items():
            assert ours[label] == pytest.approx(probability, abs=1e-5)


def test_lines_of_the_input_are_texts(path):
    found = run(path, input="the star\nbread\n", check=True).stdout
    assert [line for line in found.splitlines() if line[0] != " "] == ["the star", "bread"]


def test_of_a_text_too_long_the_beginning_is_read_and_that_is_said(path):
    found = run(path, "the " * 40, check=True)
    assert "Read 14 of 40 tokens." in found.stderr
    assert (
        found.stdout.splitlines()[1:] == run(path, "the " * 14, check=True).stdout.splitlines()[1:]
    )


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_other_problems_of_texts_are_read_too(tmp_path, task):
    bundle = tiny_bundle(task, InputOptions(LENGTH))
    found = example["classify"](example["LiteFile"](exported(tmp_path, task)), "ada smiled .")
    (expected,) = bundle.predict_text(["ada smiled ."])
    expected = expected.get("probabilities") or {"value": expected["value"]}
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_file_of_another_task_is_refused(tmp_path):
    found = run(exported(tmp_path, "tagging"), "a text")
    assert found.returncode == 2
    assert "is a TaggingModel; this reads classifiers." in found.stderr


def test_another_tokenizer_is_refused(tmp_path):
    other = exported(tmp_path, "classification", tokenizer={"kind": "BytePairTokenizer"})
    with pytest.raises(
        ValueError, match=r"read by a BytePairTokenizer; this program has WordPiece"
    ):
        example["LiteFile"](other)


def test_a_file_with_its_tokenizer_inside_is_refused(tmp_path, path):
    bundle = replace(tiny_bundle("classification"), inputs=InputOptions(LENGTH))
    content = pack(
        convert_with_tokenizer(bundle, "float32", LENGTH, False),
        name="inside",
        description="A tiny model.",
        tokenizer=bundle.tokenizer,
        labels=bundle.labels,
        about=json.loads(example["packed_files"](path)["about.json"]),
    )
    inside = tmp_path / "inside.tflite"
    inside.write_bytes(content)
    with pytest.raises(ValueError, match="has its tokenizer inside; this program"):
        example["LiteFile"](inside)


def test_no_file_and_a_file_without_vocabulary_are_errors(tmp_path):
    assert "there is no file nowhere.tflite" in run("nowhere.tflite", "a").stderr
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(b"no archive")
    found = run(bare, "a")
    assert found.returncode == 2
    assert "bare.tflite holds no vocabulary: export it with keras-bert-kit." in found.stderr


def test_dynamic_length_is_read_too(tmp_path, capsys):
    bundle = tiny_bundle("classification", InputOptions(LENGTH))
    content = pack(
        convert(bundle, "float32", None),
        name="dynamic",
        description="A tiny model.",
        tokenizer=bundle.tokenizer,
        labels=bundle.labels,
        about={
            "problem": "single_label",
            "sequence_length": None,
            "max_sequence_length": bundle.encoder.config["max_sequence_length"],
            "tokenizer": {"kind": "WordPieceTokenizer", **tokenizer_options(bundle.tokenizer)},
        },
    )
    dynamic = tmp_path / "dynamic.tflite"
    dynamic.write_bytes(content)
    found = example["classify"](example["LiteFile"](dynamic), "ada smiled .")
    (expected,) = bundle.predict_text(["ada smiled ."])
    values = [found[label] for label in expected["probabilities"]]
    np.testing.assert_allclose(values, list(expected["probabilities"].values()), atol=1e-5)
    example["classify"](example["LiteFile"](dynamic), 50 * "ada ")
    assert capsys.readouterr().err == "Read 16 of 50 tokens.\n"
