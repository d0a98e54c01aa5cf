"""An object host that takes every PUT, forgets it and answers 200 with an ETag, as cheaply as Python can.

With `--kept DIR` it is the part behind nginx that answers when nginx has written a body to disk: nginx names the file
in `X-File`, and it is moved to DIR (`DIR/objects/KEY`; multipart bodies to `DIR/objects/KEY.PART`).
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import threading
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

BUFFER = 1 << 20


def serve(connection: socket.socket, kept: Path | None) -> None:
    """Answer one connection until it closes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(BUFFER))
    with connection:
        try:
            while head := _head(connection):
                _answer(connection, *head, buffer, kept)
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


def _answer(connection: socket.socket, head: bytes, rest: bytes, buffer: memoryview, kept: Path | None) -> None:
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "expect" in headers:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    left = int(headers.get("content-length", 0)) - len(rest)
    while left > 0:
        count = connection.recv_into(buffer, min(left, BUFFER))
        if not count:
            raise ConnectionError("the body ended too soon")
        left -= count
    if kept:
        _keep(kept, lines[0].split()[1], Path(headers["x-file"]))
    etag = f'ETag: "{secrets.token_hex(16)}"\r\n'
    connection.sendall(f"HTTP/1.1 200 OK\r\n{etag}Content-Length: 0\r\n\r\n".encode())


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
    kept = parser.parse_args().kept
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, kept), daemon=True).start()


if __name__ == "__main__":
    main()
