"""Tensors are told apart by the digests of parts, wherever they lie in a file, and hardly anything is read for it."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.description import digest_bytes
from modelsync_jupyter.contents.diff import File, Side, diff
from modelsync_jupyter.contents.reader import FileReader
from modelsync_jupyter.core.tags import Tag
from tests.harness.models import MIB


def side(folder: Path, version: str, tensors: dict[str, bytes]) -> Side:
    """A version of one file, of which no more may be read than its header and little besides."""
    header, position = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [position, position + len(data)]}
        position += len(data)
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + b"".join(tensors.values())
    path = folder / version
    path.write_bytes(content)
    start, pieces = 0, []
    for size in cut_file(FileReader(path)):
        pieces.append((start, start + size, digest_bytes(content[start : start + size])))
        start += size
    files = {"w.safetensors": File(len(content), digest_bytes(content), tuple(pieces))}
    return Side(Tag("m", version), "local", files, {}, open=lambda _: FileReader(path), budget=2 * 64 * 1024)


def test_moved_tensors_are_the_same_and_late_changes_are_changes(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes
    old = {"a": noise(3 * MIB), "b": noise(2 * MIB + 5), "c": noise(3 * MIB)}
    late = old["c"][:-1] + bytes([old["c"][-1] ^ 1])
    new = {"new": noise(1_500_000), "a": old["a"], "b": old["b"], "c": late}
    found = diff(side(tmp_path, "v1", old), side(tmp_path, "v2", new))
    assert [(each.name, each.how) for each in found.of("tensor")] == [("c", "changed"), ("new", "added")]
    assert found.remarks == ()
