"""What planning costs as models and stores grow: a sparse terabyte, 100,000 files, 10,000 versions.

    python -m tests.benchmarks.growth [--files 100000] [--size 1TB] [--versions 10000]

Each row is a whole process, and every kind of model is tried at a tenth of its size and at all of it: what is linear
takes ten times as long, less what a process costs at all. The server is a plain API whose object host forgets what it
is sent; a terabyte is planned and described, from digests that the index holds, and not sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelsync_jupyter.core.units import parse_size
from tests.harness.models import make_model
from tests.harness.processes import MODELSYNC, environment

from .hosts import process, sink
from .measure import Usage, run

_DESCRIBE = """
import sys, time
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store import index
from modelsync_jupyter.store.local import LocalStore
if sys.argv[1] == "known":  # as if every byte had been hashed: only the hashing is left out, not the rest
    index._Hashing._hash_part = lambda self, part: self._digests.update({part.number: index._EMPTY}) or part.size
store = LocalStore(Home.find())
description = store.describe(store.get(Tag.parse("grown:v1")), threads=2)
print(len(description.parts), "parts,", len(description.header()), "bytes of description")
"""


def describe(env: dict[str, str], how: str) -> Usage:
    """Describe the model in a process of its own."""
    return run((sys.executable, "-c", _DESCRIBE, how), env)


def grow_size(home: Path, size: int) -> None:
    """Make a model of one sparse file."""
    folder = make_model(home, "grown:v1", {"config.json": b"{}"})
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(size)


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
    """Run everything."""
    with sink() as host, process("tests.harness.yatai", "--folder", f"{folder}/api", "--uploads-to", host) as url:
        for part in (10, 1):
            home = folder / "home"
            env = environment(home, url)
            grow_size(home, options.size // part)
            yield (
                f"plan a push of {options.size // part / 1e9:,.0f} GB",
                run((*MODELSYNC, "push", "grown:v1", "-n"), env),
            )
            yield "  describe it, hashing left out", describe(env, "known")
            yield "  look at it again", run((*MODELSYNC, "push", "grown:v1", "-n"), env)
            shutil.rmtree(home)
            grow_files(home, options.files // part)
            yield f"plan a push of {options.files // part:,} files", run((*MODELSYNC, "push", "grown:v1", "-n"), env)
            yield "  push them", run((*MODELSYNC, "push", "grown:v1", "--force"), env)
            yield "  push them again", run((*MODELSYNC, "push", "grown:v1"), env)
            shutil.rmtree(home)
            grow_versions(home, options.versions // part)
            yield f"list {options.versions // part:,} versions", run((*MODELSYNC, "list"), env)
            yield "  once more", run((*MODELSYNC, "list"), env)
            yield "  a page of 50", run((*MODELSYNC, "list", "--limit", "50"), env)
            shutil.rmtree(home)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=10**12)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where to work (the system's temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-", dir=options.folder) as folder:
        for name, usage in rows(Path(folder), options):
            print(f"{name:44} {usage.wall:7.2f} s {usage.cpu:7.2f} s CPU {usage.anon / 1e6:6.0f} MB", flush=True)
            os.sync()


if __name__ == "__main__":
    main()
