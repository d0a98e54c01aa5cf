"""Tensors by the headers of files that the real libraries wrote; and nothing but headers is read."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from modelsync_jupyter.contents import tensors as reading
from modelsync_jupyter.contents.reader import Blocks, FileReader, TooMuch
from modelsync_jupyter.contents.shapes import Tensor
from modelsync_jupyter.contents.tensors import NoTensors, list_tensors, pickles_in_zip

WEIGHTS: dict[str, Any] = {
    "layer.weight": np.arange(600_000, dtype=np.float32).reshape(600, 1000),
    "bias": np.ones(3, np.int64),
}


def tensors(path: Path, budget: int = 1 << 30) -> dict[str, Tensor]:
    return {each.name: each for each in list_tensors(path.name, Blocks(FileReader(path), budget))}


def facts(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (each.dtype, each.shape) for name, each in tensors(path).items()}


def write_safetensors(path: Path, values: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    save_file(values, path)


def write_gguf(path: Path, values: dict[str, Any]) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_array("tokenizer.ggml.tokens", [f"token {n}" for n in range(10_000)])
    writer.add_float32("some.number", 0.5)
    for name, value in values.items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_onnx(path: Path, values: dict[str, Any]) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    initializers = [numpy_helper.from_array(value, name) for name, value in values.items()]
    initializers.append(helper.make_tensor("plain", TensorProto.FLOAT, [2], [1.0, 2.0]))
    node = helper.make_node("Identity", ["layer.weight"], ["out"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [600, 1000])
    save(helper.make_model(helper.make_graph([node], "g", [], [out], initializers)), str(path))


def write_torch(path: Path, values: dict[str, Any], protocol: int = 2) -> None:
    """Write a state dict as `torch.save` does: a pickle that names storages, and each storage as a member."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2(*args: object) -> None: ...

    class FloatStorage: ...

    class LongStorage: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for kind in (FloatStorage, LongStorage):
        kind.__module__, kind.__qualname__ = "torch", kind.__name__
        setattr(torch, kind.__name__, kind)

    class Stored:
        def __init__(self, key: str, value: Any) -> None:
            self.id = ("storage", FloatStorage if value.dtype == np.float32 else LongStorage, key, "cpu", value.size)

    class Made:
        def __init__(self, key: str, value: Any) -> None:
            self.key, self.value = key, value

        def __reduce__(self) -> Any:
            shape = self.value.shape
            args: tuple[Any, ...] = (
                Stored(self.key, self.value),
                0,
                shape,
                tuple(range(len(shape))),
                False,
                OrderedDict(),
            )
            return _rebuild_tensor_v2, args

    class Pickler(pickle._Pickler):
        def persistent_id(self, value: object) -> object:
            return value.id if isinstance(value, Stored) else None

    sys.modules |= {"torch": torch, "torch._utils": utils}
    try:
        out = io.BytesIO()
        state = OrderedDict((name, Made(str(n), value)) for n, (name, value) in enumerate(values.items()))
        Pickler(out, protocol).dump({"epoch": 3, "notes": {"long " * 1000: 1}, "model": state})
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        file.writestr("archive/data.pkl", out.getvalue())
        for n, value in enumerate(values.values()):
            file.writestr(f"archive/data/{n}", value.tobytes())


