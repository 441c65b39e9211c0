import pytest

from keras_bert_kit.export.whole_folder import whole_folder


def test_nothing_is_left_of_a_folder_that_was_not_finished(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "a") as folder:
        (folder / "half.txt").write_text("half")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_folder_is_replaced_only_if_asked_and_only_by_a_whole_one(tmp_path):
    target = tmp_path / "a"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with (
        pytest.raises(FileExistsError, match=r"a is there already.*`--overwrite`"),
        whole_folder(target),
    ):
        pass
    with (
        pytest.raises(OSError, match=r"Could not write .*a: no room.*Make room"),
        whole_folder(target, overwrite=True),
    ):
        raise OSError(28, "no room")
    assert [path.name for path in target.iterdir()] == ["old.txt"]
    with whole_folder(target, overwrite=True) as folder:
        (folder / "new.txt").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
