"""Models for tests, written in BentoML's own layout, and the comparison of two folders."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import yaml

MIB = 1 << 20
_PAGE = 4096
CREATED = datetime(2024, 5, 17, 9, 30, 12, 345678, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Link:
    """A symbolic link to `target`, as it is written."""

    target: str


@dataclass(frozen=True)
class Executable:
    """A file with its exec bits set: content or, as a number, that many random bytes."""

    content: bytes | int


@dataclass(frozen=True)
class Folder:
    """An empty folder."""


Entry = bytes | int | Link | Executable | Folder

#: Everything a path, a kind or a mode may be inside a model.
ODD_FILES: dict[str, Entry] = {
    "empty.bin": b"",
    "one": b"1",
    "page": _PAGE,
    "block-1": 511,
    "block": 512,
    "block+1": 513,
    "bin/run.sh": Executable(b"#!/bin/sh\necho ok\n"),
    "empty folder": Folder(),
    "deep/er/empty": Folder(),
    "grüße/модель/模型.bin": 3000,
    "cafe\u0301.txt": b"decomposed",
    " leading and trailing ": b"space",
    "-dash": b"-",
    "new\nline": b"\n",
    "quote'\"$`": b"q",
    "n" * 101: b"over 100 characters",
    "é" * 120: b"over 100 characters and not ASCII",
    "/".join(["folder-" + "d" * 60] * 5 + ["file"]): b"over 255 characters",
    "weights/w.bin": 70_000,
    "weights/alias": Link("w.bin"),
    "link-to-folder": Link("weights"),
    "l" * 90 + "/up": Link("../weights/w.bin"),
}


def random_bytes(size: int, seed: str = "") -> Iterator[bytearray]:
    """Deterministic bytes in pieces of at most 1 MiB; no page is like another. The buffer is reused."""
    block = bytearray(random.Random(seed).randbytes(min(size, MIB)))
    stamp = struct.Struct("<Q").pack_into
    for start in range(0, size, MIB):
        length = min(MIB, size - start)
        for offset in range(0, length - 7, _PAGE):
            stamp(block, offset, start + offset)
        yield block if length == MIB else block[:length]


def write_random(path: Path, size: int, seed: str = "") -> None:
    """Write a file of `random_bytes`."""
    with path.open("wb", buffering=0) as file:
        for block in random_bytes(size, seed):
            file.write(block)


def make_model(
    home: Path,
    tag: str,
    files: Mapping[str, Entry] | None = None,
    *,
    size: int | None = None,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, object] | None = None,
    created: datetime = CREATED,
    latest: bool = True,
) -> Path:
    """Write a model into the store of a home; returns its folder.

    Args:
        home: BentoML's home; made if missing.
        tag: `name:version`.
        files: Content by path: bytes, a number of random bytes, a `Link`, an `Executable` or a `Folder`.
        size: Instead of `files`: one file `weights.bin` of that many bytes.
        labels: Labels in model.yaml.
        metadata: Metadata in model.yaml.
        created: Its creation time.
        latest: Whether `latest` is to name it.
    """
    name, version = tag.split(":")
    folder = home / "models" / name / version
    folder.mkdir(parents=True)
    for path, entry in (files if files is not None else {"weights.bin": size or 0}).items():
        _write(folder / path, entry, f"{tag}/{path}")
    (folder / "model.yaml").write_text(_model_yaml(name, version, labels, metadata, created))
    if latest:
        (folder.parent / "latest").write_text(version)
    return folder


def _write(path: Path, entry: Entry, seed: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(entry, Folder):
        path.mkdir(exist_ok=True)
    elif isinstance(entry, Link):
        path.symlink_to(entry.target)
    elif isinstance(entry, Executable):
        _write(path, entry.content, seed)
        path.chmod(0o755)
    elif isinstance(entry, int):
        write_random(path, entry, seed)
    else:
        path.write_bytes(entry)


def _model_yaml(
    name: str,
    version: str,
    labels: Mapping[str, str] | None,
    metadata: Mapping[str, object] | None,
    created: datetime,
) -> str:
    context = {"framework_name": "", "framework_versions": {}, "bentoml_version": "1.4.39", "python_version": "3.11.2"}
    data = {
        "name": name,
        "version": version,
        "module": "",
        "labels": dict(labels or {}),
        "options": {},
        "metadata": dict(metadata or {}),
        "context": context,
        "signatures": {},
        "api_version": "v1",
        "creation_time": created.isoformat(),
    }
    return yaml.safe_dump(data, sort_keys=False)


def differences(a: Path, b: Path) -> list[str]:
    """What differs between two folders: names, kinds, bytes, exec bits, link targets.

    `assert differences(a, b) == []` says what is wrong when it fails.
    """
    left, right = _members(a), _members(b)
    found = [f"only in {a}: {path}" for path in sorted(left.keys() - right.keys())]
    found += [f"only in {b}: {path}" for path in sorted(right.keys() - left.keys())]
    for path in sorted(left.keys() & right.keys()):
        if left[path] != right[path]:
            found.append(f"{path}: {left[path]} or {right[path]}")
        elif left[path][0] == "file" and not _same_bytes(a / path, b / path):
            found.append(f"{path}: bytes differ")
    return found


def _members(root: Path) -> dict[str, tuple[str, object]]:
    if not root.is_dir():
        raise NotADirectoryError(root)
    found: dict[str, tuple[str, object]] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = _describe(path)
    return found


def _describe(path: Path) -> tuple[str, object]:
    kinds: list[tuple[str, Callable[[], bool], Callable[[], object]]] = [
        ("link", path.is_symlink, lambda: os.readlink(path)),
        ("folder", path.is_dir, lambda: ""),
        ("file", path.is_file, lambda: (path.stat().st_size, bool(path.stat().st_mode & 0o100))),
    ]
    return next(((kind, value()) for kind, test, value in kinds if test()), ("other", path.lstat().st_mode))


def _same_bytes(a: Path, b: Path) -> bool:
    with a.open("rb", buffering=0) as left, b.open("rb", buffering=0) as right:
        while data := left.read(MIB):
            if data != right.read(MIB):
                return False
        return not right.read(1)
