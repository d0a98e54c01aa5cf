"""What a pickle would import and build, told without executing it.

A pickle is a program. `pickletools` of the standard library reads its instructions; the little machine here follows
them with placeholders in place of objects: a call is noted and not made, an import is noted and not done.

No placeholder is compared, hashed or written as text before it is known to be a plain one: in a few bytes a pickle can
put a list twice into a list, and that twice into another, and so on, which takes forever to walk through.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import pickletools
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, cast

from .judging import DANGEROUS, judge
from .shapes import shape_of

#: Bytes of a compressed pickle when unpacked, and instructions of a pickle, at most.
MAX_UNPACKED, MAX_STEPS = 256 << 20, 5_000_000
#: How the problem of a pickle ends that has more.
TOO_MANY = "it has more instructions than this reader takes"


#: How names of files end that are programs to load.
PICKLED = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".sav", ".p"})


class NotAPickle(ValueError):
    """The bytes are not a pickle, or one that this module cannot follow."""


@dataclass(eq=False, slots=True)
class Import:
    """A name that the pickle imports."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False, slots=True)
class Call:
    """A call that the pickle would make."""

    function: object
    args: tuple[object, ...] = ()
    items: list[tuple[object, object]] = field(default_factory=list)
    state: object = None

    def calls(self, *names: str) -> bool:
        """Return whether it calls one of these, such as `torch._utils._rebuild_tensor_v2`."""
        return isinstance(self.function, Import) and str(self.function) in names


@dataclass(eq=False, repr=False, slots=True)
class Stored:
    """An object that the pickle keeps elsewhere, by its id."""

    id: object


