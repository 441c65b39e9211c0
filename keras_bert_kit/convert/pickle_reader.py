"""Reads the pickle of a PyTorch state dict as data: no instruction in it is ever carried out.

A pickle is a program for a stack machine, and Python's own reader lets it import and call anything.
This one knows the few instructions that dicts, lists, numbers and tensors are made of, and a short
list of names; whatever else a pickle holds is refused before it could have any effect.
"""

import pickletools
from collections.abc import Iterator
from typing import BinaryIO

from keras_bert_kit.convert.pickled_tensors import (
    PickledStorage,
    allowed_name,
    call_name,
    expect,
    make_storage,
    set_items,
)

LONGEST = 1 << 20  # bytes of one string or number in the pickle; names of tensors have tens
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = (
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
)
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(file: BinaryIO, end: int) -> tuple[object, dict[str, PickledStorage]]:
    """Reads one pickle, and leaves the file just after it.

    Args:
        file: open where the pickle begins.
        end: the byte before which it must have ended.

    Returns:
        What it describes, of dicts, lists, tuples, numbers, strings and `PickledTensor`s; and all
        storages that it speaks of, by key.

    Raises:
        ValueError: if it is damaged, or asks for anything else.

    Example:
        >>> import io, pickle
        >>> content = pickle.dumps({"epoch": 3}, protocol=2)
        >>> read_pickle(io.BytesIO(content), len(content))
        ({'epoch': 3}, {})
    """
    storages: dict[str, PickledStorage] = {}
    try:
        return _follow(_Bounded(file, end), storages), storages
    except (EOFError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"its pickle is damaged ({type(error).__name__}: {error}). It may be cut short: "
            "download or save it again"
        ) from error


def _follow(file: "_Bounded", storages: dict[str, PickledStorage]) -> object:
    """Goes through the instructions, with a stack of values and one of what a mark put aside."""
    stack, aside, memo = [], [], {}
    for instruction, argument, _ in _instructions(file):
        match instruction.name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case name if name in CONSTANTS:
                stack.append(CONSTANTS[name])
            case name if name in LITERALS:
                stack.append(argument)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "MARK":
                aside.append(stack)
                stack = []
            case "TUPLE":
                items, stack = tuple(stack), aside.pop()
                stack.append(items)
            case name if name in TUPLES:
                stack[-TUPLES[name] :] = [_last(stack, TUPLES[name])]
            case "APPEND":
                item = stack.pop()
                expect(list, stack[-1]).append(item)
            case "APPENDS":
                items, stack = stack, aside.pop()
                expect(list, stack[-1]).extend(items)
            case "SETITEM":
                pair = _last(stack, 2)
                del stack[-2:]
                set_items(stack[-1], [pair])
            case "SETITEMS":
                items, stack = stack, aside.pop()
                set_items(stack[-1], zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL" | "INST":
                stack.append(allowed_name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                stack[-2:] = [allowed_name(*_last(stack, 2))]
            case "BINPERSID":
                stack.append(make_storage(stack.pop(), storages))
            case "REDUCE":
                stack[-2:] = [call_name(*_last(stack, 2))]
            case "BUILD":
                # The attributes of an OrderedDict: the versions of PyTorch's layers, not needed.
                stack.pop()
                expect(dict, stack[-1])
            case name:
                raise ValueError(
                    f"its pickle uses the instruction {name}, which tensors do not need. It may "
                    "have been made to run a program; nothing of it was run"
                )
    return stack.pop()


def _instructions(file: "_Bounded") -> Iterator[tuple]:
    """The instructions one by one, each with what stands behind it, and none carried out."""
    try:
        yield from pickletools.genops(file)
    except ValueError as error:  # not one of the errors above, which are meant for the user
        raise EOFError(str(error)) from error


def _last(stack: list, count: int) -> tuple:
    """The last values of the stack."""
    if len(stack) < count:
        raise IndexError("too few values")
    return tuple(stack[-count:])


class _Bounded:
    """A file that is not read past an end, nor much at a time."""

    def __init__(self, file: BinaryIO, end: int):
        self.file, self.end = file, end

    def read(self, size: int) -> bytes:
        if size > min(LONGEST, self.end - self.file.tell()):
            raise ValueError("it ends too early, or holds a string without end")
        return self.file.read(size)

    def readline(self) -> bytes:
        return self.file.readline(max(0, min(LONGEST, self.end - self.file.tell())))
