"""Files of `torch.save`, against PyTorch itself and against those who would have code run."""

import copyreg
import functools
import json
import os
import pickle
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.convert.torch_containers import LEGACY_MAGIC, LEGACY_PROTOCOL
from keras_bert_kit.convert.torch_file import open_torch_file

CHECKPOINTS = Path(__file__).parents[3] / "shared" / "data" / "checkpoints"
VALUES = np.arange(6, dtype=np.float32)
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
EXTENSION = 0xF0


def text(content):
    return b"X" + len(content).to_bytes(4, "little") + content.encode()


def plain(value):
    """The instructions for a number or a tuple, without those around them."""
    return pickle.dumps(value, 2)[2:-1]


def tensor(name="x", shape=(2, 3), strides=(3, 1), offset=0, size=6, key="0", kind="Float"):
    """The pickle of a state dict with one tensor."""
    storage = (
        b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text(key) + text("cpu")
        + plain(size) + b"tQ"
    )  # fmt: skip
    view = plain(offset) + plain(shape) + plain(strides) + b"\x89ccollections\nOrderedDict\n)R"
    return (
        b"\x80\x02}"
        + text(name)
        + b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + view
        + (b"tRs.")
    )


def write_legacy(path, state, *, keys=("0",), values=VALUES, count=None, **prelude):
    head = {"magic": LEGACY_MAGIC, "protocol": LEGACY_PROTOCOL, "system": SYSTEM, **prelude}
    pickles = [v if isinstance(v, bytes) else pickle.dumps(v, 2) for v in head.values()]
    keys = keys if isinstance(keys, bytes) else pickle.dumps(list(keys), 2)
    count = len(values) if count is None else count
    path.write_bytes(
        b"".join(pickles) + state + keys + count.to_bytes(8, "little") + values.tobytes()
    )
    return path


def write_archive(path, state, *, values=VALUES, compression=zipfile.ZIP_STORED, **others):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", state)
        archive.writestr("archive/data/0", values.tobytes())
        for name, content in others.items():
            archive.writestr(f"archive/{name}", content)
    return path


WRITERS = pytest.mark.parametrize("write", [write_legacy, write_archive])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pytorch_model.bin"


@WRITERS
def test_a_tensor_written_by_hand_is_read(write, path):
    source = open_torch_file(write(path, tensor()))
    assert (source.names(), source.shape("x"), source.dtype("x")) == (("x",), (2, 3), np.float32)
    np.testing.assert_array_equal(source.read("x"), VALUES.reshape(2, 3), strict=True)


@WRITERS
def test_strides_and_offsets_are_followed(write, path):
    source = open_torch_file(write(path, tensor(shape=(3, 2), strides=(1, 3))))
    assert source.read("x").tolist() == [[0, 3], [1, 4], [2, 5]]
    assert source.read("x", slice(1, 3)).tolist() == [[1, 4], [2, 5]]
    source = open_torch_file(write(path, tensor(shape=(2,), strides=(2,), offset=1)))
    assert source.read("x").tolist() == [1, 3]
    assert source.read("x", slice(1, 2)).tolist() == [3]


