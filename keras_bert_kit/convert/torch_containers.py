"""The two containers of `torch.save`: a zip archive, or pickles one after the other and the values.

Reference:
    `torch/serialization.py` of PyTorch: `_save` (since 1.6) and `_legacy_save` (before).
"""

import zipfile
from typing import BinaryIO

from keras_bert_kit.convert.pickle_reader import read_pickle

LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read_container(file: BinaryIO) -> tuple[object, dict[str, int]]:
    """Reads everything but the values.

    Args:
        file: the open file.

    Returns:
        What its pickle describes, see `read_pickle`; and at which byte of the file the values of
        each storage start, all of which are there.

    Raises:
        ValueError: if it is damaged, or asks for more than tensors.
    """
    try:
        return _read_archive(file) if file.read(4) == b"PK\x03\x04" else _read_legacy(file)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(
            f"its zip archive is damaged ({error}). It may be cut short: download or save it again"
        ) from error


def _read_archive(file: BinaryIO) -> tuple[object, dict[str, int]]:
    """The pickle of a zip archive, and at which byte the values of each storage start."""
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1 or len(members) < len(archive.infolist()):
            raise ValueError(
                "the zip archive has not the one `data.pkl` of a file of `torch.save`, or has two "
                "members of one name"
            )
        folder = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order:
        file.seek(_member_start(file, order))
        if file.read(min(order.file_size, 8)) != b"little":
            raise ValueError("its numbers are big endian. Save it again on a usual machine")
    start = _member_start(file, members[pickles[0]])
    file.seek(start)
    content, storages = read_pickle(file, start + members[pickles[0]].file_size)
    starts = {}
    for storage in storages.values():
        member = members.get(f"{folder}data/{storage.key}")
        if member is None or member.file_size < storage.size * storage.dtype.itemsize:
            raise ValueError(
                f"the values of the storage {storage.key!r} are missing or too few. It may be cut "
                "short: download or save it again"
            )
        starts[storage.key] = _member_start(file, member)
    return content, starts


def _member_start(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """At which byte the content of a member starts."""
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise ValueError(
            f"its member {member.filename!r} is compressed or encrypted, which `torch.save` never "
            "does. Save it again"
        )
    size = _size(file)
    file.seek(min(max(0, member.header_offset), size))
    header = file.read(30)
    name_and_extra = sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    start = member.header_offset + 30 + name_and_extra
    if member.header_offset < 0 or header[:4] != b"PK\x03\x04" or start + member.file_size > size:
        raise ValueError(
            f"its member {member.filename!r} is not where the archive says. It may be cut short: "
            "download or save it again"
        )
    return start


def _read_legacy(file: BinaryIO) -> tuple[object, dict[str, int]]:
    """The same of a file of PyTorch before 1.6."""
    size = _size(file)
    file.seek(0)
    if file.read(1) != b"\x80":
        raise ValueError(
            "it is not a file of `torch.save`. It may be a pointer of Git LFS or a page of a web "
            "site instead of the file, or of PyTorch before 0.2: download or save it again"
        )
    file.seek(0)
    magic, protocol, system = (read_pickle(file, size)[0] for _ in range(3))
    little = isinstance(system, dict) and system.get("little_endian") is True
    if (magic, protocol) != (LEGACY_MAGIC, LEGACY_PROTOCOL) or not little:
        raise ValueError(
            "it is of an unknown version of the format, or its numbers are big endian. Save it "
            "again with a PyTorch of today on a usual machine"
        )
    content, storages = read_pickle(file, size)
    keys, _ = read_pickle(file, size)
    starts = {}
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("it does not list its storages by name")
    for key in keys:
        storage = storages.get(key)
        count = int.from_bytes(file.read(8), "little")
        start = file.tell()
        if storage is None or count != storage.size:
            raise ValueError(f"the storage {key[:80]!r} is not as its pickle says")
        starts[key] = start
        if file.seek(start + count * storage.dtype.itemsize) > size:
            raise ValueError("it is cut short. Download or save it again")
    if set(starts) != set(storages):
        raise ValueError("the values of some tensors are missing. Download or save it again")
    return content, starts


def _size(file: BinaryIO) -> int:
    """The length of the file, with the position in it left as it was."""
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    return size
