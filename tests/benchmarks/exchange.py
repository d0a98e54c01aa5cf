"""Export and import beside `tar`, `zstd` and stock BentoML: `python -m tests.benchmarks.exchange`.

The same model each time, whole processes, interleaved; a line for each says the median of ours over theirs, in wall
time and in processor time, which says more on a machine that has other work. `tar` waits for no disk and we do, so it
is shown with and without a flush. The weights are floats with as much chance in them as those of a trained model have.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from modelsync_jupyter.core.units import parse_size
from tests.harness.models import MIB, make_model
from tests.harness.processes import environment

from .measure import Usage, middle, run

MODELSYNC = f"{sys.executable} -m modelsync_jupyter"


def write_weights(path: Path, size: int) -> None:
    """Write floats whose low half is random and whose high half repeats, as trained weights look to a compressor."""
    source = random.Random(7)
    block = bytearray(4 * MIB)
    block[2::4] = bytes(source.choice(b"\x3d\xbd\x3c\xbc") for _ in range(MIB))
    block[3::4] = bytes(source.choice(b"\x3f\xbf") for _ in range(MIB))
    with open(path, "wb") as file:
        for _ in range(size // len(block)):
            block[0::4], block[1::4] = source.randbytes(MIB), source.randbytes(MIB)  # no block is like another
            file.write(block)


def main(size: int, runs: int, only: str) -> None:
    """Measure and print."""
    with TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as name:
        place = Path(name)
        made = make_model(place / "home", "m:v1", {"config.json": b"{}"})
        write_weights(made / "w.bin", size)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process would compile us anew
        env = environment(place / "home", PYTHONPATH=str(Path(__file__).parents[2]))
        out = place / "out"
        out.mkdir()

        def shell(words: str) -> Callable[[], Usage]:
            return lambda: run(["sh", "-c", words], env)

        def clean(*paths: Path) -> None:
            for path in paths:
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True) if path.is_file() else None

        run(shlex.split(f"{MODELSYNC} get m --hash"), env)  # a model that was saved by us has its digest
        ours, theirs = out / "ours", out / "theirs"
        bento = f"{sys.executable} -m bentoml models"
        cases = {
            "export tar / tar c": ("tar", f"tar cf {theirs}.tar -C {made} .", ".tar"),
            "export tar / tar c; sync": ("tar", f"tar cf {theirs}.tar -C {made} . && sync {theirs}.tar", ".tar"),
            "export zst / tar c | zstd -T0": ("zst", f"tar c -C {made} . | zstd -T0 -q -o {theirs}.zst", ".zst"),
            "export bentomodel / bentoml": ("bentomodel", f"{bento} export m:v1 {theirs}.bentomodel", ".bentomodel"),
        }
        for title, (format, words, suffix) in cases.items():
            if not re.search(only, title):
                continue
            export = shell(f"{MODELSYNC} -q export m:v1 {ours}{suffix} --format {format}")
            pairs = []
            for _ in range(1 if format == "bentomodel" else runs):
                clean(Path(f"{ours}{suffix}"), Path(f"{theirs}{suffix}"))
                pairs.append((export(), shell(words)()))
            report(title, pairs, Path(f"{ours}{suffix}").stat().st_size, Path(f"{theirs}{suffix}").stat().st_size)
        far = environment(place / "far", PYTHONPATH=str(Path(__file__).parents[2]))
        unpacked = place / "unpacked"
        imports = {
            "import tar / tar x": (".tar", f"mkdir {unpacked} && tar xf {theirs}.tar -C {unpacked}"),
            "import tar / tar x; sync": (
                ".tar",
                f"mkdir {unpacked} && tar xf {theirs}.tar -C {unpacked} && sync {unpacked}/*",
            ),
            "import zst / zstd -d | tar x": (
                ".zst",
                f"mkdir {unpacked} && zstd -dc {theirs}.zst | tar x -C {unpacked}",
            ),
            "import bentomodel / bentoml": (".bentomodel", f"{bento} import {theirs}.bentomodel"),
        }
        for title, (suffix, words) in imports.items():
            if not re.search(only, title) or not Path(f"{theirs}{suffix}").exists():
                continue
            pairs = []
            for _ in range(1 if suffix == ".bentomodel" else runs):
                for folder in (place / "far", unpacked, place / "stock"):
                    shutil.rmtree(folder, ignore_errors=True)
                mine = run(["sh", "-c", f"{MODELSYNC} -q import {ours}{suffix}"], far)
                shutil.rmtree(place / "far", ignore_errors=True)
                stock = {**env, "BENTOML_HOME": str(place / "stock")}
                pairs.append((mine, run(["sh", "-c", words], stock)))
            report(title, pairs)


def report(title: str, pairs: list[tuple[Usage, Usage]], *sizes: int) -> None:
    """Print the medians, and how many times as long ours took."""
    mine, stock = (middle(side) for side in zip(*pairs, strict=True))
    more = f"   size {sizes[0] / sizes[1]:.3f}" if sizes else ""
    wall = f"{mine.wall:7.2f} s / {stock.wall:7.2f} s = {mine.wall / stock.wall:5.2f}"
    print(f"{title:34} {wall}   cpu {mine.cpu / stock.cpu:5.2f}{more}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=parse_size, default=1024 * MIB)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="one for `.bentomodel`, which takes minutes")
    parser.add_argument("--only", default="", metavar="REGEX", help="only what it finds in a title")
    asked = parser.parse_args()
    main(asked.size, asked.rounds, asked.only)
