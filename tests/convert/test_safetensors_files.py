"""Weights as safetensors, against the package of that name as the independent reader and writer."""

import json
import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from keras_bert_kit.convert.safetensors_files import open_safetensors
from keras_bert_kit.convert.safetensors_writer import write_safetensors

TABLE = np.arange(12, dtype=np.float32).reshape(4, 3)
BIAS = np.array([0.5, -1.5], np.float32)


@pytest.fixture
def single(tmp_path):
    save_file({"table": TABLE, "bias": BIAS}, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def index(tmp_path):
    write_safetensors(tmp_path, {"table": TABLE, "bias": BIAS}, max_shard_bytes=48)
    return tmp_path / "model.safetensors.index.json"


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def change_map(index, **entries):
    content = json.loads(index.read_text())
    content["weight_map"] |= entries
    index.write_text(json.dumps(content))


def test_a_file_is_read_as_the_package_reads_it(single):
    for source in (open_safetensors(single), open_safetensors(str(single.parent))):
        assert sorted(source.names()) == ["bias", "table"]
        assert source.shape("table") == (4, 3)
        assert source.dtype("table") == np.float32
        assert "bias" in source and "beta" not in source
        for name, expected in load_file(single).items():
            np.testing.assert_array_equal(source.read(name), expected, strict=True)


def test_rows_are_read_alone(single):
    source = open_safetensors(single)
    np.testing.assert_array_equal(source.read("table", slice(1, 3)), TABLE[1:3], strict=True)
    np.testing.assert_array_equal(source.read("table", slice(3, 9)), TABLE[3:], strict=True)
    np.testing.assert_array_equal(source.read("table", slice(-1, None)), TABLE[-1:], strict=True)
    assert source.read("table", slice(3, 1)).shape == (0, 3)
    np.testing.assert_array_equal(source.read("bias", slice(1, 2)), BIAS[1:], strict=True)


def test_rows_with_a_step_or_of_a_scalar_are_refused(tmp_path):
    write_safetensors(tmp_path, {"table": TABLE, "scalar": np.float32(2)})
    source = open_safetensors(tmp_path)
    with pytest.raises(ValueError, match=r"`rows` must be `slice\(start, stop\)` of a tensor with"):
        source.read("table", slice(0, 4, 2))
    with pytest.raises(ValueError, match=r"not slice\(0, 1, None\) of one with the shape \(\)"):
        source.read("scalar", slice(0, 1))


def test_a_name_that_is_not_there_gets_those_that_resemble_it(single):
    source = open_safetensors(single)
    with pytest.raises(ValueError, match=r"no tensor 'tabel' among its 2\. Similar names: table\."):
        source.read("tabel")
    with pytest.raises(ValueError, match=r"no tensor 'xyz' among its 2\. No name resembles it\."):
        source.shape("xyz")


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        *((kind, np.float32) for kind in ("f2", "f4", "f8", ">f4", ml_dtypes.bfloat16)),
        *((kind, kind) for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3), (1,)])
def test_every_type_and_shape_survives(stored, read, shape, tmp_path):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(stored)
    write_safetensors(tmp_path, {"x": values})
    source = open_safetensors(tmp_path)
    assert source.dtype("x") == np.dtype(stored).newbyteorder("<")
    np.testing.assert_array_equal(source.read("x"), values.astype(read), strict=True)


