"""The tagger that has ai-edge-litert and NumPy only: the entities of Keras, with their places."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from client_files import exported
from tiny_bundles import odd_texts, tiny_bundle

from keras_bert_kit.data.entities import split_words
from keras_bert_kit.data.inputs import InputOptions

FOLDER = Path(__file__).parents[2] / "examples" / "python_litert"
LENGTH = 64
TEXTS = [text.replace("\ud83d", "\ufffd") for text in odd_texts(13, 60, 12)]


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(FOLDER))  # it imports its neighbour
    yield runpy.run_path(str(FOLDER / "tag.py"))
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module", params=[None, "IOB2"])
def scheme(request):
    return request.param


@pytest.fixture(scope="module")
def bundle(scheme):
    return tiny_bundle("tagging", InputOptions(LENGTH), positions=LENGTH, tag_scheme=scheme)


@pytest.fixture(scope="module")
def path(scheme, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    return exported(folder, "tagging", LENGTH, tag_scheme=scheme)


def test_words_are_those_of_the_kit(example):
    for text in TEXTS:
        _, starts, ends = split_words(text)
        assert example["spans"](text) == list(zip(starts, ends, strict=True))


def test_entities_are_those_of_keras(example, bundle, path):
    model = example["LiteFile"](path)
    found_any = 0
    for text, one in zip(TEXTS, bundle.predict_text(TEXTS), strict=True):
        found = example["entities"](model, text)
        expected = [(e["label"], e["start"], e["end"]) for e in one["entities"]]
        assert [entity[:3] for entity in found] == expected
        assert [entity[3] for entity in found] == pytest.approx(
            [e["probability"] for e in one["entities"]], abs=1e-5
        )
        found_any += len(found)
    assert found_any > 50


def test_of_a_text_too_long_the_beginning_is_read(example, path, capsys):
    model = example["LiteFile"](path)
    text = "ada smiled . " * 30
    found = example["entities"](model, text)
    assert "Read 62 of 90 tokens." in capsys.readouterr().err
    assert found == example["entities"](model, "ada smiled . " * 20 + "ada smiled")
    assert all(end <= 62 * 5 for _, _, end, _ in found)


def test_it_runs_as_a_program(path):
    found = subprocess.run(
        [sys.executable, FOLDER / "tag.py", path, "ada smiled ."],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout.splitlines()
    assert found[0] == "ada smiled ."
    assert all(re.fullmatch(r"  0\.\d{6}  (PER|LOC)  \d+-\d+  .+", line) for line in found[1:])


def test_a_classifier_is_refused(tmp_path):
    other = exported(tmp_path, "classification")
    found = subprocess.run(
        [sys.executable, FOLDER / "tag.py", other, "a"], capture_output=True, encoding="utf-8"
    )
    assert found.returncode == 2
    assert "is a ClassificationModel; this reads taggers." in found.stderr
