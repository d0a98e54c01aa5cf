"""An object host that takes every PUT, forgets it and answers 200 with an ETag, as cheaply as Python can.

With `--kept DIR` it is the part behind nginx that answers when nginx has written a body to disk: nginx names the file
in `X-File`, and it is moved to DIR (`DIR/objects/KEY`; multipart bodies to `DIR/objects/KEY.PART`).

With `--delay`, `--rate` and `--root DIR` it is an object host far away: it also answers GETs, with ranges, from DIR,
each answer begins after a delay, and no connection carries more than so many bytes a second. The kernel sends what is
read, so that such a host costs little even at full speed.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

BUFFER = 1 << 20


@dataclass(frozen=True)
class Host:
    """How a host behaves.

    Args:
        kept: Where nginx's files go.
        root: What GETs are answered from.
        delay: Seconds before each answer.
        rate: Bytes a second of one connection, each way; 0 for no limit.
    """

    kept: Path | None = None
    root: Path | None = None
    delay: float = 0.0
    rate: float = 0.0

    def wait(self, begun: float, moved: int) -> None:
        """Wait until a connection that began to move bytes then may have moved so many."""
        if self.rate and (ahead := begun + moved / self.rate - time.monotonic()) > 0:
            time.sleep(ahead)


def serve(connection: socket.socket, host: Host) -> None:
    """Answer one connection until it closes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(BUFFER))
    with connection:
        try:
            while head := _head(connection):
                _answer(connection, *head, buffer, host)
        except ConnectionError:
            return


def _head(connection: socket.socket) -> tuple[bytes, bytes] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        if not piece:
            return None
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _answer(connection: socket.socket, head: bytes, rest: bytes, buffer: memoryview, host: Host) -> None:
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "expect" in headers:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if host.root and lines[0].startswith("GET "):
        _send(connection, host, host.root / unquote(urlsplit(lines[0].split()[1]).path).lstrip("/"), headers)
        return
    size = left = int(headers.get("content-length", 0)) - len(rest)
    begun = time.monotonic()
    while left > 0:
        count = connection.recv_into(buffer, min(left, BUFFER))
        if not count:
            raise ConnectionError("the body ended too soon")
        left -= count
        host.wait(begun, size - left)
    if host.kept:
        _keep(host.kept, lines[0].split()[1], Path(headers["x-file"]))
    time.sleep(host.delay)
    etag = f'ETag: "{secrets.token_hex(16)}"\r\n'
    connection.sendall(f"HTTP/1.1 200 OK\r\n{etag}Content-Length: 0\r\n\r\n".encode())


def _send(connection: socket.socket, host: Host, path: Path, headers: dict[str, str]) -> None:
    """Answer a GET, of a range if it asks for one."""
    time.sleep(host.delay)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start, stop, status = 0, size, "200 OK"
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", "")):
            start, stop, status = int(found[1]), min(int(found[2] or size) + 1, size), "206 Partial Content"
        told = f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n" if found else ""
        head = f'HTTP/1.1 {status}\r\nETag: "{size}"\r\n{told}Content-Length: {stop - start}\r\n\r\n'
        connection.sendall(head.encode())
        begun, position = time.monotonic(), start
        while position < stop:
            position += connection.sendfile(file, position, min(BUFFER, stop - position))
            host.wait(begun, position - start)


def _keep(kept: Path, target: str, file: Path) -> None:
    url = urlsplit(target)
    number = parse_qs(url.query).get("partNumber", ["1"])[0]
    path = kept / f"{unquote(url.path).lstrip('/')}.{number}"
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(file, path)


def main() -> None:
    """Listen on a free port of 127.0.0.1 and print the URL."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=0.0)
    host = Host(**vars(parser.parse_args()))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, host), daemon=True).start()


if __name__ == "__main__":
    main()
