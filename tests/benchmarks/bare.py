"""A client that does nothing but move bytes: what a line carries, and what its simulation costs.

    python -m tests.benchmarks.bare put|get URL FILE [--threads N] [--requests N] [--digest] [--keep FILE]

Each thread has one connection and sends, or asks for, its share of the file in a few requests. Nothing is hashed and
what comes is thrown away, unless `--digest` says that each byte is hashed on its way, and `--keep` that what comes is
written into a new file, which is on disk in the end. What lies elsewhere in its page in memory than in the file takes
several times as long to copy, so that shares begin with a page.
"""

from __future__ import annotations

import argparse
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from mmap import PAGESIZE, mmap
from urllib.parse import urlsplit

_BUFFER = 1 << 20


def move(verb: str, url: str, path: str, start: int, stop: int, requests: int, *, digest: bool, keep: int) -> None:
    """Move `[start, stop)` of a file over a connection of its own.

    Args:
        verb: "put" or "get".
        url: Of the object.
        path: The file whose bytes are sent.
        start: Offset of the first byte.
        stop: Offset behind the last byte.
        requests: In how many requests.
        digest: Whether to hash what passes.
        keep: The open file that what comes is written to, or -1.
    """
    place = urlsplit(url)
    head = f"{verb.upper()} {place.path}?partNumber=1 HTTP/1.1\r\nHost: {place.netloc}\r\n"
    buffer = memoryview(mmap(-1, _BUFFER))
    edges = [start + (stop - start) * number // requests // PAGESIZE * PAGESIZE for number in range(requests)] + [stop]
    update = _hasher() if digest else lambda view: None
    with socket.create_connection((place.hostname, place.port or 80)) as connection, open(path, "rb") as file:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin, end in pairwise(edges):
            if verb == "put":
                connection.sendall(f"{head}Content-Length: {end - begin}\r\n\r\n".encode())
                while begin < end:
                    size = min(_BUFFER, end - begin)
                    if digest:
                        size = os.preadv(file.fileno(), [buffer[:size]], begin)
                        update(buffer[:size])
                    sent = begin + size
                    while begin < sent:
                        begin += os.sendfile(connection.fileno(), file.fileno(), begin, sent - begin)
                if not connection.recv(_BUFFER).startswith(b"HTTP/1.1 200"):
                    raise ConnectionError("the host did not take it")
                continue
            connection.sendall(f"{head}Range: bytes={begin}-{end - 1}\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(1 << 14)
            rest = answer.partition(b"\r\n\r\n")[2]
            buffer[: len(rest)] = rest
            count = len(rest)
            while begin < end:
                while count < min(_BUFFER, end - begin):
                    count += connection.recv_into(buffer[count : end - begin], flags=socket.MSG_WAITALL) or _broke()
                update(buffer[:count])
                if keep >= 0:
                    os.pwrite(keep, buffer[:count], begin)
                begin, count = begin + count, 0


def _broke() -> int:
    raise ConnectionError("the host hung up")


def _hasher() -> Callable[[memoryview], object]:
    from blake3 import blake3

    return blake3().update


def main() -> None:
    """Move a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("put", "get"))
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--requests", type=int, default=2, help="of each thread")
    parser.add_argument("--digest", action="store_true", help="hash what passes")
    parser.add_argument("--keep", help="where to write what comes")
    options = parser.parse_args()
    size, count = os.path.getsize(options.file), options.threads
    edges = [size * number // count // PAGESIZE * PAGESIZE for number in range(count)] + [size]
    keep = os.open(options.keep, os.O_WRONLY | os.O_CREAT | os.O_EXCL) if options.keep else -1
    if options.keep:
        os.posix_fallocate(keep, 0, size)
    do = partial(move, options.verb, options.url, options.file, digest=options.digest, keep=keep)
    threads = [threading.Thread(target=do, args=(start, stop, options.requests)) for start, stop in pairwise(edges)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if options.keep:
        os.fsync(keep)


if __name__ == "__main__":
    main()
