"""What travels when little has changed, and how long it takes: our registry in a process of its own, whole commands.

    python -m tests.benchmarks.delta [--size 1GiB] [--only REGEX] [--runs 3]

Each scenario makes a model, pushes it and pulls it elsewhere; then further versions, in each of which little differs,
are pushed and pulled there. All that is timed takes turns, and medians are shown:

- hashed: all of a version is read and hashed once, in this process, from the page cache. Who has to find out what
  changed cannot be quicker.
- copied: `cp -r` of its folder, and an fsync of every file.
- written: its largest file copied past the page cache on ten threads, each byte hashed on the way, and an fsync: see
  `floors`. Where the file system cannot share blocks between files, a pull has to write all of a version to the disk,
  whatever travels: it cannot be quicker than this, and 1.5 times the time of hashing is out of reach where the disk
  writes 2 GB/s and a core hashes 4 GB/s. On XFS and Btrfs it is not.

Bytes are those of parts; the description in front of an archive, 100 bytes for each part, comes on top and is told by
itself.

Why files of unknown formats are cut with `pyfastcdc`, measured on two cores that others used as well: one thread finds
borders in 3.0 to 3.6 GB/s of what it looks at, and in about 6 GB/s of the file, since a part's first quarter of the
target is passed over; two threads at once do 4.0 to 4.2 GB/s of looking, so it lets go of the GIL (BLAKE3 did 4.3
there). Of 150 insertions of up to 1 MiB each, 1.2 targets travelled in the mean and 2.8 at most; with FastCDC's
"normalization" 1.7 and 4.3, with half of each part passed over 1.9 and 4.9. Even blocks send all that lies behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size, parse_size
from modelsync_jupyter.folders import fsync_tree
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import MIB, Entry, make_model
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync

from .floors import copy_hashed

Tensors = Mapping[str, "np.ndarray[Any, Any]"]
Files = dict[str, Entry]


@dataclass(frozen=True)
class Scenario:
    """Versions of a model.

    Args:
        name: As the table shows it.
        changed: Bytes in which each differs from all others: of tensors, or put in.
        old: The files of the first version.
        new: Makes those of another one, by its number from 0.
    """

    name: str
    changed: int
    old: Files
    new: Callable[[int], Files]


def safetensors(tensors: Tensors) -> bytes:
    """A safetensors file."""
    header, position = {}, 0
    for name, value in tensors.items():
        place = [position, position + value.nbytes]
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": place}
        position += value.nbytes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in tensors.values())


def noise(seed: int, size: int) -> np.ndarray[Any, Any]:
    """Random values of `size` bytes."""
    return np.frombuffer(np.random.default_rng(seed).bytes(size), np.float32)


def one_tensor(size: int) -> Scenario:
    """One tensor of 4 MiB among others."""
    tensors = {f"layer.{number}": noise(number, 4 * MIB) for number in range(size // (4 * MIB))}

    def new(run: int) -> Files:
        return {
            "model.safetensors": safetensors({**tensors, f"layer.{len(tensors) // 3}": noise(2**31 + run, 4 * MIB)})
        }

    return Scenario("one tensor of 4 MiB changed", 4 * MIB, {"model.safetensors": safetensors(tensors)}, new)


def inserted(size: int) -> Scenario:
    """1 MiB put in near the front of a file of no known format."""
    data, at = noise(1, size).tobytes(), size // 50 + 12345

    def new(run: int) -> Files:
        return {"model.bin": b"".join((data[:at], noise(2 + run, MIB).tobytes(), data[at:]))}

    return Scenario("1 MiB put in near the front", MIB, {"model.bin": data}, new)


def fine_tuned(size: int) -> Scenario:
    """A network trained on handwritten digits, and its head trained on with all other layers frozen."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16).astype(np.float32)
    random = np.random.default_rng(7)
    widths = [64, 2048, 2048, 1024, 10]
    layers = [random.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32) for a, b in pairwise(widths)]

    def train(head: int, some: np.ndarray[Any, Any]) -> None:
        """Take gradient steps on the layers from `head` on."""
        for _ in range(3):
            values = [pixels[some]]
            for layer in layers[:-1]:
                values.append(np.maximum(values[-1] @ layer, 0))
            scores = values[-1] @ layers[-1]
            chances = np.exp(scores - scores.max(1, keepdims=True))
            slope = chances / chances.sum(1, keepdims=True) - np.eye(10, dtype=np.float32)[labels[some]]
            for index in range(len(layers) - 1, head - 1, -1):
                gradient = values[index].T @ slope / len(some)
                slope = (slope @ layers[index].T) * (values[index] > 0)
                layers[index] = layers[index] - np.float32(0.05) * gradient.astype(np.float32)

    def save() -> Files:
        file = safetensors({f"layer.{index}": layer for index, layer in enumerate(layers)})
        return {"model.safetensors": file, "config.json": json.dumps(widths).encode(), "labels.txt": b"digits\n" * 9000}

    def new(run: int) -> Files:
        train(2, np.arange(1200, 1797))
        return save()

    train(0, np.arange(0, 1200))
    return Scenario("head of a frozen network", layers[2].nbytes + layers[3].nbytes, save(), new)


