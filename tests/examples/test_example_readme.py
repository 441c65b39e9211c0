"""What `examples/README.md` says of files and versions is so."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
GUIDE = (FOLDER / "README.md").read_text("utf-8")


def test_every_folder_is_in_the_table_and_only_those():
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()}
    assert set(re.findall(r"^\| `(\w+)/`", GUIDE, re.MULTILINE)) == folders


def test_programs_that_are_named_exist():
    named = set(re.findall(r"\b\w+/\w+\.(?:py|kt|swift|kts)\b", GUIDE))
    assert {"python_litert/classify.py", "mediapipe_python/embed.py"} <= named
    assert all((FOLDER / name).is_file() for name in named), named


def test_versions_are_those_of_the_examples():
    package = json.loads((FOLDER / "web" / "package.json").read_text())
    ((name, version),) = package["dependencies"].items()
    assert f"`{name}` {version}" in GUIDE
    lock = json.loads((FOLDER / "web" / "package-lock.json").read_text())
    assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert '"com.google.mediapipe:tasks-text:1.0.0"' in (
        FOLDER / "android" / "build.gradle.kts"
    ).read_text("utf-8")
    assert "pod 'MediaPipeTasksText', '1.0.0'" in (FOLDER / "ios" / "Podfile").read_text("utf-8")
    for program, dependency in (
        ("python_litert/classify.py", "ai-edge-litert==2.3.0"),
        ("mediapipe_python/classify.py", "mediapipe==1.2.2"),
        ("mediapipe_python/embed.py", "mediapipe==1.2.2"),
        ("serving/predict.py", "tensorflow-serving-api==2.21.0"),
    ):
        assert f"pip install {dependency}" in (FOLDER / program).read_text("utf-8")
        assert dependency in GUIDE


def test_what_was_not_run_says_so():
    for name in ("android/Sentiment.kt", "android/build.gradle.kts", "ios/Sentiment.swift"):
        assert "Not run here" in (FOLDER / name).read_text("utf-8")


def test_the_page_may_load_and_send_nothing_elsewhere():
    page = (FOLDER / "web" / "index.html").read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy"\s+content="([^"]+)"', page)
    assert "default-src 'self'" in policy
    assert "http" not in policy and "*" not in policy and "unsafe-inline" not in policy
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


@pytest.mark.parametrize(
    "program", ["python_litert/classify.py", "python_litert/tag.py", "mediapipe_python/plain.py"]
)
def test_examples_in_docstrings_run(program):
    path = FOLDER / program
    assert ">>>" in path.read_text("utf-8")
    subprocess.run([sys.executable, "-m", "doctest", path], check=True)
