"""Borders: where tensors lie in a file, told by the headers of its format alone, and by its bytes, never its name.

What is not of a format that is known, or is broken, or says something odd, is nobody's error here: it is cut by its
content instead. `contents.tensors` reads the same headers for people, with names, types and shapes.
"""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from zipfile import ZipFile

#: Bytes of a header that are read for it at most.
_MAX_HEADER = 64 << 20
#: Numbers of GGUF's types of values, with the bytes of each; 8 is text, 9 a list.
_GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

Span = tuple[int, int]


class Reader(Protocol):
    """A file that can be read from any offset.

    Attributes:
        size: Bytes in the file.
    """

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`; fewer only at the end of the file."""
        ...


class Seekable(io.RawIOBase):
    """A reader as a file object, for the standard library's `zipfile`.

    Args:
        reader: The file.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader, self._position = reader, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._reader.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._reader.read(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_zip(reader: Reader, block: int = 4096) -> ZipFile:
    """Open a zip, of which so many bytes are read at a time.

    Raises:
        zipfile.BadZipFile: It is none.
    """
    from zipfile import ZipFile  # costs as much as the rest of this package, and few files are zips

    return ZipFile(cast(IO[bytes], io.BufferedReader(cast(Any, Seekable(reader)), block)))


def find_tensors(reader: Reader) -> list[Span]:
    """Return where the tensors of a file lie, each as `[start, stop)`, in order; [] where that cannot be told."""
    head = reader.read(0, 16)
    kinds: tuple[tuple[bool, Callable[[Reader], Iterable[Span]]], ...] = (
        (head[:4] == b"PK\x03\x04", _zip),
        (head[:4] == b"GGUF", _gguf),
        (head[:6] == b"\x93NUMPY", _numpy),
        (head[8:9] == b"{", _safetensors),
    )
    for fits, read in kinds:
        if fits:
            try:
                return _in_order(read(reader), reader.size)
            except (ValueError, LookupError, TypeError, AttributeError, EOFError, struct.error, RecursionError):
                return []
    return []


def _in_order(spans: Iterable[Span], size: int) -> list[Span]:
    """Check what a header says: tensors that overlap or leave the file are no borders to rely on."""
    found = sorted((start, stop) for start, stop in spans if start < stop)
    position = 0
    for start, stop in found:
        if start < position or stop > size:
            raise ValueError("tensors overlap, or end outside the file")
        position = stop
    return found


def _safetensors(reader: Reader) -> Iterator[Span]:
    (length,) = struct.unpack("<Q", reader.read(0, 8))
    if length > min(_MAX_HEADER, reader.size - 8):
        raise ValueError("not a header")
    for name, facts in json.loads(reader.read(8, length)).items():
        if name != "__metadata__":
            start, stop = facts["data_offsets"]
            yield 8 + length + int(start), 8 + length + int(stop)


def _numpy(reader: Reader) -> Iterator[Span]:
    major, short, long = struct.unpack("<BxHxxI", reader.read(6, 10)[:4] + b"\0\0" + reader.read(8, 4))
    yield (10 + short if major == 1 else 12 + long), reader.size


def _zip(reader: Reader) -> Iterator[Span]:
    """Find the members of what NumPy and PyTorch write: each holds one tensor, behind a header of its own."""
    import zipfile

    try:
        with open_zip(reader, 1 << 16) as file:
            members = [(each.header_offset, each.compress_size) for each in file.infolist()]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError("not a zip") from error
    for offset, size in members:
        name, extra = struct.unpack("<26xHH", reader.read(offset, 30))
        yield offset + 30 + name + extra, offset + 30 + name + extra + size


def _gguf(reader: Reader) -> Iterator[Span]:
    data = reader.read(0, min(reader.size, _MAX_HEADER))
    version, tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    if version not in (2, 3):
        raise ValueError("a version that is not known")
    position, alignment = 24, 32
    for _ in range(pairs):
        key, position = _gguf_text(data, position)
        (kind,) = struct.unpack_from("<I", data, position)
        if key == b"general.alignment" and kind == 4:
            (alignment,) = struct.unpack_from("<I", data, position + 4)
        position = _gguf_pass(data, position + 4, kind)
    starts: list[int] = []
    for _ in range(tensors):
        _, position = _gguf_text(data, position)
        (dimensions,) = struct.unpack_from("<I", data, position)
        starts.append(struct.unpack_from("<Q", data, position + 8 + 8 * dimensions)[0])
        position += 16 + 8 * dimensions
    base = -(-position // alignment) * alignment
    edges = [base + start for start in sorted(set(starts))]
    yield from zip(edges, [*edges[1:], reader.size], strict=True)  # a tensor ends where the next one begins


def _gguf_text(data: bytes, position: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, position)
    return data[position + 8 : position + 8 + length], position + 8 + length


def _gguf_pass(data: bytes, position: int, kind: int) -> int:
    """Return where a value ends. Vocabularies are lists of a hundred thousand texts: no slice is made of any."""
    if kind == 8:
        return int(position + 8 + struct.unpack_from("<Q", data, position)[0])
    if kind != 9:
        return position + _GGUF_SIZES[kind]
    inner, count = struct.unpack_from("<IQ", data, position)
    position += 12
    if inner in _GGUF_SIZES:
        return int(position + _GGUF_SIZES[inner] * count)
    length_at = struct.Struct("<Q").unpack_from
    for _ in range(count):
        position = position + 8 + length_at(data, position)[0] if inner == 8 else _gguf_pass(data, position, inner)
    return position
