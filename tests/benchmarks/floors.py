"""The least that parts of our work can cost here: what is done in a few lines, without a network, a tar or a promise.

    python -m tests.benchmarks.floors read FOLDER
    python -m tests.benchmarks.floors copy FILE TARGET

- read: a process that looks at each file of a folder once, opens, reads and closes it, and hashes it with BLAKE3. A
  push of many small files has to do all of this.
- copy: a process that copies a large file past the page cache on ten threads, hashes each byte on the way, and waits
  until all is on the disk. A pull that has its bytes from another local version has to do this where the file system
  cannot share blocks between files.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path

from blake3 import blake3

from modelsync_jupyter.files import reserve

MIB = 1 << 20
#: As many as a pull has: the disk is what they wait for.
_THREADS = 10


def read_small(folder: str) -> int:
    """Look at, open, read, close and hash each file below a folder; returns how many there are."""
    waiting, count = [folder], 0
    while waiting:
        with os.scandir(waiting.pop()) as items:
            for item in items:
                facts = item.stat(follow_symlinks=False)
                if item.is_dir(follow_symlinks=False):
                    waiting.append(item.path)
                    continue
                file = os.open(item.path, os.O_RDONLY)
                blake3(os.read(file, facts.st_size)).digest()
                os.close(file)
                count += 1
    return count


def copy_hashed(source: Path, target: Path) -> None:
    """Copy a file past the page cache, hash each byte on the way, and wait for the disk."""
    size = source.stat().st_size
    with target.open("wb") as file:
        reserve(file.fileno(), size)  # as a pull does
        pieces = iter(range(0, size, 64 * MIB))
        threads = [threading.Thread(target=_copy_some, args=(source, target, size, pieces)) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.fsync(file.fileno())


def _copy_some(source: Path, target: Path, size: int, pieces: Iterator[int]) -> None:
    """Copy the pieces that no other thread has begun."""
    buffer = mmap(-1, MIB)
    read, through = os.open(source, os.O_RDONLY), os.open(target, os.O_WRONLY)
    past = os.open(target, os.O_WRONLY | os.O_DIRECT)
    try:
        for start in pieces:
            hasher = blake3()
            for position in range(start, min(start + 64 * MIB, size), MIB):
                view = memoryview(buffer)[: min(MIB, size - position)]
                os.preadv(read, [view], position)
                hasher.update(view)
                whole = len(view) == MIB  # what ends within a page cannot go past the cache
                os.pwrite(past if whole else through, view, position)
    finally:
        for file in (read, through, past):
            os.close(file)


def main() -> None:
    """Do one of them."""
    verb, *paths = sys.argv[1:]
    if verb == "read":
        print(read_small(paths[0]), "files")
    else:
        copy_hashed(Path(paths[0]), Path(paths[1]))


if __name__ == "__main__":
    main()
