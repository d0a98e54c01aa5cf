"""A client that does nothing but move bytes: what a line carries, and what its simulation costs.

    python -m tests.benchmarks.bare put|get URL FILE [--threads N] [--requests N]

Each thread has one connection and sends, or asks for, its share of the file in a few requests. Nothing is hashed, and
what comes is thrown away.
"""

from __future__ import annotations

import argparse
import os
import socket
import threading
from itertools import pairwise
from urllib.parse import urlsplit

_BUFFER = 1 << 20


def move(verb: str, url: str, path: str, start: int, stop: int, requests: int) -> None:
    """Move `[start, stop)` of a file over a connection of its own.

    Args:
        verb: "put" or "get".
        url: Of the object.
        path: The file whose bytes are sent.
        start: Offset of the first byte.
        stop: Offset behind the last byte.
        requests: In how many requests.
    """
    place = urlsplit(url)
    head = f"{verb.upper()} {place.path}?partNumber=1 HTTP/1.1\r\nHost: {place.netloc}\r\n"
    buffer = memoryview(bytearray(_BUFFER))
    edges = [start + (stop - start) * number // requests for number in range(requests + 1)]
    with socket.create_connection((place.hostname, place.port or 80)) as connection, open(path, "rb") as file:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin, end in pairwise(edges):
            if verb == "put":
                connection.sendall(f"{head}Content-Length: {end - begin}\r\n\r\n".encode())
                while begin < end:
                    begin += os.sendfile(connection.fileno(), file.fileno(), begin, min(_BUFFER, end - begin))
                if not connection.recv(_BUFFER).startswith(b"HTTP/1.1 200"):
                    raise ConnectionError("the host did not take it")
                continue
            connection.sendall(f"{head}Range: bytes={begin}-{end - 1}\r\n\r\n".encode())
            left, answer = end - begin, b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(1 << 14)
            left -= len(answer.partition(b"\r\n\r\n")[2])
            while left:
                left -= connection.recv_into(buffer, min(left, _BUFFER)) or left + 1


def main() -> None:
    """Move a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("put", "get"))
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--requests", type=int, default=2, help="of each thread")
    options = parser.parse_args()
    size, count = os.path.getsize(options.file), options.threads
    edges = [size * number // count for number in range(count + 1)]
    threads = [
        threading.Thread(target=move, args=(options.verb, options.url, options.file, start, stop, options.requests))
        for start, stop in pairwise(edges)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
