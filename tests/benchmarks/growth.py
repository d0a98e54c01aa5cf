"""What planning costs as models and stores grow: a sparse terabyte, 100,000 files, 10,000 versions.

    python -m tests.benchmarks.growth [--files 100000] [--size 1TB] [--versions 10000] [--only REGEX]

Each row is a whole process, and every kind of model is tried at a tenth of its size and at all of it: what is linear
takes ten times as long, less what a process costs at all. The server is a plain API whose object host forgets what it
is sent.

The terabyte is a thousand safetensors files of 1 GB, which have the most parts that a description may name. It is
planned without its digests, as the sidebar does; then described with all but the hashing of its bytes, which takes 0.3
s of a processor for each GB; and planned with the digests that the index holds by then. It is not sent.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelsync_jupyter.core.units import parse_size
from tests.harness.models import make_model
from tests.harness.processes import MODELSYNC, environment

from .hosts import process, sink
from .measure import Usage, run

_PLAN = """
from modelsync_jupyter import Client
print(Client().plan("push", "grown:v1", exact=False).reason)
"""
_DESCRIBE = """
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store import hashing
from modelsync_jupyter.store.local import LocalStore

def leave_out(self, part, submit):  # as if the bytes had been hashed
    self._digests[part.start] = hashing._EMPTY
    return part.size

hashing.Hashing._hash_part = leave_out
store = LocalStore(Home.find())
description = store.describe(store.get(Tag.parse("grown:v1")), threads=2)
print(len(description.parts), "parts,", len(description.header()), "bytes of description")
"""


def python(code: str, env: dict[str, str]) -> Usage:
    """Run code in a process of its own."""
    return run((sys.executable, "-c", code), env)


def grow_size(home: Path, size: int) -> None:
    """Make a model of sparse files of 1 GB, each of eight tensors."""
    folder = make_model(home, "grown:v1", {"config.json": b"{}"})
    each = 10**9 // 8
    places = {f"layer.{number}": [number * each, (number + 1) * each] for number in range(8)}
    text = json.dumps({name: {"dtype": "U8", "shape": [each], "data_offsets": at} for name, at in places.items()})
    for number in range(size // 10**9):
        with (folder / f"model-{number:05}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text.encode())
            file.truncate(8 + len(text) + 8 * each)


def grow_files(home: Path, count: int) -> None:
    """Make a model of many small files."""
    make_model(home, "grown:v1", {f"d{number // 500:04}/f{number:06}": b"x" * 100 for number in range(count)})


def grow_versions(home: Path, count: int) -> None:
    """Make many versions of one name."""
    text = (make_model(home, "grown:v1", {}) / "model.yaml").read_text()
    for number in range(2, count + 1):
        folder = home / "models" / "grown" / f"v{number}"
        folder.mkdir()
        (folder / "model.yaml").write_text(text.replace("version: v1\n", f"version: v{number}\n"))


def rows(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Usage]]:
    """Run everything, or what a regular expression chooses."""
    with sink() as host, process("tests.harness.yatai", "--folder", f"{folder}/api", "--uploads-to", host) as url:
        home, kinds = folder / "home", (of_size, of_files, of_versions)
        for part in (10, 1):
            for kind in kinds:
                if re.search(options.only, kind.__name__):
                    yield from kind(home, environment(home, url), options, part)
                    shutil.rmtree(home)


def of_size(home: Path, env: dict[str, str], options: argparse.Namespace, part: int) -> Iterator[tuple[str, Usage]]:
    """A model of many bytes."""
    grow_size(home, options.size // part)
    yield f"plan a push of {options.size // part / 1e9:,.0f} GB", python(_PLAN, env)
    yield "  describe it, hashing left out", python(_DESCRIBE, env)
    yield "  plan it once more", run((*MODELSYNC, "push", "grown:v1", "-n"), env)


def of_files(home: Path, env: dict[str, str], options: argparse.Namespace, part: int) -> Iterator[tuple[str, Usage]]:
    """A model of many files."""
    grow_files(home, options.files // part)
    yield f"plan a push of {options.files // part:,} files", python(_PLAN, env)
    yield "  push them", run((*MODELSYNC, "push", "grown:v1", "--force"), env)
    yield "  push them again", run((*MODELSYNC, "push", "grown:v1"), env)


def of_versions(home: Path, env: dict[str, str], options: argparse.Namespace, part: int) -> Iterator[tuple[str, Usage]]:
    """A store of many versions."""
    grow_versions(home, options.versions // part)
    yield f"list {options.versions // part:,} versions", run((*MODELSYNC, "list"), env)
    yield "  once more", run((*MODELSYNC, "list"), env)
    yield "  a page of 50", run((*MODELSYNC, "list", "--limit", "50"), env)
    yield "  a page of 50 once more", run((*MODELSYNC, "list", "--limit", "50"), env)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=10**12)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--only", default="", help="of_size, of_files or of_versions: a regular expression")
    parser.add_argument("--folder", type=Path, help="where to work (the system's temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-", dir=options.folder) as folder:
        for name, usage in rows(Path(folder), options):
            print(f"{name:44} {usage.wall:7.2f} s {usage.cpu:7.2f} s CPU {usage.anon / 1e6:6.0f} MB", flush=True)
            os.sync()


if __name__ == "__main__":
    main()
