"""The tensors in a file, by its headers: safetensors, NumPy, PyTorch, GGUF and ONNX. No value of a tensor is read."""

from __future__ import annotations

import ast
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from itertools import pairwise
from typing import IO, Any, cast

from modelsync_jupyter.archive.borders import Reader, Seekable, open_zip

from .pickles import Call, Dictionary, Import, NotAPickle, Stored, read_pickle
from .protobuf import onnx_tensors
from .reader import TooMuch
from .shapes import Tensor, shape_of

#: How names of files end that may have tensors which are known; their bytes decide.
TENSOR_FILES = (".safetensors", ".npy", ".npz", ".pt", ".pth", ".bin", ".ckpt", ".gguf", ".onnx")
#: Bytes of a header, and tensors of a file, at most.
_MAX_HEADER, _MAX_TENSORS = 100 << 20, 200_000
_MAX_PICKLE = 64 << 20
#: Bytes of the header of an array of NumPy, as NumPy itself has it, and of all those in a file.
_MAX_NPY_HEADER, _MAX_NPY_HEADERS = 10_000, 2 << 20
#: Bytes of a header that are read at once where it is walked through.
_BLOCK = 64 * 1024
#: Letters of the name of a tensor: a pickle can be nested a million deep.
_LONGEST_NAME = 4096
#: Names of a GGUF type, by its number; block types have no size of their own here: the next tensor's offset tells.
_GGUF_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K"}
_GGUF_TYPES |= {11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 24: "I8", 25: "I16", 26: "I32"}
_GGUF_TYPES |= {27: "I64", 28: "F64", 30: "BF16"}
#: Bytes of a GGUF value by its number, for those of one size; 8 is text, 9 a list.
_GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STORAGES = {"Float": "F32", "Double": "F64", "Half": "F16", "BFloat16": "BF16", "Long": "I64", "Int": "I32"}
_STORAGES |= {"Short": "I16", "Char": "I8", "Byte": "U8", "Bool": "BOOL"}
#: What readers of a header raise where it is broken.
_BROKEN: tuple[type[Exception], ...] = (struct.error, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError)
_BROKEN += (LookupError, TypeError, AttributeError, SyntaxError, EOFError, OSError, OverflowError)


class NoTensors(ValueError):
    """The file has no header that this module reads, or a broken one."""


def list_tensors(name: str, reader: Reader, budget: int = _MAX_PICKLE) -> list[Tensor]:
    """List the tensors in a file, in the order of its header.

    Args:
        name: Name of the file; its ending tells ONNX, which begins like nothing else.
        reader: The file.
        budget: Bytes of a pickle that are followed at most, half a second for each million.

    Raises:
        NoTensors: It is not of a kind that is known, or broken.
        TooMuch: More of it would have to be read than its reader allows.
    """
    head = reader.read(0, 8)
    kinds: tuple[tuple[bool, Callable[[Reader], Iterator[Tensor]]], ...] = (
        (name.endswith(".safetensors"), _safetensors),
        (head[:4] == b"PK\x03\x04", partial(_zip, budget=min(budget, _MAX_PICKLE))),
        (head[:6] == b"\x93NUMPY", _numpy),
        (head[:4] == b"GGUF", _gguf),
        (name.endswith(".onnx"), onnx_tensors),
    )
    for fits, read in kinds:
        if fits:
            return _listed(read(reader), reader.size)
    raise NoTensors("not a format whose tensors are known")


def _listed(tensors: Iterator[Tensor], end: int) -> list[Tensor]:
    """Check what a header says, and that all of it lies in the file."""
    found: list[Tensor] = []
    try:
        for tensor in tensors:
            found.append(tensor)
            if len(found) > _MAX_TENSORS:
                raise NoTensors("more tensors than this reader takes")
            if tensor.offset is not None and not 0 <= tensor.offset <= tensor.offset + tensor.size <= end:
                raise NoTensors("its header is broken: a tensor ends outside the file")
    except (NoTensors, TooMuch):
        raise
    except _BROKEN as error:
        raise NoTensors(f"its header is broken: {error}") from error
    return found


def _safetensors(reader: Reader) -> Iterator[Tensor]:
    (length,) = struct.unpack("<Q", reader.read(0, 8))
    if length > min(_MAX_HEADER, reader.size):
        raise NoTensors("its header is too long")
    data = json.loads(reader.read(8, length))
    for name, facts in data.items():
        if name == "__metadata__":
            continue
        start, stop = facts["data_offsets"]
        yield Tensor(
            name, str(facts["dtype"]), shape_of(facts["shape"]), 8 + length + int(start), int(stop) - int(start)
        )