def test_the_package_reads_what_was_written(tmp_path):
    tensors = {"flag": np.array([True]), "view": TABLE.T, "ids": np.arange(3), "x": BIAS}
    assert write_safetensors(tmp_path, tensors.items()) == [tmp_path / "model.safetensors"]
    for name, found in load_file(tmp_path / "model.safetensors").items():
        np.testing.assert_array_equal(found, tensors[name], strict=True)
    with safe_open(tmp_path / "model.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}
        assert file.offset_keys() == ["ids", "view", "x", "flag"]  # wide types first: aligned
    assert files_in(tmp_path) == ["model.safetensors"]


def test_shards_hold_what_fits_and_at_least_one_tensor(tmp_path):
    tensors = {name: np.full(4, i, np.float32) for i, name in enumerate("abc")} | {"table": TABLE}
    written = write_safetensors(tmp_path, tensors, max_shard_bytes=32)
    names = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    assert written == [tmp_path / name for name in [*names, "model.safetensors.index.json"]]
    assert [list(load_file(tmp_path / name)) for name in names] == [["a", "b"], ["c"], ["table"]]
    assert json.loads(written[-1].read_text()) == {
        "metadata": {"total_size": 96},
        "weight_map": {"a": names[0], "b": names[0], "c": names[1], "table": names[2]},
    }
    source = open_safetensors(tmp_path)
    assert source.names() == ("a", "b", "c", "table")
    np.testing.assert_array_equal(source.read("table", slice(0, 2)), TABLE[:2], strict=True)


def test_an_earlier_save_leaves_nothing_behind(tmp_path):
    others = ["config.json", "model-best-of-3.safetensors"]
    for name in others:
        (tmp_path / name).touch()
    write_safetensors(tmp_path, {"a": TABLE, "b": TABLE, "c": TABLE}, max_shard_bytes=1)
    write_safetensors(tmp_path, {"a": BIAS, "b": BIAS}, max_shard_bytes=1)
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    assert files_in(tmp_path) == sorted([*others, *shards, "model.safetensors.index.json"])
    write_safetensors(tmp_path, {"a": BIAS})
    assert files_in(tmp_path) == [*others, "model.safetensors"]
    write_safetensors(tmp_path, {"a": TABLE, "b": TABLE}, max_shard_bytes=1)
    assert files_in(tmp_path) == sorted([*others, *shards, "model.safetensors.index.json"])
    np.testing.assert_array_equal(open_safetensors(tmp_path).read("a"), TABLE)


def test_one_tensor_at_a_time_is_in_memory(tmp_path):
    megabyte, count = 1 << 20, 8
    tracemalloc.start()
    tensors = ((str(i), np.full(megabyte, i, np.float32)) for i in range(count))
    write_safetensors(tmp_path, tensors)
    # The generator makes the next one while the last is still in its caller's hand.
    assert tracemalloc.get_traced_memory()[1] < 2.6 * 4 * megabyte
    source = open_safetensors(tmp_path)
    tracemalloc.reset_peak()
    assert sum(source.read(name)[0] for name in source.names()) == sum(range(count))
    assert tracemalloc.get_traced_memory()[1] < 1.1 * 4 * megabyte
    tracemalloc.stop()


def test_a_save_that_fails_leaves_the_weights_that_were_there(single):
    def tensors():
        yield "table", TABLE + 1
        raise RuntimeError("out of tensors")

    with pytest.raises(RuntimeError, match="out of tensors"):
        write_safetensors(single.parent, tensors())
    assert files_in(single.parent) == ["model.safetensors"]
    np.testing.assert_array_equal(open_safetensors(single).read("table"), TABLE)


def test_a_save_of_shards_that_is_cut_off_cannot_be_read_as_a_mixture(index, monkeypatch):
    replaced, replace = [], Path.replace

    def replace_once(path, target):
        replaced.append(target)
        if len(replaced) == 2:
            raise OSError(28, "No space left on device")
        replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_once)
    tensors = {"table": TABLE + 1, "bias": BIAS + 1}
    with pytest.raises(OSError, match="No space left on device"):
        write_safetensors(index.parent, tensors, max_shard_bytes=48)
    with pytest.raises(FileNotFoundError, match=r"index\.json does not exist"):
        open_safetensors(index.parent)


def test_a_disk_without_room_says_how_much_is_needed(tmp_path, monkeypatch):
    class Full:
        def write(self, content):
            raise OSError(28, "No space left on device")

        tell = seek = flush = close = lambda self, *_: 0
        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match=r"No space left on device\. Their folder must have room for"):
        write_safetensors(tmp_path, {"table": TABLE})


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ([], r"There is no tensor to write\. Give at least one"),
        ([("a", BIAS), ("a", BIAS)], r"'a' occurs twice, or is reserved by safetensors"),
        ([("__metadata__", BIAS)], r"'__metadata__' occurs twice, or is reserved"),
        ([("a", np.array(["x"]))], r"'a' has the type <U1, .* Cast it to one of float64, float32,"),
    ],
)
def test_what_cannot_be_written_is_refused(tensors, expected, tmp_path):
    with pytest.raises(ValueError, match=expected):
        write_safetensors(tmp_path, tensors)
    assert files_in(tmp_path) == []


