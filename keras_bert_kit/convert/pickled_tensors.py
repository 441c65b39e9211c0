"""What the names in the pickle of a PyTorch state dict stand for: dicts, and views of storages.

Each name is a string that is looked up here. None is imported, and only what stands here is called.
"""

import math
from dataclasses import dataclass

import ml_dtypes
import numpy as np

LARGEST = 1 << 40  # the most values along an axis, or from one entry of it to the next

STORAGES = {
    f"{module}.{name}Storage": np.dtype(dtype)
    for module in ("torch", "torch.cuda")
    for name, dtype in {
        "Double": "<f8",
        "Float": "<f4",
        "Half": "<f2",
        "BFloat16": ml_dtypes.bfloat16,
        "Long": "<i8",
        "Int": "<i4",
        "Short": "<i2",
        "Char": "i1",
        "Byte": "u1",
        "Bool": "?",
    }.items()
}


@dataclass(frozen=True)
class PickledStorage:
    """A row of numbers that lies elsewhere in the file.

    Args:
        dtype: their type.
        key: what the file calls it.
        size: how many there are.
    """

    dtype: np.dtype
    key: str
    size: int


@dataclass(frozen=True)
class PickledTensor:
    """A tensor as a view of a storage.

    Args:
        storage: where its values are.
        offset: the position of the first.
        shape: its shape.
        strides: per axis, how many values lie between one entry and the next.
    """

    storage: PickledStorage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class PickledName:
    """A name of the list, as it stands in the pickle: a string, never the thing itself."""

    name: str


def allowed_name(module: str, name: str) -> PickledName:
    """A name of the pickle, if it is one of those that a state dict needs."""
    full = f"{expect(str, module)}.{expect(str, name)}"
    if full not in STORAGES and full not in MAKERS:
        raise ValueError(
            f"its pickle asks for {full[:200]!r}, which tensors do not need: loading it as PyTorch "
            "does could run any program, and nothing of it was run. If you trust the file, load it "
            "with PyTorch and save its `state_dict()` alone"
        )
    return PickledName(full)


def make_storage(saved: object, storages: dict[str, PickledStorage]) -> PickledStorage:
    """What a persistent id stands for: `("storage", type, key, device, size[, view])`."""
    kind, storage_type, key, _, size, *view = expect(tuple, saved)
    if kind != "storage" or any(part is not None for part in view):
        raise ValueError(
            "its pickle describes a storage in a way of PyTorch before 0.4. Load it with PyTorch "
            "and save its `state_dict()` again"
        )
    dtype = STORAGES[expect(PickledName, storage_type).name]
    storage = PickledStorage(dtype, expect(str, key), _count(size))
    if storages.setdefault(storage.key, storage) != storage:
        raise ValueError(
            f"it speaks of the storage {storage.key[:80]!r} as of two types or sizes. Load it with "
            "PyTorch, and save its `state_dict()` with `.clone()` of each tensor"
        )
    return storage


def call_name(maker: object, arguments: object) -> object:
    """What calling a name of the list would give."""
    return MAKERS[expect(PickledName, maker).name](*expect(tuple, arguments))


def _make_dict(pairs: object = ()) -> dict:
    """`OrderedDict()`, or `OrderedDict([[key, value], ...])` as Python 2 wrote it."""
    made = {}
    set_items(made, pairs)
    return made


def _make_tensor(storage, offset, shape, strides, *_) -> PickledTensor:
    """`_rebuild_tensor`: a view of a storage that does not reach beyond it."""
    shape, strides = (
        tuple(_count(item) for item in expect(tuple, sizes)) for sizes in (shape, strides)
    )
    size, offset = expect(PickledStorage, storage).size, _count(offset)
    filled = [axis for axis in shape if axis]
    if len(shape) != len(strides) or len(shape) > 32 or math.prod(filled) > LARGEST:
        raise ValueError(f"it holds a tensor of the impossible shape {shape[:33]}")
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if 0 not in shape and (last >= size or math.prod(shape) > size):
        raise ValueError(
            f"it holds a tensor of the shape {shape} and the strides {strides} that does not fit "
            f"the {size} values of its storage"
        )
    return PickledTensor(storage, offset, shape, strides)


def _make_parameter(tensor: object, *_) -> PickledTensor:
    """`_rebuild_parameter`: the tensor itself."""
    return expect(PickledTensor, tensor)


MAKERS = {
    "collections.OrderedDict": _make_dict,
    "torch.Size": lambda sizes: expect(tuple, sizes),
    "torch._utils._rebuild_tensor": _make_tensor,
    "torch._utils._rebuild_tensor_v2": _make_tensor,
    "torch._utils._rebuild_parameter": _make_parameter,
}


def set_items(target: object, pairs) -> None:
    """Fills a dict, whose keys may be what costs nothing to compare."""
    for key, value in pairs:
        if type(key) not in (str, int):
            raise TypeError(f"a dict has a key of the type {type(key).__name__}")
        expect(dict, target)[key] = value


def expect(expected: type, value: object):
    """The value, which must be of that very type."""
    if type(value) is not expected:
        raise TypeError(f"{expected.__name__} expected, {type(value).__name__} found")
    return value


def _count(value: object) -> int:
    """The value, which must be a number of things."""
    if not 0 <= expect(int, value) <= LARGEST:
        raise ValueError(f"it holds a tensor with an impossible size, stride or offset: {value}")
    return value
