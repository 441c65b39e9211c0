"""What later recipes know of how a model was trained."""

import json

import pytest

from recipes.task_options import options_of_run


@pytest.fixture
def teacher(tmp_path):
    """The folder of a fine-tuned model."""
    options = {
        "train": ["a.tsv"], "dev": [], "test": ["b.tsv"], "text": "sentence", "seed": 3,
        "dev_share": 0.2, "group": "film", "files": {"header": True, "delimiter": "|"},
    }  # fmt: skip
    return write(tmp_path / "teacher", "finetune", options)


def write(folder, recipe, options):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"recipe": recipe, "options": options}))
    return str(folder)


def student(tmp_path, teacher, **options):
    given = {"teacher": teacher, "train": [], "test": [], "text": None, "seed": 7,
             "dev_share": None, "files": {"header": False, "delimiter": None}}  # fmt: skip
    return write(tmp_path / "student", "distill", given | options)


def test_a_student_has_the_rows_of_its_teacher(tmp_path, teacher):
    found = options_of_run(student(tmp_path, teacher))
    assert found["train"] == ["a.tsv"]
    assert found["test"] == ["b.tsv"]
    assert (found["text"], found["seed"], found["dev_share"]) == ("sentence", 3, 0.2)
    assert found["files"] == {"header": False, "delimiter": "|"}


def test_rows_of_its_own_leave_none_of_the_teacher(tmp_path, teacher):
    found = options_of_run(student(tmp_path, teacher, train=["c.tsv"], text="review"))
    assert (found["train"], found["test"]) == (["c.tsv"], [])
    assert (found["text"], found["group"]) == ("review", "film")


def test_a_teacher_from_elsewhere_knows_nothing(tmp_path):
    found = options_of_run(student(tmp_path, "some/hub-id", train=["c.tsv"]))
    assert (found["train"], found["seed"]) == (["c.tsv"], 7)


def test_models_from_elsewhere_have_no_options(tmp_path):
    assert options_of_run(tmp_path) == {}
    assert options_of_run(write(tmp_path / "bert", "pretrain", {"data": []})) == {}
