"""How the registry answers while a thousand others are connected: `python -m tests.benchmarks.crowd`.

Starts a registry, measures `/healthz`, a listing and throughput, then does so again beside a crowd of silent
connections, unfinished headers, bodies promised and never sent, and slow downloads. Prints one line for each.
`--python` runs the registry of another environment, to compare two versions.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.models import MIB
from tests.harness.processes import TOKEN
from tests.registry import pushing
from tests.registry.server import Client

PART = 32 * MIB
SLOW = 300_000


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--crowd", type=int, default=1000, help="connections, a quarter of each kind")
    parser.add_argument("--parts", type=int, default=32, help="parts of 32 MiB that are put and got")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-crowd", nargs=2, metavar=("URL", "N"), help=argparse.SUPPRESS)
    parser.add_argument("options", nargs="*", help="more options of the registry, behind `--`")
    args = parser.parse_args()
    if args.only_crowd:
        asyncio.run(crowd(args.only_crowd[0], int(args.only_crowd[1])))
        return
    with (
        tempfile.TemporaryDirectory(prefix="modelsync-crowd-") as folder,
        registry(args.python, Path(folder), args.options) as (url, pid),
    ):
        client = Client(url, TOKEN)
        download = prepare(client, args.parts)
        for name in ("alone", "crowd") * 2:
            with crowded(download, args.crowd) if name == "crowd" else nullcontext():
                report(name, client, download, args.parts, args.rounds, pid)


@contextmanager
def registry(python: str, folder: Path, options: list[str]) -> Iterator[tuple[str, int]]:
    """Run a registry; yields its URL and process."""
    command = [python, "-m", "modelsync_jupyter", "serve", "--data", str(folder / "data"), "--port", "0", *options]
    env = {**os.environ, "MODELSYNC_ADMIN_TOKEN": TOKEN}
    with subprocess.Popen(
        command, env=env, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1], process.pid
        finally:
            process.terminate()


def prepare(client: Client, parts: int) -> str:
    """Push a model of `parts` parts, and 50 small ones; returns a URL of the big one's archive."""
    archive = pushing.model_tar("big", "v1", os.urandom(MIB) * (parts * PART // MIB))
    pushing.register(client, "big", "v1")
    pushing.send(client, "big", "v1", archive, PART)
    pushing.finish(client, "big", "v1")
    for number in range(50):
        pushing.push(client, f"small{number}", "v1")
    return pushing.download_url(client, "big", "v1")


def report(name: str, client: Client, download: str, parts: int, rounds: int, pid: int) -> None:
    """Measure and print one line."""
    health = p95(lambda: client.session.get(f"{client.url}/healthz", timeout=30).raise_for_status(), 100)
    listing = p95(lambda: client.call("GET", "/models?count=50").raise_for_status(), 60)
    before = cpu(pid)
    put = best(lambda: putting(client, parts, f"{name}{time.monotonic_ns()}"), rounds)
    between = cpu(pid)
    got = best(lambda: getting(download, parts), rounds)
    after = cpu(pid)
    gigabytes = rounds * parts * PART / 1e9
    print(
        f"{name:6} healthz p95 {health * 1000:6.1f} ms  listing p95 {listing * 1000:6.1f} ms  "
        f"PUT {put:.2f} GB/s {(between - before) / gigabytes:.2f} cpu/GB  "
        f"GET {got:.2f} GB/s {(after - between) / gigabytes:.2f} cpu/GB",
        flush=True,
    )


def p95(ask: Callable[[], object], count: int) -> float:
    """Seconds in which 95 of 100 answers came."""
    seconds = []
    for _ in range(count):
        begin = time.perf_counter()
        try:
            ask()
        except Exception as error:
            print("  failed:", type(error).__name__)
            return float("nan")
        seconds.append(time.perf_counter() - begin)
        time.sleep(0.01)
    return sorted(seconds)[int(len(seconds) * 0.95)]


def best(measure: Callable[[], float], rounds: int) -> float:
    """The best of some rounds; not a number where one of them fails."""
    try:
        return max(measure() for _ in range(rounds))
    except OSError as error:  # those of `requests` too
        print("  failed:", type(error).__name__)
        return float("nan")


def cpu(pid: int) -> float:
    """Seconds of processor that a process and its children have used."""
    text = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True).stdout
    ticks = 0
    for one in [pid, *map(int, text.split())]:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def putting(client: Client, parts: int, name: str) -> float:
    """Put parts with four threads; returns GB/s."""
    pushing.register(client, name, "v1")
    uid = pushing.start(client, name, "v1")["upload_id"]
    body = {"upload_id": uid}
    urls = [
        client.ok("PATCH", pushing.path(name, "v1", "presign_multipart_upload_url"), {**body, "part_number": number})
        for number in range(1, parts + 1)
    ]
    data = os.urandom(PART)

    def put(model: dict[str, str]) -> None:
        url = urlsplit(model["presigned_upload_url"])
        connection = connection_of(url.netloc)
        connection.putrequest("PUT", f"{url.path}?{url.query}")
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders()
        view = memoryview(data)
        connection.sock.sendall(os.urandom(16))
        connection.sock.sendall(view[16:])
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200, reply.status

    return rate(put, urls, parts)


def getting(download: str, parts: int) -> float:
    """Get ranges with four threads; returns GB/s."""
    url = urlsplit(download)

    def get(number: int) -> None:
        connection = connection_of(url.netloc)
        headers = {"Range": f"bytes={number * PART}-{(number + 1) * PART - 1}"}
        connection.request("GET", f"{url.path}?{url.query}", headers=headers)
        reply = connection.getresponse()
        buffer, left = bytearray(MIB), PART
        while left:
            count = reply.readinto(buffer)
            assert count
            left -= count

    return rate(get, range(parts), parts)


_local = threading.local()


def connection_of(netloc: str) -> http.client.HTTPConnection:
    """This thread's connection."""
    if not hasattr(_local, "connection"):
        _local.connection = http.client.HTTPConnection(netloc, timeout=60)
    connection: http.client.HTTPConnection = _local.connection
    return connection


def rate(run: Callable[..., None], items: Iterable[object], parts: int) -> float:
    """Run for each item with four threads; returns GB/s."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, items))
    return parts * PART / 1e9 / (time.perf_counter() - begin)


@contextmanager
def crowded(download: str, size: int) -> Iterator[None]:
    """Keep the crowd connected, from a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.crowd", "--only-crowd", download, str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


async def crowd(download: str, size: int) -> None:
    """Connect `size` times, say so, and stay until killed."""
    url = urlsplit(download)
    promised = f"POST /api/v1/models HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000000000\r\n\r\n"
    slow = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n"
    kinds = ["", "GET /healthz HTTP/1.1\r\nHost: a\r\nX-", promised, slow]
    tasks = [asyncio.create_task(member(url.netloc, kinds[number % 4], number)) for number in range(size)]
    await asyncio.sleep(3)
    print("there", flush=True)
    await asyncio.gather(*tasks)


async def member(netloc: str, text: str, number: int) -> None:
    """One of them: says `text`, and reads what comes at the pace of a slow link; comes again when sent away."""
    host, _, port = netloc.rpartition(":")
    await asyncio.sleep(number % 100 / 100)
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, int(port), limit=SLOW // 2)
            writer.write(text.encode())
            while await reader.read(SLOW // 2):
                await asyncio.sleep(0.5)
        except OSError:
            pass
        await asyncio.sleep(1)


if __name__ == "__main__":
    main()
