"""The initializers of an ONNX model: its protobuf, walked field by field, with all values passed over."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from modelsync_jupyter.archive.borders import Reader

from .shapes import Tensor, shape_of

#: Fields of ModelProto, GraphProto and TensorProto, by ONNX's own schema.
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
#: Lists of values that stand in a tensor in place of raw bytes.
_VALUES = {4, 5, 6, 7, 10, 11}
_TYPES = {1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 8: "STRING", 9: "BOOL", 10: "F16"}
_TYPES |= {11: "F64", 12: "U32", 13: "U64", 14: "C64", 15: "C128", 16: "BF16", 17: "F8_E4M3", 19: "F8_E5M2"}

#: Bytes of a list of dimensions that are read: a longer one has more than any array.
_LONGEST_DIMS = 1024

#: Number of a field, kind of it, its value where it is a number, and where its bytes begin and end.
Field = tuple[int, int, int, int, int]


def onnx_tensors(reader: Reader) -> Iterator[Tensor]:
    """Yield the initializers of an ONNX model.

    Raises:
        struct.error: It is not a protobuf message.
    """
    for number, kind, _, start, stop in _fields(reader, 0, reader.size):
        if number == _GRAPH and kind == 2:
            for inner, inner_kind, _, begin, end in _fields(reader, start, stop):
                if inner == _INITIALIZER and inner_kind == 2:
                    yield _tensor(reader, begin, end)


def _tensor(reader: Reader, start: int, stop: int) -> Tensor:
    name, dtype, offset, size = "", 0, None, 0
    shape: list[int] = []
    for number, kind, value, begin, end in _fields(reader, start, stop):
        if number == _NAME and kind == 2:
            name = reader.read(begin, min(end - begin, 4096)).decode("utf-8", "replace")
        elif number == _TYPE:
            dtype = value
        elif number == _DIMS and kind == 0:
            shape.append(value)
        elif number == _DIMS:
            position = begin
            while position < min(end, begin + _LONGEST_DIMS):
                dimension, position = _varint(reader, position)
                shape.append(dimension)
        elif number == _RAW or (number in _VALUES and kind == 2):
            offset, size = begin, end - begin
    return Tensor(name, _TYPES.get(dtype, f"type {dtype}"), shape_of(shape), offset, size)


def _fields(reader: Reader, start: int, stop: int) -> Iterator[Field]:
    position = start
    while position < stop:
        key, position = _varint(reader, position)
        number, kind, value, begin = key >> 3, key & 7, 0, position
        if kind == 0:
            value, position = _varint(reader, position)
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        elif kind == 2:
            length, begin = _varint(reader, position)
            position = begin + length
        else:
            raise struct.error(f"a field of kind {kind}")
        if position > stop or not number:
            raise struct.error("a field that ends outside its message")
        yield number, kind, value, begin, position


def _varint(reader: Reader, position: int) -> tuple[int, int]:
    value = 0
    for count, byte in enumerate(reader.read(position, 10)):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, position + count + 1
    raise struct.error("a number without an end")
