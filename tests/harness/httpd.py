"""A threaded HTTP/1.1 server: one thread a connection, keep-alive, no Nagle, and no thread left behind by `stop`."""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .log import Exchange, Log

CHUNK = 1 << 18
S = TypeVar("S", bound="Service")


class IncompleteError(ConnectionError):
    """The client went away inside its request body."""


class Handler(BaseHTTPRequestHandler):
    """Reads one request, hands it to the service, counts what passes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    exchange: Exchange
    server: Listener
    _left: Iterator[bytes]

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:  # the client went away before it had read everything
            self.rfile.close()

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.exchange = self.server.service.log.add(Exchange(self.command, url.path, url.query, headers))
        self._left = self._read_body()
        self.server.service.handle(self)
        for _ in self._left:
            pass

    def abandon(self) -> None:
        """Read no more of this connection."""
        self._left = iter(())
        self.close_connection = True

    def body(self) -> Iterator[bytes]:
        """The request body as it arrives; chunked bodies are decoded.

        Raises:
            IncompleteError: It ended too soon.
        """
        return self._left

    def read(self) -> bytes:
        """The whole request body."""
        return b"".join(self._left)

    def json(self) -> dict[str, Any]:
        """The request body as a JSON object; empty means `{}`."""
        data = json.loads(self.read() or b"{}")
        if not isinstance(data, dict):
            raise ValueError("not an object")
        return data

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Send the status line and headers."""
        self.exchange.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def write(self, data: bytes) -> None:
        """Send a piece of the response body."""
        self.wfile.write(data)
        self.exchange.received += len(data)

    def reply(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Send a whole response."""
        self.begin(status, {**(headers or {}), "Content-Length": str(len(data))})
        if self.command != "HEAD":
            self.write(data)
        self.wfile.flush()

    def reply_json(self, status: int, value: object) -> None:
        """Send a response of JSON."""
        self.exchange.body = json.dumps(value).encode()
        self.reply(status, self.exchange.body, {"Content-Type": "application/json"})

    def _read_body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunked()
        return self._read_sized(int(self.headers.get("Content-Length") or 0))

    def _read_sized(self, size: int) -> Iterator[bytes]:
        while size:
            data = self.rfile.read1(min(size, CHUNK))
            if not data:
                raise IncompleteError("the request body ended too soon")
            size -= len(data)
            self.exchange.sent += len(data)
            yield data

    def _read_chunked(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            yield from self._read_sized(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; `Service.log` remembers."""


class Listener(ThreadingHTTPServer):
    """The socket side of a service; knows its open connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    timeout = 0  # of `handle_request`, which is called when there is one

    def __init__(self, service: Service, port: int, tls: ssl.SSLContext | None) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._ending, self._end = socket.socketpair()
        super().__init__(("127.0.0.1", port), Handler)
        if tls:  # the handshake is done by the thread of the connection, with the first byte it reads
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def serve(self) -> None:
        """Accept connections until `end`, and hear of that at once.

        `serve_forever` looks every so often whether it is to end, and tests stop some thousand services.
        """
        with selectors.DefaultSelector() as selector:
            for each in (self.socket, self._ending):
                selector.register(each, selectors.EVENT_READ)
            while all(key.fileobj is not self._ending for key, _ in selector.select()):
                self.handle_request()

    def end(self) -> None:
        """Let `serve` return."""
        self._end.close()

    def server_close(self) -> None:
        super().server_close()
        self._ending.close()
        self._end.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (OSError, ValueError)):
            self.service.errors.append(error)

    def cut(self) -> None:
        """Break every open connection."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Service:
    """A server in this process; a context manager.

    Args:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        tls: Certificate and key, to speak TLS.

    Attributes:
        log: What was asked.
        errors: Exceptions that escaped the service: a bug of the harness, to be asserted empty.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.log = Log()
        self.errors: list[BaseException] = []
        self._scheme = "https" if tls else "http"
        self._listener = Listener(self, port, tls)
        self._thread = threading.Thread(target=self._listener.serve, daemon=True)

    def handle(self, handler: Handler) -> None:
        """Answer one request."""
        raise NotImplementedError

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        """Origin of the service, without a final slash."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def start(self: S) -> S:
        """Serve until `stop`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and break open connections."""
        if self._thread.is_alive():
            self._listener.end()
            self._thread.join()
        self._listener.server_close()
        self._listener.cut()

    def __enter__(self: S) -> S:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