def _numpy(reader: Reader) -> Iterator[Tensor]:
    with BufferedReader(cast(Any, Seekable(reader))) as file:
        dtype, shape, offset = _npy_header(file)
    yield Tensor("array", dtype, shape, offset, reader.size - offset)


def _npy_header(file: IO[bytes]) -> tuple[str, tuple[int, ...], int]:
    """Read the header of a NumPy array: its type, its shape and where its values begin."""
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY":
        raise NoTensors("not a NumPy array")
    form, width = ("<H", 2) if magic[6] == 1 else ("<I", 4)
    (length,) = struct.unpack(form, file.read(width))
    if length > _MAX_NPY_HEADER:
        raise NoTensors("its header is too long")
    try:
        facts = ast.literal_eval(file.read(length).decode("utf-8" if magic[6] >= 3 else "latin-1"))
    except MemoryError as error:  # how Python calls what is nested too deep for its parser
        raise NoTensors("its header is nested too deep") from error
    return str(facts["descr"]), shape_of(facts["shape"]), 8 + width + length


def _zip(reader: Reader, budget: int) -> Iterator[Tensor]:
    """Read a zip of NumPy arrays, or one that PyTorch wrote. It has a checksum of each member in its directory."""
    with open_zip(reader) as file:
        members = {info.filename: info for info in file.infolist()}
        pickles = [name for name in members if name.endswith("data.pkl")]
        if pickles:
            yield from _torch(file, members, pickles[0], budget)
            return
        headers = 0
        for name, info in members.items():
            if name.endswith(".npy"):
                with file.open(info) as member:
                    dtype, shape, length = _npy_header(member)
                headers += length
                if headers > _MAX_NPY_HEADERS:
                    raise NoTensors("its headers are too long")
                yield Tensor(name.removesuffix(".npy"), dtype, shape, None, info.file_size, _checksum(info))


def pickles_in_zip(reader: Reader) -> dict[str, bytes]:
    """Return the pickles in a zip: those that PyTorch wrote, and arrays of objects of NumPy.

    Raises:
        NoTensors: It is broken, or the pickles in it are longer than is read.
    """
    found: dict[str, bytes] = {}
    left = _MAX_PICKLE
    try:
        with open_zip(reader) as file:
            for info in file.infolist():
                if info.filename.endswith((".pkl", ".pickle", ".npy")):
                    with file.open(info) as member:
                        if info.filename.endswith(".npy") and "O" not in _npy_header(member)[0]:
                            continue
                        found[info.filename] = member.read(left + 1)
                    left -= len(found[info.filename])
                    if left < 0:
                        raise NoTensors("the pickles in it are too long")
    except NoTensors:
        raise
    except _BROKEN as error:
        raise NoTensors(f"it is broken: {error}") from error
    return found


def names_in_zip(reader: Reader) -> list[str]:
    """Return the names of the files in a zip.

    Raises:
        NoTensors: It is broken.
    """
    try:
        with open_zip(reader) as file:
            return [info.filename for info in file.infolist() if not info.is_dir()]
    except _BROKEN as error:
        raise NoTensors(f"it is broken: {error}") from error


def _checksum(info: zipfile.ZipInfo) -> str:
    """Return a name for the bytes of a member; "" where its writer left the checksum out."""
    return f"crc32:{info.CRC:08x}:{info.file_size}" if info.CRC or not info.file_size else ""


def _torch(file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, budget: int) -> Iterator[Tensor]:
    if members[name].file_size > budget:
        raise NoTensors("its pickle is too long")
    try:
        value = read_pickle(file.read(name)).value
    except NotAPickle as error:
        raise NoTensors(str(error)) from error
    folder = name.removesuffix("data.pkl")
    for path, call in _calls(value):
        storage, offset, shape, strides = call.args[0], call.args[1], shape_of(call.args[2]), shape_of(call.args[3])
        if not isinstance(storage, Stored) or not isinstance(storage.id, tuple) or len(storage.id) < 5:
            continue
        _, kind, key, _, count = storage.id[:5]
        if not isinstance(key, (str, int)) or not isinstance(offset, int):
            continue
        info = members.get(f"{folder}data/{key}")
        check = _checksum(info) if info else ""
        check = f"{check}@{offset}:{strides}" if check else ""
        size = info.file_size if info else 0
        kind = kind.name if isinstance(kind, Import) else kind if isinstance(kind, str) else "?"
        dtype = _STORAGES.get(kind.removesuffix("Storage"), kind)
        yield Tensor(path, dtype, shape, None, size if count else 0, check)


