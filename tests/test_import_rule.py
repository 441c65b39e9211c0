"""Imports go down the page of `docs/design.md` only; some modules must not take TensorFlow."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_bert_kit"

# What each part of the package may import of the package, besides itself.
MAY_IMPORT = {
    "config": set(),
    "atomic_file": set(),
    "json_file": {"atomic_file"},
    "quiet": set(),
    "keras_hub_models": set(),
    "sample_data": set(),
    "text": {"atomic_file", "config", "json_file", "keras_hub_models"},
    "data": {"config", "atomic_file", "quiet", "text"},
    "compiled": set(),
    "products": set(),
    "layers": {"config", "compiled", "products"},
    "named_inputs": set(),
    "encoder": {"config", "layers", "named_inputs"},
    "heads": {"config", "layers", "encoder"},
    "training": {"atomic_file", "compiled", "json_file", "layers"},
    "global_batches": {"data"},
    "step_scopes": set(),
    "step": {"compiled", "global_batches", "layers", "step_scopes", "training"},
    "task_model": {"encoder", "named_inputs", "training", "step"},
    "models": {"config", "layers", "encoder", "heads", "task_model"},
    "model_description": {"config", "encoder", "models"},
    "resize": {"model_description"},
    "convert": {
        "config",
        "atomic_file",
        "json_file",
        "keras_hub_models",
        "layers",
        "models",
        "model_description",
    },
    "evaluation": {"models", "training"},
    "run_folder": {"atomic_file", "json_file", "text"},
    "pretrained": {
        "convert",
        "json_file",
        "keras_hub_models",
        "model_description",
        "run_folder",
        "text",
    },
    "compression": {"encoder", "models", "named_inputs", "step", "task_model", "training"},
    "continued_pretraining": {"config", "model_description", "pretrained", "text"},
    "prediction": {"data", "models"},
    "text_prediction": {"data", "models", "prediction"},
    "bundle": {
        "config",
        "text",
        "data",
        "encoder",
        "models",
        "pretrained",
        "run_folder",
        "text_prediction",
    },
    "prediction_files": {"text"},
    "row_prediction": {"bundle", "data", "prediction_files", "text_prediction"},
    "extend": {"bundle", "resize", "text"},
    "verification": {"bundle", "models", "pretrained", "resize"},
    "card": {"bundle", "data", "evaluation", "text"},
    "export": {
        "atomic_file",
        "bundle",
        "data",
        "encoder",
        "json_file",
        "layers",
        "model_description",
        "models",
        "prediction",
        "quiet",
        "tasks",
        "text",
        "text_prediction",
    },
    "tasks": {
        "atomic_file",
        "bundle",
        "compression",
        "config",
        "continued_pretraining",
        "data",
        "encoder",
        "evaluation",
        "json_file",
        "model_description",
        "models",
        "prediction",
        "pretrained",
        "run_folder",
        "text",
        "text_prediction",
        "training",
    },
}
KERAS_ONLY = ("layers", "encoder", "heads", "task_model", "models", "training/losses")


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported_names(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module)
    return names


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    part = part_of(path)
    imported = {
        name.split(".")[1] for name in imported_names(path) if name.startswith("keras_bert_kit.")
    }
    assert imported - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_recipes_tools_or_tests(path):
    assert not {name.split(".")[0] for name in imported_names(path)} & {"recipes", "tools", "tests"}


@pytest.mark.parametrize("part", KERAS_ONLY)
def test_what_runs_on_any_backend_imports_no_tensorflow(part):
    paths = [p for p in modules() if p.relative_to(PACKAGE).as_posix().startswith(part)]
    assert paths
    for path in paths:
        assert not {name.split(".")[0] for name in imported_names(path)} & {
            "tensorflow",
            "tensorflow_text",
        }, path
