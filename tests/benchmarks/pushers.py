"""Many clients that push and pull at the same time: `python -m tests.benchmarks.pushers`.

Each client pushes a version, pulls it and compares its bytes, again and again. Prints how long pushes took, what all
moved together, what that cost the server, its memory before and after, and every error. `--sizes 100000` measures small
pushes; the default mix is of all sizes, after a first line for one client with threads enough. Ends with 1 where there
was an error or a wrong byte.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import requests

from tests.harness.postgresql import postgresql
from tests.harness.processes import TOKEN
from tests.harness.s3 import BUCKET, s3_server
from tests.registry import pushing
from tests.registry.server import Client

from .crowd import cpu, registry

MIX = (2_000, 100_000, 100_000, 1_000_000, 8_000_000, 40_000_000)
PART = 8 << 20
PROCESSES = 4


@dataclass
class Tally:
    """What some clients saw: seconds of each push, bytes moved, and errors."""

    pushes: list[float] = field(default_factory=list)
    moved: int = 0
    errors: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what others saw."""
        self.pushes += other.pushes
        self.moved += other.moved
        self.errors += other.errors


def main() -> int:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sizes", type=int, nargs="+", default=MIX, help="bytes of the models, chosen at random")
    parser.add_argument("--postgresql", action="store_true", help="the catalog in PostgreSQL, which waits for the disk")
    parser.add_argument("--s3", action="store_true", help="the blobs in JuiceFS's gateway")
    parser.add_argument("--only-push", action="store_true", help="do not pull")
    parser.add_argument("--no-single", action="store_true", help="skip the line for one client")
    args = parser.parse_args()
    with served(args.postgresql, args.s3) as (url, pid):
        if not args.no_single:
            report("1 client, 8 threads", run(url, 1, 8, args), pid)
        many = run(url, min(PROCESSES, args.clients), -(-args.clients // min(PROCESSES, args.clients)), args, pid)
        report(f"{args.clients} clients", many, pid)
    return bool(many[0].errors)


@contextmanager
def served(in_postgresql: bool, in_s3: bool) -> Iterator[tuple[str, int]]:
    """Run a registry over these engines; yields its URL and process."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modelsync-pushers-")))
        options = ["--log", "none"]
        if in_postgresql:
            options += ["--db", stack.enter_context(postgresql(durable=True))]
        if in_s3:
            (folder / "s3").mkdir()
            os.environ.update(stack.enter_context(s3_server(folder / "s3")))
            options += ["--blobs", f"s3://{BUCKET}/r"]
        yield stack.enter_context(registry(sys.executable, folder, options))


def run(
    url: str, processes: int, threads: int, args: argparse.Namespace, pid: int = 0
) -> tuple[Tally, float, float, list[int]]:
    """Let clients work; returns what they saw, seconds, the server's seconds of processor, and its memory over time."""
    memory: list[int] = []
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(pid, over, memory))
    used, begin = cpu(pid) if pid else 0.0, time.perf_counter()
    watcher.start()
    found = Tally()
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        jobs = [
            pool.submit(clients, url, threads, args.seconds, args.sizes, args.only_push) for number in range(processes)
        ]
        for job in jobs:
            found.add(job.result())
    over.set()
    watcher.join()
    return found, time.perf_counter() - begin, (cpu(pid) - used) if pid else 0.0, memory


def watch(pid: int, over: threading.Event, memory: list[int]) -> None:
    """Note each second how much memory of their own a process and its children have."""
    while pid and not over.wait(1):
        memory.append(rss(pid))


def rss(pid: int) -> int:
    """Bytes of their own that a process and its children have."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    text = "".join(Path(f"/proc/{one}/status").read_text() for one in (pid, *children))
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("RssAnon")) * 1024


def clients(url: str, threads: int, seconds: float, sizes: list[int], only_push: bool) -> Tally:
    """Work with so many threads, each a client of its own."""
    until, found = time.perf_counter() + seconds, Tally()
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(client, url, until, sizes, only_push) for _ in range(threads)]
        for job in jobs:
            found.add(job.result())
    return found


def client(url: str, until: float, sizes: list[int], only_push: bool) -> Tally:
    """Push and pull until it is time."""
    found, me, session = Tally(), Client(url, TOKEN), requests.Session()
    chance = random.Random()
    while time.perf_counter() < until:
        name = f"m{chance.randrange(1 << 60):x}"
        archive = pushing.model_tar(name, "v1", chance.randbytes(chance.choice(sizes)))
        try:
            begin = time.perf_counter()
            push(me, session, name, archive)
            found.pushes.append(time.perf_counter() - begin)
            found.moved += len(archive)
            if not only_push:
                link = pushing.download_url(me, name, "v1")
                got = session.get(link, timeout=120).content
                found.moved += len(got)
                if got != archive:
                    found.errors.append(f"{name}: WRONG BYTES, {len(got)} of {len(archive)}")
        except Exception as error:
            found.errors.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    return found


def push(me: Client, session: requests.Session, name: str, archive: bytes) -> None:
    """Push as our client does: with digests declared, and the upload named."""
    parts = pushing.cut(archive, PART)
    pushing.register(me, name, "v1")
    upload = pushing.start(me, name, "v1", {"parts": pushing.parts_json(parts)})["upload_id"]
    listed = []
    for number, data in enumerate(parts, 1):
        body = {"upload_id": upload, "part_number": number}
        reply = me.ok("PATCH", pushing.path(name, "v1", "presign_multipart_upload_url"), body)
        sent = session.put(reply["presigned_upload_url"], data=data, timeout=120)
        assert sent.status_code == 200, sent.text
        listed.append({"part_number": number, "etag": sent.headers["ETag"]})
    for reply in (
        pushing.complete(me, name, "v1", upload, listed),
        pushing.finish(me, name, "v1", upload=upload),
    ):
        assert reply.status_code == 200, reply.text


def report(name: str, outcome: tuple[Tally, float, float, list[int]], pid: int) -> None:
    """Print a line, and what went wrong."""
    found, seconds, used, memory = outcome
    took = sorted(found.pushes) or [float("nan")]
    line = f"{name:20} {len(found.pushes):5} pushes  median {took[len(took) // 2]:5.2f} s"
    line += f"  p95 {took[int(len(took) * 0.95)]:5.2f} s  worst {took[-1]:5.2f} s"
    line += f"  {found.moved / seconds / 1e6:6.1f} MB/s  {len(found.errors)} errors"
    if memory:
        quarter = max(1, len(memory) // 4)
        middle = sum(memory[quarter : 2 * quarter]) / quarter / 1e6
        end = sum(memory[-quarter:]) / quarter / 1e6
        line += f"  server: {used / max(1, len(took)) * 1000:.0f} ms of processor a push"
        line += (
            f", {middle:.0f} MB of memory in the 2nd quarter, {end:.0f} MB in the 4th, {max(memory) / 1e6:.0f} at most"
        )
    print(line, flush=True)
    for error in found.errors[:10]:
        print("  ", error)


if __name__ == "__main__":
    sys.exit(main())