def _calls(value: object) -> Iterator[tuple[str, Call]]:
    """Find the tensors in the object that a pickle would build, each with its place in it."""
    waiting, seen = [("", value)], set()
    while waiting:
        path, item = waiting.pop()
        if len(path) > _LONGEST_NAME:
            raise NoTensors("what is in its pickle is nested too deep")
        if id(item) in seen and not isinstance(item, (str, int)):
            continue
        seen.add(id(item))
        if isinstance(item, Call) and item.calls("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
            yield path or "tensor", item
            continue
        if isinstance(item, Call) and item.calls("torch._utils._rebuild_parameter"):
            waiting.append((path, item.args[0]))
            continue
        children: list[tuple[object, object]] = []
        if isinstance(item, (Dictionary, Call)):
            children = list(item.items)
            if isinstance(item, Call):
                children += [("", item.state), *(("", each) for each in item.args)]
        elif isinstance(item, (list, tuple)):
            children = list(enumerate(item))
        for key, child in reversed(children):
            if not isinstance(child, (Dictionary, Call, list, tuple)):  # no tensors in it, however long its name is
                continue
            plain = str(key) if isinstance(key, (str, int)) else "?"
            step = "" if plain in ("", "_parameters", "_buffers", "_modules") else plain
            waiting.append((".".join(filter(None, (path, step))), child))


def _gguf(reader: Reader) -> Iterator[Tensor]:
    version, tensors, pairs = struct.unpack("<IQQ", reader.read(4, 20))
    if version not in (2, 3) or tensors > _MAX_TENSORS:
        raise NoTensors("a version of GGUF that is not known")
    walk = _Walk(reader, 24)
    alignment = 32
    for _ in range(pairs):
        key = walk.text()
        value = walk.value(walk.number("<I"))
        if key == "general.alignment" and isinstance(value, int) and value > 0:
            alignment = value
    found = []
    for _ in range(tensors):
        name = walk.text()
        shape = tuple(walk.number("<Q") for _ in range(min(walk.number("<I"), 16)))
        kind, offset = walk.number("<I"), walk.number("<Q")
        found.append((name, _GGUF_TYPES.get(kind, f"type {kind}"), shape[::-1], offset))
    base = -(-walk.position // alignment) * alignment
    starts = sorted({each[3] for each in found} | {reader.size - base})
    following = dict(pairwise(starts))
    for name, dtype, shape, offset in found:
        yield Tensor(name, dtype, shape, base + offset, max(0, following.get(offset, offset) - offset))


class _Walk:
    """Reads the values of a GGUF header one behind another."""

    def __init__(self, reader: Reader, position: int) -> None:
        self._reader, self.position = reader, position

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        (value,) = struct.unpack(form, self._reader.read(self.position, size))
        self.position += size
        return int(value)

    def text(self) -> str:
        length = self.number("<Q")
        if length > 1 << 20:
            self._skip(length)
            return ""
        data = self._reader.read(self.position, length)
        self.position += length
        return data.decode("utf-8", "replace")

    def value(self, kind: int) -> object:
        """Read a value, or pass over it; numbers alone are of interest."""
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in _GGUF_SIZES:
                self._skip(_GGUF_SIZES[inner] * count)
                return None
            if count > 10_000_000:
                raise NoTensors("a list in its header is too long")
            if inner == 8:
                self._skip_texts(count)
                return None
            for _ in range(count):
                self.value(inner)
            return None
        if kind == 4:
            return self.number("<I")
        self._skip(_GGUF_SIZES[kind])
        return None

    def _skip_texts(self, count: int) -> None:
        """Pass over the words of a vocabulary, of which there are some hundred thousand: not with a read for each."""
        start, block = self.position, b""
        for _ in range(count):
            if self.position + 8 > start + len(block):
                start = self.position
                block = self._reader.read(start, min(_BLOCK, self._reader.size - start))
            (length,) = struct.unpack_from("<Q", block, self.position - start)
            self._skip(8 + length)

    def _skip(self, size: int) -> None:
        self.position += size
        if self.position > self._reader.size:
            raise NoTensors("its header is broken: it ends early")