def one_more(size: int) -> Scenario:
    """One file more beside 10,000 small ones."""
    many: Files = {f"shards/{number:05}.json": b"%d " % number * 200 for number in range(10_000)}
    return Scenario("one file beside 10,000", 1000, many, lambda run: {**many, f"shards/05000-{run}": b"new " * 250})


SCENARIOS: list[Callable[[int], Scenario]] = [one_tensor, inserted, fine_tuned, one_more]


def play(scenario: Scenario, folder: Path, url: str, runs: int) -> Iterator[str]:
    """Carry out a scenario; yields the lines of the table."""
    near, far = folder / "near", folder / "far"
    for home in (near, far):
        modelsync("login", url, env=environment(home, MODELSYNC_TOKEN=TOKEN)).check_returncode()
    tag = "".join(re.findall("[a-z]+", scenario.name))
    make_model(near, f"{tag}:v1", scenario.old)
    first = command(near, "push", f"{tag}:v1")
    command(far, "pull", f"{tag}:v1")
    store, hashes, copies, writes = LocalStore(Home(near)), [], [], []
    done: dict[str, list[dict[str, Any]]] = {"push": [], "pull": []}
    for run in range(runs):
        new = f"{tag}:v{run + 2}"
        made = make_model(near, new, scenario.new(run))
        for _ in range(2):  # what is read for the first time takes longer
            os.sync()
            started = time.perf_counter()
            description = store.describe(store.get(Tag.parse(new)), threads=10)
            hashed = time.perf_counter() - started
            store.index.forget(Tag.parse(new))
        hashes.append(hashed)
        done["push"].append(command(near, "push", new))
        copies.append(copied(made, folder / "copy"))
        writes.append(written(made, folder / "copy"))
        done["pull"].append(command(far, "pull", new))
    again = command(near, "push", new)
    hashed, copy, write = median(hashes), median(copies), median(writes)
    for verb, outcomes in done.items():
        seconds = median(each["seconds"] for each in outcomes)
        ratios = f"{seconds / hashed:4.1f} x hashed"
        if verb == "pull":
            ratios += f", {seconds / (copy + hashed):4.2f} x copied and hashed"
            ratios += f", {seconds / write:4.2f} x written" if write > copy / 10 else ""  # one file is most of it
        yield line(scenario, verb, {**outcomes[0], "seconds": seconds}, ratios)
    header = format_size(len(description.header()))
    parts = f"{len(description.parts)} parts, {header}"
    yield f"{'':30} again: {again['bytes_sent']} bytes, {again['seconds']:.3f} s; {parts}"
    peers = f"hashed: {hashed:.2f} s; copied: {copy:.2f} s; written: {write:.2f} s"
    yield f"{'':30} first push: {first['seconds']:.2f} s; {peers}"


def line(scenario: Scenario, verb: str, done: Mapping[str, Any], ratios: str) -> str:
    """A line of the table."""
    moved = done["bytes_sent" if verb == "push" else "bytes_received"]
    return (
        f"{scenario.name:30} {verb}: {format_size(moved):>9} of {format_size(done['size']):>9}, "
        f"{moved / scenario.changed:5.2f} x changed, {done['seconds']:5.2f} s = {ratios}"
    )


def copied(source: Path, target: Path) -> float:
    """Seconds that it takes to copy a folder, until all of it is on the disk."""
    os.sync()
    started = time.perf_counter()
    subprocess.run(("cp", "-r", str(source), str(target)), check=True)
    fsync_tree(target)
    taken = time.perf_counter() - started
    shutil.rmtree(target)
    return taken


def written(source: Path, target: Path) -> float:
    """Seconds that it takes to copy and hash the largest file of a folder, until all of it is on the disk."""
    largest = max((path for path in source.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    os.sync()
    started = time.perf_counter()
    copy_hashed(largest, target)
    taken = time.perf_counter() - started
    target.unlink()
    return taken


def command(home: Path, verb: str, tag: str) -> dict[str, Any]:
    """Run a command, and return the outcome that it prints."""
    done = modelsync(verb, tag, "--output", "json", env=environment(home))
    if done.returncode:
        raise RuntimeError(done.stderr)
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def main() -> None:
    """Play the scenarios and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=1 << 30, help="bytes of the large files (1GiB)")
    parser.add_argument("--only", default="", help="scenarios to play: a regular expression")
    parser.add_argument("--runs", type=int, default=3, help="how many versions come after the first (3)")
    parser.add_argument("--folder", type=Path, help="where to work: a disk, not tmpfs (the system's temporary folder)")
    options = parser.parse_args()
    for make in SCENARIOS:
        if not re.search(options.only, make.__name__):
            continue
        with (
            tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder,
            RegistryProcess(Path(folder, "registry")) as registry,
        ):
            for line in play(make(options.size), Path(folder), registry.url, options.runs):
                print(line, flush=True)


if __name__ == "__main__":
    main()