@pytest.mark.parametrize("zipped", [True, False])
def test_all_that_pytorch_saves_is_read(zipped, path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    floating = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    whole = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool)
    tensors = {str(kind): (torch.randn(4, 3) * 50).to(kind) for kind in floating}
    tensors |= {str(kind): torch.randint(0, 100, (4, 3)).to(kind) for kind in whole}
    base = torch.randn(6, 4)
    tensors |= {
        "base": base,
        "transposed": base.T,
        "sliced": base[1:5:2, 1:3],
        "shared": base[2],
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "scalar": torch.tensor(1.5),
        "last": base[-1, -1],
        "empty": torch.empty(0, 768),
        "parameter": torch.nn.Parameter(base[:2]),
        "positions": torch.arange(8).expand(1, -1),
    }
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    source = open_torch_file(path)
    assert source.names() == tuple(tensors)
    for name, expected in tensors.items():
        expected = expected.detach()
        assert f"torch.{source.dtype(name).name}" == str(expected.dtype)
        expected = (expected.float() if expected.is_floating_point() else expected).numpy()
        np.testing.assert_array_equal(source.read(name), expected, strict=True)
        assert source.read(name).flags.c_contiguous
        if expected.ndim:
            np.testing.assert_array_equal(source.read(name, slice(1, 3)), expected[1:3])


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_state_dict_of_a_model_is_read(zipped, protocol, path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    state = model.state_dict()  # an OrderedDict with the attribute `_metadata`
    torch.save(state, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    source = open_torch_file(path.parent)
    assert {name: source.read(name).tolist() for name in source.names()} == {
        name: value.tolist() for name, value in state.items()
    }


@pytest.mark.corpora
@pytest.mark.parametrize("file", sorted(CHECKPOINTS.glob("*/*.bin")), ids=lambda p: p.parent.name)
def test_checkpoints_of_the_hub_are_read_bit_by_bit(file):
    torch = pytest.importorskip("torch")
    expected = torch.load(file, map_location="cpu", weights_only=True)
    source = open_torch_file(file)
    assert source.names() == tuple(expected)
    for name, value in expected.items():
        assert source.read(name).tobytes() == value.contiguous().numpy().tobytes()
        assert source.shape(name) == tuple(value.shape)


def test_pytorch_is_not_imported(path):
    write_archive(path, tensor())
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from keras_bert_kit.convert.torch_file import open_torch_file\n"
        f"print(open_torch_file({str(path)!r}).read('x').sum())"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout == "15.0\n", found.stderr


def test_shards_are_read_through_their_index(tmp_path):
    write_archive(tmp_path / "a.bin", tensor("x"))
    write_legacy(tmp_path / "b.bin", tensor("y"))
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"y": "b.bin", "x": "a.bin"}}))
    source = open_torch_file(tmp_path)
    assert source.names() == ("y", "x")
    assert source.read("y").tolist() == source.read("x").tolist()
    index.write_text(json.dumps({"weight_map": {"x": "../a.bin"}}))
    with pytest.raises(ValueError, match=r"names the file '\.\./a\.bin', which is not a plain"):
        open_torch_file(tmp_path)
    index.write_text(json.dumps({"weight_map": {"z": "a.bin"}}))
    with pytest.raises(ValueError, match=r"a\.bin does not hold the tensor 'z', although"):
        open_torch_file(tmp_path)


def test_a_checkpoint_of_a_training_is_unwrapped(path, caplog):
    inner = tensor()[2:-1]
    write_archive(path, b"\x80\x02}(" + text("epoch") + b"K\x03" + text("model") + inner + b"u.")
    assert open_torch_file(path).names() == ("x",)
    assert "is a checkpoint; its entry 'model' is read, no other." in caplog.text


def test_entries_that_are_no_tensors_are_counted(path, caplog):
    write_archive(path, tensor()[:-1] + text("version") + b"K\x03s.")
    assert open_torch_file(path).names() == ("x",)
    assert "left out 1 entries that are not tensors." in caplog.text


def test_the_prefix_of_data_parallel_is_removed(path, caplog):
    caplog.set_level("INFO")
    assert open_torch_file(write_archive(path, tensor("module.bert.x"))).names() == ("bert.x",)
    assert "removed `module.` before every name" in caplog.text


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (b"\x80\x02K\x03.", r"it holds a int instead of a dict of tensors\. Save the `state_dict"),
        (
            b"\x80\x02}.",
            r"expected\. It has 0 tensors at the top, and these dicts .*: none",
        ),
        (
            b"\x80\x02}(" + text("a") + tensor()[2:-1] + text("b") + tensor()[2:-1] + b"u.",
            r"It has 0 tensors at the top, and these dicts of tensors: 'a', 'b'\. Save the",
        ),
        (
            tensor()[:-1] + text("b") + tensor()[2:-1] + b"s.",
            r"It has 1 tensors at the top, and these dicts of tensors: 'b'\. Save the",
        ),
        (
            tensor().replace(text("x"), b"K\x03"),
            r"its tensors have numbers for names\. Save the `state_dict\(\)`",
        ),
    ],
)
def test_what_is_not_one_dict_of_tensors_is_refused(state, expected, path):
    with pytest.raises(ValueError, match=rf"pytorch_model\.bin cannot be read as .*{expected}"):
        open_torch_file(write_archive(path, state))