WRITERS = {
    "m.safetensors": (write_safetensors, ("F32", "I64")),
    "m.npz": (lambda path, values: np.savez(path, **values), ("<f4", "<i8")),
    "small.npz": (lambda path, values: np.savez_compressed(path, **values), ("<f4", "<i8")),
    "m.gguf": (write_gguf, ("F32", "I64")),
    "m.onnx": (write_onnx, ("F32", "I64")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_names_types_and_shapes_are_those_that_were_written(name: str, tmp_path: Path) -> None:
    write, (floats, integers) = WRITERS[name]
    write(tmp_path / name, WEIGHTS)
    found = facts(tmp_path / name)
    assert (found["layer.weight"], found["bias"]) == ((floats, (600, 1000)), (integers, (3,)))
    if name == "m.onnx":
        assert found["plain"] == ("F32", (2,))


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_state_dict_of_pytorch_is_listed_without_pytorch(protocol: int, tmp_path: Path) -> None:
    write_torch(tmp_path / "model.pt", WEIGHTS, protocol)
    assert facts(tmp_path / "model.pt") == {
        "model.layer.weight": ("F32", (600, 1000)),
        "model.bias": ("I64", (3,)),
    }


@pytest.mark.parametrize("name", ["m.safetensors", "m.npz", "m.gguf", "m.onnx"])
def test_values_are_not_read(name: str, tmp_path: Path) -> None:
    WRITERS[name][0](tmp_path / name, WEIGHTS)
    reader = Blocks(FileReader(tmp_path / name), 512 * 1024)
    list_tensors(name, reader)
    assert reader.fetched < reader.size / 4


def test_a_vocabulary_is_not_read_word_by_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = [], FileReader.read
    monkeypatch.setattr(FileReader, "read", lambda self, *where: reads.append(where) or read(self, *where))
    write_gguf(tmp_path / "m.gguf", WEIGHTS)
    assert len(tensors(tmp_path / "m.gguf")) == len(WEIGHTS)
    assert len(reads) < 100


@pytest.mark.parametrize("name", ["m.safetensors", "m.gguf", "m.onnx"])
def test_values_are_where_the_header_says(name: str, tmp_path: Path) -> None:
    WRITERS[name][0](tmp_path / name, WEIGHTS)
    found = tensors(tmp_path / name)["layer.weight"]
    assert found.offset is not None
    value = WEIGHTS["layer.weight"].tobytes()
    assert FileReader(tmp_path / name).read(found.offset, len(value)) == value


@pytest.mark.parametrize("name", [*WRITERS, "m.pt"])
def test_broken_files_are_refused_and_never_hang(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    (write_torch if name == "m.pt" else WRITERS[name][0])(path, WEIGHTS)
    whole = path.read_bytes()
    for cut in (9, 60, 200):
        path.write_bytes(whole[:cut])
        with pytest.raises(NoTensors):
            tensors(path)
    for position in range(8, 120, 7):
        path.write_bytes(whole[:position] + b"\xff" * 5 + whole[position + 5 :])
        try:
            tensors(path)
        except (NoTensors, TooMuch):
            continue


def doubled(opening: bytes, twice: bytes) -> bytes:
    """Instructions of a pickle for something that is twice in the next, and so on: to walk through it takes forever."""
    return opening + b"".join(b"q%c" % n + twice.replace(b"?", b"h%c" % n) for n in range(64))


LISTS, TUPLES = doubled(b"]", b"](??e"), doubled(b")", b"??\x86")


def torch_with(pickled: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\x80\x02" + pickled + b".")
    return data.getvalue()


def array_with(header: bytes) -> bytes:
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(header)) + header


def safetensors_with(shape: bytes, start: bytes = b"0") -> bytes:
    header = b'{"a": {"dtype": "F32", "shape": [%s], "data_offsets": [%s, 4]}}' % (shape, start)
    return struct.pack("<Q", len(header)) + header + bytes(4)


def message(number: int, data: bytes) -> bytes:
    """A field of a protobuf message."""
    length, size = b"", len(data)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("called.pt", torch_with(LISTS + b")R")),
        ("key.pt", torch_with(b"}" + TUPLES + b"K\1s")),
        ("deep.pt", torch_with(b"]" * 100_000 + b"a" * 99_999)),
        ("deep.npy", array_with(b"-" * 9_000 + b"1")),
        ("long.npy", array_with(b"{'descr': 'f8', 'shape': (" + b"1," * 100_000 + b")}")),
        ("long.safetensors", safetensors_with(b"1," * 100_000 + b"1")),
        ("text.safetensors", safetensors_with(b'"1"')),
        ("infinite.safetensors", safetensors_with(b"1", b"1e999")),
        ("long.onnx", message(7, message(5, message(1, b"\1" * 100_000)))),
    ],
)
def test_a_small_file_cannot_take_forever(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    try:
        assert not tensors(tmp_path / name)
    except NoTensors:
        return
    assert name in ("called.pt", "key.pt")  # they are whole, and have no tensors


def test_of_a_zip_no_more_is_unpacked_than_of_one_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MAX_PICKLE", 1000)
    monkeypatch.setattr(reading, "_MAX_NPY_HEADERS", 1000)
    with zipfile.ZipFile(tmp_path / "m.npz", "w", zipfile.ZIP_DEFLATED) as file:
        for n in range(20):
            file.writestr(f"{n}.npy", array_with(b"{'descr': '|O', 'shape': (1,)}".ljust(100)) + bytes(100))
    for read in (pickles_in_zip, partial(list_tensors, "m.npz")):
        with pytest.raises(NoTensors, match="are too long"):
            read(FileReader(tmp_path / "m.npz"))


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(NoTensors):
        tensors(path)


def test_other_files_have_no_tensors(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("hello")
    with pytest.raises(NoTensors):
        tensors(tmp_path / "readme.md")