@dataclass(eq=False, repr=False, slots=True)
class Dictionary:
    """A dict under construction; its keys need not be hashable."""

    items: list[tuple[object, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pickle says.

    Args:
        imports: Every name it imports, in order, once each.
        value: The object it would build, with placeholders.
        problem: Why it could not be followed to its end, or "".
    """

    imports: tuple[str, ...]
    value: object = field(repr=False, compare=False)
    problem: str = ""


#: Bytes of memory that a file may ask for, of which its strongest compression takes 65 MiB.
_LZMA_MEMORY = 256 << 20
_MARK = object()
_UNKNOWN = object()
_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = re.compile(r"(?:LONG_|SHORT_)?BIN(?:INT|FLOAT|STRING|UNICODE|BYTES)\w*|INT|LONG[14]?|FLOAT|STRING|UNICODE")
_MORE_LITERALS = {"SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "SHORT_BINSTRING"}


def read_pickle(data: bytes) -> Reading:
    """Follow a pickle; also one that joblib wrote, with arrays between its instructions, or compressed.

    Where bytes could be joblib's arrays as well as further instructions, names that only the second reading has are
    told too, if they are dangerous: which reading is right depends on who loads the file.

    Args:
        data: The whole file: a pickle, or several one behind another, as old versions of PyTorch write them.

    Raises:
        NotAPickle: It does not begin like one.
    """
    data = _unpacked(data)
    machine = _Machine(io.BytesIO(data))
    problem = machine.follow()
    if problem and not machine.imports:
        raise NotAPickle(problem)
    imports = machine.imports
    if machine.arrays:
        plainly = _Machine(io.BytesIO(data), joblib=False)
        plainly.follow()
        imports = imports + [name for name in plainly.imports if judge(name) == DANGEROUS]
    return Reading(tuple(dict.fromkeys(imports)), machine.value, problem)


def _unpacked(data: bytes) -> bytes:
    """Return the bytes as they are before joblib's compression, at most `MAX_UNPACKED` of them."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(MAX_UNPACKED + 1)
        elif data[:3] == b"BZh":
            data = bz2.BZ2Decompressor().decompress(data, MAX_UNPACKED + 1)
        elif data.startswith((b"\xfd7zXZ", b"\x5d\x00")):
            data = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(data, MAX_UNPACKED + 1)
        elif data[:1] == b"\x78":
            data = zlib.decompressobj().decompress(data, MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise NotAPickle(f"not a pickle: {error}") from error
    if len(data) > MAX_UNPACKED:
        raise NotAPickle("larger than this reader takes when it is unpacked")
    return data


class _Machine:
    """Follows the instructions of a pickle with placeholders."""

    def __init__(self, file: IO[bytes], *, joblib: bool = True) -> None:
        self._file, self._joblib = file, joblib
        self.arrays = 0
        self._stack: list[object] = []
        self._memo: dict[object, object] = {}
        self.imports: list[str] = []
        self.value: object = None

    def follow(self) -> str:
        """Follow all pickles in the file; returns why that had to end early, or ""."""
        try:
            while True:
                self.run()
                if not (following := self._file.read(1)) or not self._joblib:
                    return ""
                self._file.seek(-1, io.SEEK_CUR)
                if following != b"\x80":
                    return ""
        except (LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            return f"it is not a pickle, or a broken one: {error}"

    def run(self) -> None:
        """Follow one pickle to its end."""
        self._stack, self._memo = [], {}
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast(Any, self._file))):
            if count > MAX_STEPS:
                raise ValueError(TOO_MANY)
            self._step(opcode, argument)

    def _step(self, opcode: pickletools.OpcodeInfo, argument: object) -> None:
        name = opcode.name
        if method := _STEPS.get(name):
            method(self, argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _MORE_LITERALS or _LITERALS.fullmatch(name):
            self._stack.append(argument)
        else:
            self._skip(opcode)

    def _skip(self, opcode: pickletools.OpcodeInfo) -> None:
        """Keep the stack's height right after an instruction whose effect does not matter here."""
        before, after = opcode.stack_before, opcode.stack_after
        if pickletools.markobject in before:
            self._above_mark()
            before = before[: before.index(pickletools.markobject)]
        for _ in before:
            self._stack.pop()
        self._stack += [_UNKNOWN for _ in after]

    def _above_mark(self) -> list[object]:
        found: list[object] = []
        while (item := self._stack.pop()) is not _MARK:
            found.append(item)
        return found[::-1]

    def _global(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        self._import(module, name)

    def _stack_global(self, _: object) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        known = isinstance(name, str) and isinstance(module, str)
        self._import(str(module) if known else "?", str(name) if known else "?")

    def _import(self, module: str, name: str) -> None:
        self.imports.append(f"{module}.{name}")
        self._stack.append(Import(module, name))

    def _instance(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        args = tuple(self._above_mark())
        self._import(module, name)
        self._stack[-1] = Call(self._stack[-1], args)

    def _object(self, _: object) -> None:
        function, *args = self._above_mark()
        self._stack.append(Call(function, tuple(args)))

    def _extension(self, argument: object) -> None:
        self._import("copyreg", f"extension {argument}")

    def _call(self, _: object) -> None:
        args, function = self._stack.pop(), self._stack.pop()
        self._stack.append(Call(function, args if isinstance(args, tuple) else (args,)))

    def _call_with_keywords(self, _: object) -> None:
        keywords, args, function = self._stack.pop(), self._stack.pop(), self._stack.pop()
        given = args if isinstance(args, tuple) else (args,)
        self._stack.append(Call(function, (*given, keywords)))

    def _build(self, _: object) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if isinstance(target, Call):
            target.state = state
            if self._joblib and target.calls("joblib.numpy_pickle.NumpyArrayWrapper"):
                self.arrays += 1
                self._pass_over_array(state)

    def _pass_over_array(self, state: object) -> None:
        """Pass over the bytes of an array that joblib put behind the instruction that describes it."""
        items = state.items if isinstance(state, Dictionary) else []
        facts = {key: value for key, value in items if isinstance(key, str)}
        dtype = facts.get("dtype")
        kind = dtype.args[0] if isinstance(dtype, Call) and dtype.args else ""
        kind = kind if isinstance(kind, str) else ""
        size = re.fullmatch(r"[<>|=]?[biufcSUVmM?](\d+)", kind)
        if kind.lstrip("|") == "O":  # an array of objects is a pickle of its own
            inner = _Machine(self._file)
            inner.run()
            self.imports += inner.imports
            return
        if size is None:
            raise ValueError(f"an array of type {kind!r}")
        width = int(size[1]) * (4 if "U" in kind else 1)
        if facts.get("numpy_array_alignment_bytes"):
            self._file.read(self._file.read(1)[0])
        shape = facts.get("shape")
        count = math.prod(shape_of(shape)) if isinstance(shape, tuple) else 0
        self._file.seek(width * count, io.SEEK_CUR)

    def _append(self, _: object) -> None:
        item = self._stack.pop()
        if isinstance(target := self._stack[-1], list):
            target.append(item)

    def _appends(self, _: object) -> None:
        items = self._above_mark()
        if isinstance(target := self._stack[-1], list):
            target.extend(items)

    def _set_item(self, _: object) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._put([key, value])

    def _set_items(self, _: object) -> None:
        self._put(self._above_mark())

    def _put(self, pairs: list[object]) -> None:
        if isinstance(target := self._stack[-1], (Dictionary, Call)):
            target.items += zip(pairs[::2], pairs[1::2], strict=True)

    def _tuple(self, _: object) -> None:
        self._stack.append(tuple(self._above_mark()))

    def _short_tuple(self, count: int) -> None:
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _remember(self, key: object) -> None:
        self._memo[len(self._memo) if key is None else int(cast(Any, key))] = self._stack[-1]

    def _recall(self, key: object) -> None:
        self._stack.append(self._memo[int(cast(Any, key))])

    def _dictionary(self, _: object) -> None:
        pairs = self._above_mark()
        self._stack.append(Dictionary(list(zip(pairs[::2], pairs[1::2], strict=True))))


_STEPS: dict[str, Callable[[_Machine, object], object]] = {
    "MARK": lambda self, _: self._stack.append(_MARK),
    "STOP": lambda self, _: setattr(self, "value", self._stack.pop()),
    "POP": lambda self, _: self._stack.pop(),
    "POP_MARK": lambda self, _: self._above_mark(),
    "DUP": lambda self, _: self._stack.append(self._stack[-1]),
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "INST": _Machine._instance,
    "OBJ": _Machine._object,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Machine._extension),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine._call),
    "NEWOBJ_EX": _Machine._call_with_keywords,
    "BUILD": _Machine._build,
    "PERSID": lambda self, id: self._stack.append(Stored(id)),
    "BINPERSID": lambda self, _: self._stack.append(Stored(self._stack.pop())),
    "EMPTY_LIST": lambda self, _: self._stack.append([]),
    "EMPTY_DICT": lambda self, _: self._stack.append(Dictionary()),
    "LIST": lambda self, _: self._stack.append(self._above_mark()),
    "DICT": _Machine._dictionary,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "TUPLE": _Machine._tuple,
    "TUPLE1": lambda self, _: self._short_tuple(1),
    "TUPLE2": lambda self, _: self._short_tuple(2),
    "TUPLE3": lambda self, _: self._short_tuple(3),
    "MEMOIZE": lambda self, _: self._remember(None),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine._remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine._recall),
}