@WRITERS
@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            {"shape": (3, 3)},
            r"the shape \(3, 3\) and the strides \(3, 1\) that does not fit the 6",
        ),
        ({"offset": 1}, "does not fit the 6 values of its storage"),
        ({"strides": (4, 1)}, "does not fit the 6 values"),
        ({"shape": (9, 9), "strides": (0, 0)}, "does not fit the 6 values"),
        ({"shape": (1,), "strides": (1,), "size": 0}, "does not fit the 0 values"),
        ({"shape": (-1, 3)}, "an impossible size, stride or offset: -1"),
        ({"strides": (-3, 1)}, "an impossible size, stride or offset: -3"),
        ({"offset": -1}, "an impossible size, stride or offset: -1"),
        ({"offset": 2**70}, "an impossible size, stride or offset: 1180591620717411303424"),
        ({"size": -1}, "an impossible size, stride or offset: -1"),
        ({"shape": (2,)}, r"a tensor of the impossible shape \(2,\)"),
        ({"shape": (1,) * 33, "strides": (1,) * 33}, r"a tensor of the impossible shape \(1, 1,"),
        ({"shape": (0, 2**39, 4), "strides": (1, 1, 1)}, "a tensor of the impossible shape"),
        ({"shape": ("a", 3)}, r"its pickle is damaged \(TypeError: int expected, str found\)"),
        ({"shape": [2, 3]}, r"its pickle is damaged \(TypeError: tuple expected, list found\)"),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(write, view, expected, path):
    with pytest.raises(ValueError, match=expected):
        open_torch_file(write(path, tensor(**view)))


def test_a_storage_of_two_sizes_is_refused(path):
    state = b"\x80\x02}(" + text("a") + tensor()[2:-1] + text("b") + tensor(size=7)[2:-1] + b"u."
    with pytest.raises(ValueError, match="the storage '0' as of two types or sizes"):
        open_torch_file(write_archive(path, state))


def test_a_storage_of_pytorch_before_0_4_is_refused(path):
    state = tensor().replace(b"tQ", b"(K\x00K\x00K\x00ttQ")
    with pytest.raises(ValueError, match=r"a storage in a way of PyTorch before 0\.4\. Load it"):
        open_torch_file(write_archive(path, state))


