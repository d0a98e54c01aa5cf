"""The cut: what did not change is the same part, whatever changed around it."""

from __future__ import annotations

import io
import json
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import gguf
import numpy as np
import pytest

from modelsync_jupyter.archive.borders import find_tensors
from modelsync_jupyter.archive.cut import cut_file, target_size
from modelsync_jupyter.archive.layout import LARGE, Entry, Layout, cut
from tests.harness.cutting import BytesReader
from tests.harness.models import MIB

KIB = 1 << 10
#: Sizes of the tensors of a model: norms between matrices, one of them long.
SIZES = [2048, 700 * KIB, 4096, 4096, 5 * MIB, 1024, 300 * KIB, 2 * MIB, 4096]


def tensors(seed: int = 1, changed: str = "") -> dict[str, np.ndarray[Any, Any]]:
    """Random tensors; the one named `changed` has other values."""
    generator = np.random.default_rng(seed)
    found = {f"t{n}": generator.integers(0, 256, size, dtype=np.uint8) for n, size in enumerate(SIZES)}
    if changed:
        found[changed] ^= 1
    return found


def safetensors(values: dict[str, np.ndarray[Any, Any]], note: str = "") -> bytes:
    stops = list(accumulate(value.nbytes for value in values.values()))
    header: dict[str, Any] = {"__metadata__": {"note": note}}
    for (name, value), stop in zip(values.items(), stops, strict=True):
        header[name] = {"dtype": "U8", "shape": [value.nbytes], "data_offsets": [stop - value.nbytes, stop]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in values.values())


def npz(values: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **values)
    return file.getvalue()


def gguf_file(values: dict[str, np.ndarray[Any, Any]]) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        writer = gguf.GGUFWriter(file.name, "llama")
        writer.add_token_list([f"token {number}" for number in range(1000)])
        for name, value in values.items():
            writer.add_tensor(name, value.view(np.int8))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return file.read()


def pieces(data: bytes) -> dict[bytes, int]:
    """The parts of a file, by what is in them."""
    sizes = list(cut_file(BytesReader(data)))
    assert sum(sizes) == len(data)
    stops = accumulate(sizes)
    return {data[stop - size : stop]: size for stop, size in zip(stops, sizes, strict=True)}


def new_bytes(old: bytes, new: bytes) -> int:
    before = pieces(old)
    return sum(size for part, size in pieces(new).items() if part not in before)


@pytest.mark.parametrize("form", [safetensors, npz, gguf_file], ids=lambda form: form.__name__)
def test_a_tensor_that_changes_is_sent_and_hardly_more(form: Callable[[Any], bytes]) -> None:
    old = form(tensors())
    spans = find_tensors(BytesReader(old))
    assert [stop - start for start, stop in spans if stop - start >= 300 * KIB][:3] != []
    for name, size in (("t4", SIZES[4]), ("t7", SIZES[7]), ("t1", SIZES[1])):
        assert size <= new_bytes(old, form(tensors(changed=name))) <= size + 16 * KIB


def test_a_tensor_more_moves_the_others_and_changes_none() -> None:
    more = {"new": np.ones(600 * KIB, np.uint8), **tensors()}
    assert new_bytes(safetensors(tensors()), safetensors(more)) <= 600 * KIB + 8 * KIB
    assert new_bytes(npz(tensors()), npz(more)) <= 600 * KIB + 8 * KIB


def test_small_tensors_share_parts() -> None:
    many = {f"n{number}": np.full(2000, number % 251, np.uint8) for number in range(2000)}
    assert len(pieces(safetensors(many))) <= 2 + 4 * MIB // (MIB // 2)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"data_offsets"', b'"data_offsetx"'),
        lambda data: struct.pack("<Q", 1 << 60) + data[8:],
        lambda data: b"PK\x03\x04" + data,
        lambda data: b"GGUF" + data,
        lambda data: b"\x93NUMPY" + data,
        lambda data: data[:8] + b"[" * 5000 + data[5008:],
    ],
)
def test_a_broken_header_is_no_error_and_the_file_is_cut_by_its_content(spoil: Callable[[bytes], bytes]) -> None:
    data = spoil(safetensors(tensors()))
    assert find_tensors(BytesReader(data)) in ([], [(len(data) - find_size(data), len(data))])
    assert sum(pieces(data).values()) == len(data)


def find_size(data: bytes) -> int:
    spans = find_tensors(BytesReader(data))
    return spans[0][1] - spans[0][0] if spans else 0


def test_bytes_put_in_near_the_front_of_an_unknown_file_change_the_parts_around_them() -> None:
    old = random.Random(5).randbytes(48 * MIB)
    for at in (1000, 3 * MIB, 20 * MIB):
        put_in = random.Random(at).randbytes(MIB + at)
        assert MIB <= new_bytes(old, old[:at] + put_in + old[at:]) <= len(put_in) + 3 * MIB


def test_an_unknown_file_is_cut_without_looking_at_half_of_it() -> None:
    file = BytesReader(random.Random(6).randbytes(32 * MIB))
    sizes = list(cut_file(file))
    assert max(sizes) <= 1.75 * MIB
    assert min(sizes[:-1]) >= MIB / 4
    assert file.fetched < 1.7 * file.size  # windows overlap little; the search itself stops at the first border


@pytest.mark.parametrize("data", [bytes(20 * MIB), b"ab" * (5 * MIB)], ids=["zeros", "pattern"])
def test_bytes_without_borders_are_cut_all_the_same(data: bytes) -> None:
    assert max(cut_file(BytesReader(data))) <= 1.75 * MIB


def test_the_cut_is_the_one_that_its_name_stands_for() -> None:
    """Content digests are built on it: where this fails, `CUT` needs a new name, or the library an older version."""
    data = random.Random("cut-3").randbytes(6 * MIB)
    assert list(cut_file(BytesReader(data))) == KNOWN


KNOWN = [422310, 839740, 351162, 329309, 374853, 263241, 640945, 482858, 378871, 750069, 341442, 829326, 287330]


def test_targets_grow_with_the_file() -> None:
    sizes = (LARGE, 96 * MIB, 1 << 30, 5 << 30, 1 << 40)
    assert [target_size(size) // MIB for size in sizes] == [1, 1, 4, 8, 16]


def layout_of(names: Iterator[str] | list[str], size: int) -> Layout:
    return Layout.arrange([Entry(name, "file", 0, 0, size) for name in sorted(names)], 0)


def test_a_file_more_among_thousands_changes_the_part_that_it_is_in() -> None:
    names = [f"shard/{number:05}.json" for number in range(10_000)]
    groups = []
    for listed in (names, [*names, "shard/00005b.json"]):
        layout = layout_of(listed, 1000)
        members = {entry.start: entry.path for entry in layout.entries}
        parts = cut(layout, {})
        assert len(parts) < 100
        assert max(part.size for part in parts) <= LARGE + 1536
        groups.append({tuple(path for at, path in members.items() if part.start <= at < part.stop) for part in parts})
    assert len(groups[1] - groups[0]) <= 3


def test_the_file_that_differs_in_every_version_has_a_part_of_its_own() -> None:
    layout = layout_of(["a", "model.yaml", "z"], 100)
    own = layout.entries[1]
    assert (own.start, own.stop) in [(part.start, part.stop) for part in cut(layout, {})]