def test_a_path_with_no_weights_is_refused(tmp_path):
    expected = r"index\.json does not exist\. Give a folder with `model\.safetensors` or `model\.sa"
    with pytest.raises(FileNotFoundError, match=expected):
        open_safetensors(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"weights\.safetensors does not exist\. Give a"):
        open_safetensors(tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[:40],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: (1 << 60).to_bytes(8, "little") + content[8:],
        lambda content: content.replace(b'{"', b'{{"', 1),
        lambda content: content.replace(b"[4,3]", b"[4,4]"),
        lambda content: content.replace(b'"F32"', b'"F64"'),
        lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    ],
)
def test_a_damaged_file_is_named(damage, single):
    single.write_bytes(damage(single.read_bytes()))
    expected = r"model\.safetensors is not a whole safetensors file \(.+\)\. .*: download or"
    with pytest.raises(ValueError, match=expected):
        open_safetensors(single)


def test_a_type_that_cannot_be_read_is_named(tmp_path):
    save_file({"x": np.zeros(2, np.complex64)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"holds tensors of the type C64, which cannot be read he"):
        open_safetensors(tmp_path)


def test_a_file_that_shrinks_after_it_was_opened_is_named(single):
    source = open_safetensors(single)
    single.write_bytes(single.read_bytes()[:-20])
    with pytest.raises(OSError, match=r"model\.safetensors ended while a tensor was read from it"):
        source.read("table")


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/b", r"..\x", r"C:x", "..", ".", "", "a\0b"],
)
def test_an_index_may_name_plain_files_of_its_folder_only(name, index):
    change_map(index, bias=name)
    with pytest.raises(ValueError, match=r"index\.json names the file .*, which is not a plain fi"):
        open_safetensors(index)


def test_a_shard_may_not_be_a_link_out_of_the_folder(index, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.safetensors"
    save_file({"bias": BIAS}, outside)
    (index.parent / "link.safetensors").symlink_to(outside)
    change_map(index, bias="link.safetensors")
    with pytest.raises(ValueError, match=r"link\.safetensors is a link to /.*, outside its folder"):
        open_safetensors(index)


def test_a_link_within_the_folder_and_a_link_to_the_folder_are_fine(index, tmp_path_factory):
    shard = json.loads(index.read_text())["weight_map"]["bias"]
    (index.parent / "link.safetensors").symlink_to(shard)
    change_map(index, bias="link.safetensors")
    folder = tmp_path_factory.mktemp("elsewhere") / "bert"
    folder.symlink_to(index.parent)
    np.testing.assert_array_equal(open_safetensors(folder).read("bias"), BIAS)


@pytest.mark.parametrize("shared", [False, True])
def test_the_links_in_the_cache_of_the_hub_are_followed(shared, tmp_path):
    model, snapshot = tmp_path / "models--a--b", tmp_path / "models--a--b" / "snapshots" / "c0ffee"
    write_safetensors(snapshot, {"table": TABLE, "bias": BIAS}, max_shard_bytes=48)
    (model / "blobs").mkdir()
    (tmp_path / "blobs").mkdir()
    for number, file in enumerate(snapshot.iterdir()):
        blob = model / "blobs" / str(number)
        file.rename(tmp_path / "blobs" / str(number) if shared else blob)
        if shared:
            blob.symlink_to(f"../../blobs/{number}")
        file.symlink_to(f"../../blobs/{number}")
    np.testing.assert_array_equal(open_safetensors(snapshot).read("table"), TABLE)


def test_a_shard_that_is_missing_is_named(index):
    (index.parent / "model-00002-of-00002.safetensors").unlink()
    expected = r"00002-of-00002\.safetensors is missing, although model\.safetensors\.index\.json"
    with pytest.raises(FileNotFoundError, match=expected):
        open_safetensors(index)


def test_a_tensor_that_its_shard_lacks_is_named(index):
    change_map(index, scale="model-00001-of-00002.safetensors")
    expected = r"00001-of-00002\.safetensors does not hold the tensor 'scale', although model"
    with pytest.raises(ValueError, match=expected):
        open_safetensors(index)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "3", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "[" * 100_000],
)
def test_an_index_that_is_none_is_named(content, index):
    index.write_text(content)
    with pytest.raises(ValueError, match=r"index\.json is not an index of weights: JSON with a"):
        open_safetensors(index)


def test_pytorch_takes_what_was_written(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as load_torch

    half = np.array([1.5, 2], ml_dtypes.bfloat16)
    write_safetensors(tmp_path, {"flag": np.array([True]), "half": half, "table": TABLE.T})
    found = load_torch(tmp_path / "model.safetensors")
    assert found["half"].dtype == torch.bfloat16
    assert found["half"].tolist() == [1.5, 2]
    assert found["table"].tolist() == TABLE.T.tolist()
