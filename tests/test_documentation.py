"""What the README and the docs tell people to type works."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import tyro

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
# CI runs these as they stand.
RUN_BY_CI = {"pip install -e .", 'pip install -e ".[test]"', "python -m pytest"}


def blocks(page: Path, language: str) -> list[str]:
    return [
        "\n".join(line.removeprefix(indent) for line in body.splitlines())
        for indent, found, body in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def commands() -> list[str]:
    lines = [
        line
        for page in PAGES
        for block in blocks(page, "bash")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return sorted({part.strip() for line in lines for part in line.split("&&") if part.strip()})


def test_the_readme_has_commands_and_code():
    assert "python -m recipes.pretrain" in commands()
    assert len(blocks(ROOT / "README.md", "python")) == 2


@pytest.mark.parametrize("command", commands())
def test_commands_are_known_and_their_options_exist(command):
    words = shlex.split(command)
    if command in RUN_BY_CI:
        return
    if words[0] == "tensorboard":
        assert words[1] == "--logdir"
    elif words[:2] == ["python", "-m"] and words[2].startswith("recipes."):
        options = importlib.import_module(words[2]).Options
        arguments = words[3:]
        if "--config" in arguments:  # the file is the reader's own
            at = arguments.index("--config")
            del arguments[at : at + 2]
        tyro.cli(options, args=arguments)
    elif words[:2] == ["python", "-m"] and words[2].startswith("tools."):
        importlib.import_module(words[2])
    elif words[:3] == ["python", "-m", "pytest"]:
        tests = [word for word in words[3:] if word.endswith(".py")]
        assert tests and all((ROOT / test).is_file() for test in tests), command
    else:
        assert words[0] == "python", command
        assert (ROOT / words[1]).is_file(), command


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, corpus_folder, capsys):
    code, with_another_head = blocks(ROOT / "README.md", "python")
    assert "steps_per_epoch=1000" in code
    (tmp_path / "my-texts").symlink_to(corpus_folder)
    (tmp_path / "saved_models").symlink_to(ROOT / "saved_models")
    monkeypatch.chdir(tmp_path)
    code = code.replace("steps_per_epoch=1000", "steps_per_epoch=2, verbose=0")
    code = code.replace("PretrainingData(shards[split], vocabulary)", SMALLER)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("[[[('")

    assert "my-own" in with_another_head
    scope = {}
    exec(compile(with_another_head.replace("my-own", "bert-tiny"), "README.md", "exec"), scope)
    assert scope["model"].history.history["loss"][0] > 0


SMALLER = "PretrainingData(shards[split], vocabulary, batch_size=4, sequence_length=32)"


def test_the_curve_and_the_card_are_there():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} points to {target}"
