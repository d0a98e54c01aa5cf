"""A reverse proxy that does what networks do.

::

    proxy = FaultyProxy(yatai.url)
    proxy.script(Fault.reset_request(after=1 << 20, method="PUT", path="/objects", times=1))
    with proxy:
        push_to(proxy.url)
    assert proxy.log.sent("/objects") < size + (1 << 20) + part

Object traffic passes it too: presigned URLs in JSON replies are rewritten to the proxy, which remembers where each
path really is. The client's `Host` reaches the backend, so that a registry which builds URLs from it names the proxy.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from .httpd import CHUNK, Handler, Service
from .script import CloseError, Fault, ResetError, Script

__all__ = ["Fault", "FaultyProxy"]

_OWN = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length"}
_URL = re.compile(rb'("presigned_\w+"\s*:\s*")https?://([^/"]+)([^"?]*)')


class FaultyProxy(Service):
    """Stands between a client and a backend.

    Args:
        backend: Origin of the backend; may be changed while it runs.
        port: TCP port; 0 takes a free one.

    Attributes:
        log: Every request of the client: bytes sent and received are counted on the client's side.
        added_headers: What every request carries to the backend besides its own headers.
    """

    def __init__(self, backend: str, port: int = 0) -> None:
        super().__init__(port)
        self.backend = backend
        self.added_headers: dict[str, str] = {}
        self._script = Script()
        self._origins: dict[str, str] = {}
        self._stopped = threading.Event()

    def script(self, *faults: Fault) -> None:
        """Add faults; they may be added while it runs."""
        self._script.add(*faults)

    def heal(self) -> None:
        """Drop all faults that have not struck yet, and let go of what is held."""
        self._script.clear()

    def stop(self) -> None:
        self._stopped.set()
        self.heal()
        super().stop()

    def handle(self, handler: Handler) -> None:
        """Carry one exchange, with its fault if it has one."""
        fault = self._script.next(handler.command, handler.exchange.path) or Fault("")
        try:
            _Carrier(self, handler, fault).carry()
        except (ResetError, HTTPException):
            _reset(handler.connection)
            handler.abandon()
        except CloseError:
            handler.wfile.flush()
            handler.abandon()

    def origin(self, path: str) -> str:
        """`host:port` that answers a path."""
        return self._origins.get(path) or urlsplit(self.backend).netloc

    def is_elsewhere(self, path: str) -> bool:
        """Whether a path belongs to another host than the backend."""
        return path in self._origins

    def rewrite(self, body: bytes) -> bytes:
        """JSON with its presigned URLs pointing here."""
        here = urlsplit(self.url).netloc

        def point_here(match: re.Match[bytes]) -> bytes:
            netloc, path = match[2].decode(), match[3].decode()
            if netloc != here:
                self._origins[path] = netloc
            return match[1] + f"http://{here}{path}".encode()

        return _URL.sub(point_here, body)

    def wait(self, seconds: float) -> None:
        """Sleep, unless the proxy is stopped."""
        if self._stopped.wait(seconds):
            raise ResetError


class _Carrier:
    """One exchange on its way."""

    def __init__(self, proxy: FaultyProxy, handler: Handler, fault: Fault) -> None:
        self.proxy, self.handler, self.fault = proxy, handler, fault

    def carry(self) -> None:
        if self.fault.kind == "reset":
            self._strike()
        if self.fault.kind == "reply":
            self.handler.read()
            self._note()
            self.handler.reply(self.fault.status, self.fault.body, dict(self.fault.headers))
            return
        host, _, port = self.proxy.origin(self.handler.exchange.path).partition(":")
        with contextlib.closing(HTTPConnection(host, int(port or 80), timeout=300)) as backend:
            try:
                self._send(backend)
                response = backend.getresponse()
            except OSError as error:
                raise ResetError from error
            self._return(response)

    def _note(self) -> None:
        self.handler.exchange.fault = self.fault.kind

    def _strike(self) -> None:
        """Do what the fault is about, at its byte."""
        self._note()
        self.handler.wfile.flush()
        if self.fault.seconds:
            self.proxy.wait(self.fault.seconds)
        if self.fault.action:
            self.fault.action()
        if self.fault.kind.startswith("reset"):
            raise ResetError
        if self.fault.kind == "truncate":
            raise CloseError

    def _send(self, backend: HTTPConnection) -> None:
        handler, asked = self.handler, self.handler.exchange.headers
        backend.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self._request_headers():
            backend.putheader(name, value)
        chunked = "transfer-encoding" in asked
        if chunked:
            backend.putheader("Transfer-Encoding", "chunked")
        elif "content-length" in asked:
            backend.putheader("Content-Length", asked["content-length"])
        backend.endheaders()
        for chunk in self.fault.filter("request", handler.body(), self._strike):
            if not _pass_on(backend, _chunk(chunk) if chunked else chunk):
                return
        if chunked:
            _pass_on(backend, b"0\r\n\r\n")

    def _request_headers(self) -> Iterator[tuple[str, str]]:
        path = self.handler.exchange.path
        dropped = {"range", "if-range"} if self.fault.kind == "ignore-range" else set()
        yield from self.proxy.added_headers.items()
        for name, value in self.handler.headers.items():
            if name.lower() == "host" and self.proxy.is_elsewhere(path):
                yield name, self.proxy.origin(path)
            elif name.lower() not in _OWN | dropped:
                yield name, value

    def _return(self, response: HTTPResponse) -> None:
        if self.fault.kind == "stall" and self.fault.after < 0:
            self._strike()
        headers = self._response_headers(response)
        if "json" in (response.getheader("Content-Type") or ""):
            body = self.proxy.rewrite(response.read())
            self.handler.exchange.body = body
            self._begin(response, {**headers, "Content-Length": str(len(body))})
            self._body(iter([body] if body else []), chunked=False)
        elif (length := response.getheader("Content-Length")) is not None:
            self._begin(response, {**headers, "Content-Length": length})
            if self._body(_read(response), chunked=False) < int(length) and self.handler.command != "HEAD":
                raise CloseError
        elif response.chunked:
            self._begin(response, {**headers, "Transfer-Encoding": "chunked"})
            self._body(_read(response), chunked=True)
        else:
            self._begin(response, {**headers, "Connection": "close"})
            self._body(_read(response), chunked=False)

    def _response_headers(self, response: HTTPResponse) -> dict[str, str]:
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _OWN}
        if self.fault.kind == "ignore-range":
            self._note()
            headers = {name: value for name, value in headers.items() if name.lower() != "accept-ranges"}
        if self.fault.kind == "etag":
            self._note()
            headers = {name: value for name, value in headers.items() if name.lower() != "etag"}
            headers |= {"ETag": self.fault.etag} if self.fault.etag is not None else {}
        return headers

    def _begin(self, response: HTTPResponse, headers: dict[str, str]) -> None:
        self.handler.exchange.status = response.status
        self.handler.send_response_only(response.status, response.reason)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def _body(self, chunks: Iterator[bytes], *, chunked: bool) -> int:
        size = 0
        for chunk in self.fault.filter("response", chunks, self._strike):
            if chunk:
                self.handler.wfile.write(_chunk(chunk) if chunked else chunk)
                self.handler.exchange.received += len(chunk)
                size += len(chunk)
        if chunked:
            self.handler.wfile.write(b"0\r\n\r\n")
        self.handler.wfile.flush()
        return size


def _read(response: HTTPResponse) -> Iterator[bytes]:
    while data := response.read1(CHUNK):
        yield data


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _pass_on(backend: HTTPConnection, data: bytes) -> bool:
    """Send to the backend; False if it no longer listens, for then its answer is what counts."""
    try:
        backend.send(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _reset(connection: socket.socket) -> None:
    """Send RST, once what was written before has been delivered."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and _undelivered(connection):
        time.sleep(0.001)
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def _undelivered(connection: socket.socket) -> int:
    try:
        return int(struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0])
    except OSError:
        return 0