def test_damaged_archives_are_refused(path):
    def refused(expected):
        with pytest.raises(ValueError, match=rf"pytorch_model\.bin cannot be read as .*{expected}"):
            open_torch_file(path)

    write_archive(path, tensor(size=7))
    refused("the values of the storage '0' are missing or too few. It may be cut short: downlo")
    write_archive(path, tensor(key="1"))
    refused("the values of the storage '1' are missing or too few")
    write_archive(path, tensor(), compression=zipfile.ZIP_DEFLATED)
    refused(r"its member 'archive/data\.pkl' is compressed or encrypted, which `torch\.save` never")
    write_archive(path, tensor(), byteorder=b"big")
    refused(r"its numbers are big endian\. Save it again on a usual machine")
    write_archive(path, tensor(), byteorder=b"little")
    assert open_torch_file(path).names() == ("x",)
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    refused(r"its zip archive is damaged \(File is not a zip file\)\. It may be cut short: downlo")
    path.write_bytes(content.replace(b"PK\3\4", b"PK\3\5").replace(b"PK\3\5", b"PK\3\4", 1))
    refused(r"its member '.*' is not where the archive says\. It may be cut short")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/model.json", b"{}")
    refused(r"the zip archive has not the one `data\.pkl` of a file of `torch\.save`")
    write_archive(path, tensor(), a=b"", b=b"")
    path.write_bytes(path.read_bytes().replace(b"archive/b", b"archive/a"))
    refused("or has two members of one name")
    path.write_bytes(content.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"))
    refused(r"its member 'archive/byteorder' is compressed or encrypted")


def test_damaged_files_of_pytorch_before_1_6_are_refused(path):
    def refused(expected):
        with pytest.raises(ValueError, match=rf"pytorch_model\.bin cannot be read as .*{expected}"):
            open_torch_file(path)

    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    refused(r"it is not a file of `torch\.save`\. It may be a pointer of Git LFS or a page")
    path.write_bytes(b"")
    refused(r"it is not a file of `torch\.save`")
    write_legacy(path, tensor(), magic=3)
    refused("it is of an unknown version of the format, or its numbers are big endian")
    write_legacy(path, tensor(), protocol=1002)
    refused("it is of an unknown version of the format")
    write_legacy(path, tensor(), system={"little_endian": False})
    refused("it is of an unknown version of the format, or its numbers are big endian")
    write_legacy(path, tensor(), count=5)
    refused("the storage '0' is not as its pickle says")
    write_legacy(path, tensor(), keys=("1",))
    refused("the storage '1' is not as its pickle says")
    write_legacy(path, tensor(), keys=())
    refused(r"the values of some tensors are missing\. Download or save it again")
    write_legacy(path, tensor(), keys=(0,))
    refused("it does not list its storages by name")
    content = write_legacy(path, tensor()).read_bytes()
    path.write_bytes(content[:-1])
    refused(r"it is cut short\. Download or save it again")
    path.write_bytes(content[:200])
    refused(r"its pickle is damaged \(EOFError: it ends too early, or holds a string without end\)")


@pytest.mark.parametrize("write", [write_legacy, write_archive])
def test_random_damage_is_an_error_or_a_number(write, path):
    content = write(path, tensor()).read_bytes()
    generator = random.Random(0)
    for _ in range(1000):
        damaged = bytearray(content)
        for _ in range(generator.choice((1, 1, 4))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        path.write_bytes(damaged[: generator.choice((len(damaged), len(damaged) - 20))])
        try:
            source = open_torch_file(path)
            for name in source.names():
                assert source.read(name).nbytes <= 100
        except ValueError as error:
            assert "pytorch_model.bin cannot be read as weights of PyTorch: " in str(error)


# Every payload makes a file if Python's own `pickle` carries it out, but for the few marked as
# mere: they are names that would make objects of arbitrary types.


def command(trace):
    return text(f"touch {trace}")


class CallsPartial:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return functools.partial(os.system, f"touch {self.trace}"), ()


PAYLOADS = {
    "reduce": ("os.system", lambda t: b"\x80\x02cos\nsystem\n" + command(t) + b"\x85R."),
    "eval": (
        "builtins.eval",
        lambda t: b"\x80\x02cbuiltins\neval\n" + text(f"open({str(t)!r}, 'w')") + b"\x85R.",
    ),
    "python 2": (
        "__builtin__.eval",
        lambda t: b"\x80\x02c__builtin__\neval\n" + text(f"open({str(t)!r}, 'w')") + b"\x85R.",
    ),
    "stack global": (
        "posix.system",
        lambda t: b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + command(t) + b"\x85R.",
    ),
    "inst": ("os.system", lambda t: b"\x80\x02(" + command(t) + b"ios\nsystem\n."),
    "obj": ("os.system", lambda t: b"\x80\x02(cos\nsystem\n" + command(t) + b"o."),
    "newobj_ex": (
        "subprocess.Popen",
        lambda t: b"\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93)}" + b"\x92.",
    ),
    "build": (
        "os.system",
        lambda t: b"\x80\x02ccollections\nOrderedDict\n)R}"
        + text("__setstate__") + b"cos\nsystem\nsb" + command(t) + b"b.",
    ),
    "extension": ("EXT1", lambda t: b"\x80\x02\x82\xf0" + command(t) + b"\x85R."),
    "attribute": (
        "torch.serialization.os.system",
        lambda t: b"\x80\x04\x8c\x13torch.serialization\x8c\x09os.system\x93"
        + command(t) + b"\x85R.",
    ),
    "nested attribute": (
        "torch.serialization.os.system",
        lambda t: b"\x80\x04\x8c\x05torch\x8c\x17serialization.os.system\x93"
        + command(t) + b"\x85R.",
    ),
    "attribute of an allowed name": (
        "collections.OrderedDict.fromkeys",
        lambda t: b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93)\x85R.",
    ),
    "numpy": ("numpy._core.multiarray._reconstruct", lambda t: pickle.dumps(np.arange(2), 2)),
    "partial": ("functools.partial", lambda t: pickle.dumps(CallsPartial(t), 2)),
    "getattr": (
        "builtins.getattr",
        lambda t: b"\x80\x02cbuiltins\ngetattr\ncos\n__dict__\n" + text("get") + b"\x86R.",
    ),
}  # fmt: skip
MERE = ("newobj_ex", "attribute of an allowed name", "numpy", "getattr")
PLACES = {
    "archive": lambda path, payload: write_archive(path, payload),
    "legacy state": lambda path, payload: write_legacy(path, payload),
    "legacy magic": lambda path, payload: write_legacy(path, tensor(), magic=payload),
    "legacy protocol": lambda path, payload: write_legacy(path, tensor(), protocol=payload),
    "legacy system": lambda path, payload: write_legacy(path, tensor(), system=payload),
    "legacy keys": lambda path, payload: write_legacy(path, tensor(), keys=payload),
}


@pytest.fixture
def extension():
    copyreg.add_extension("os", "system", EXTENSION)
    yield
    copyreg.remove_extension("os", "system", EXTENSION)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_programs_are_refused_and_leave_no_trace(payload, place, path, extension):
    trace = path.with_name("trace")
    name, make = PAYLOADS[payload]
    PLACES[place](path, make(trace))
    what = f"uses the instruction {name}" if payload == "extension" else f"asks for '{name}'"
    with pytest.raises(ValueError, match=rf"^\S+pytorch_model\.bin cannot .*its pickle {what}, "):
        open_torch_file(path)
    assert [file.name for file in path.parent.iterdir()] == ["pytorch_model.bin"]


@pytest.mark.parametrize("payload", [name for name in PAYLOADS if name not in MERE])
def test_the_programs_would_have_run(payload, path, extension):
    if "attribute" in payload:
        pytest.importorskip("torch")
    trace = path.with_name("trace")
    pickle.loads(PAYLOADS[payload][1](trace))
    assert trace.exists()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (b"\x80\x02" + b"(" * 100_000 + b".", "its pickle is damaged"),
        (b"\x80\x02" + b"]q\x00" + b"h\x00a" * 10_000 + b".", "holds a list instead"),
        (b"\x80\x02)" + b"\x85" * 100_000 + b"}s.", "its pickle is damaged"),
        (b"\x80\x02})" + b"\x85" * 100_000 + b"K\x00s.", "a dict has a key of the type tuple"),
        (b"\x80\x02}]K\x00s.", "a dict has a key of the type list"),
        (b"\x80\x02]r\xff\xff\xff\xff.", "holds a list instead"),
        (b"\x80\x02X\xff\xff\xff\x7f", "it ends too early, or holds a string without end"),
        (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x00", "it ends too early, or holds a string"),
        (
            b"\x80\x02ca" + b"a" * 2_000_000,
            "damaged .EOFError: no newline found",
        ),
        (b"\x80\x04\x8f.", "its pickle uses the instruction EMPTY_SET"),
        (b"\x80\x04\x96" + bytes(8) + b".", "its pickle uses the instruction BYTEARRAY8"),
        (b"\x80\x02P0\n.", "its pickle uses the instruction PERSID"),
        (b"\x80\x02K\x00Q.", r"damaged \(TypeError: tuple expected, int found\)"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "damaged"),
        (b"\x80\x02ccollections\nOrderedDict\n}b.", "damaged"),
        (b"\x80\x02h\x07.", "damaged"),
        (b"\x80\x02\x85.", r"damaged \(IndexError: too few values\)"),
        (b"\x80\x02.", "damaged"),
    ],
)
def test_bombs_and_nonsense_are_refused(state, expected, path):
    with pytest.raises(ValueError, match=expected):
        open_torch_file(write_archive(path, state))
