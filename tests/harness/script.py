"""Faults as values, and the script that says which request gets which."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Where = Literal["", "request", "response"]
EXPIRED = b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


class ResetError(Exception):
    """The connection is to be reset."""


class CloseError(Exception):
    """The connection is to be closed cleanly, whatever is missing."""


class Gate:
    """Lets bytes of many bodies pass, so many together, and holds all others until it is opened.

    Args:
        size: How many bytes pass; a piece that begins below that passes whole.
    """

    def __init__(self, size: int) -> None:
        self._left, self._lock, self._opened = size, threading.Lock(), threading.Event()

    def open(self) -> None:
        """Let everything pass from now on."""
        self._opened.set()

    def hold(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass chunks on, or wait with them."""
        for chunk in chunks:
            with self._lock:
                closed, self._left = self._left <= 0, self._left - len(chunk)
            if closed:
                self._opened.wait()
            yield chunk


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with one request.

    Make it with one of the functions below, which all take `method` (any if empty), `path` (a regular expression found
    anywhere in the path, without the query), `skip` (let that many matching requests pass first) and `times` (then hit
    that many; None is all).
    """

    kind: str
    where: Where = ""
    after: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    rate: float = 0.0
    etag: str | None = None
    action: Callable[[], object] | None = None
    gate: Gate | None = None
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int | None = 1

    @classmethod
    def reset(cls, **match: Any) -> Fault:
        """Reset the connection as soon as the request's headers are there; the backend never hears of it."""
        return cls("reset", **match)

    @classmethod
    def reset_request(cls, after: int, **match: Any) -> Fault:
        """Reset when `after` bytes of the request body have been passed on; the backend's connection breaks too."""
        return cls("reset-request", "request", after, **match)

    @classmethod
    def reset_response(cls, after: int, **match: Any) -> Fault:
        """Reset when `after` bytes of the response body have reached the client. The backend has done its work."""
        return cls("reset-response", "response", after, **match)

    @classmethod
    def truncate(cls, after: int, **match: Any) -> Fault:
        """Close cleanly after that many bytes of the response body: fewer than Content-Length says."""
        return cls("truncate", "response", after, **match)

    @classmethod
    def reply(cls, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, **match: Any) -> Fault:
        """Read the request and answer without asking the backend."""
        return cls("reply", status=status, body=body, headers=headers or {}, **match)

    @classmethod
    def unavailable(cls, status: int = 503, retry_after: float | None = None, **match: Any) -> Fault:
        """Answer 503, 500, 429, 408, ..., with `Retry-After` if given."""
        return cls.reply(status, b"busy", {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}, **match)

    @classmethod
    def expired(cls, **match: Any) -> Fault:
        """Answer as S3 does when a presigned URL is too old."""
        return cls.reply(403, EXPIRED, {"Content-Type": "application/xml"}, **match)

    @classmethod
    def stall(cls, seconds: float = 3600, after: int | None = None, **match: Any) -> Fault:
        """Fall silent for some seconds, then go on; the request has been read and passed on.

        `after` that many bytes of the response body, or, without it, before the response begins.
        """
        return cls("stall", "response", -1 if after is None else after, seconds=seconds, **match)

    @classmethod
    def stall_request(cls, seconds: float = 3600, after: int = 0, **match: Any) -> Fault:
        """Stop reading the request body for some seconds after that many bytes."""
        return cls("stall-request", "request", after, seconds=seconds, **match)

    @classmethod
    def flip_request(cls, offset: int, **match: Any) -> Fault:
        """Flip one bit of the request body."""
        return cls("flip-request", "request", offset, **match)

    @classmethod
    def flip_response(cls, offset: int, **match: Any) -> Fault:
        """Flip one bit of the response body."""
        return cls("flip-response", "response", offset, **match)

    @classmethod
    def wrong_etag(cls, etag: str | None = None, **match: Any) -> Fault:
        """Replace the response's ETag; None drops it."""
        return cls("etag", etag=etag, **match)

    @classmethod
    def ignore_range(cls, **match: Any) -> Fault:
        """Answer with the whole object, status 200 and no `Accept-Ranges`, whatever range was asked for."""
        return cls("ignore-range", **match)

    @classmethod
    def throttle(cls, rate: float, **match: Any) -> Fault:
        """Pass both bodies on at that many bytes a second for each request; all that match, unless told otherwise."""
        return cls("throttle", rate=rate, **{"times": None, **match})

    @classmethod
    def hold(cls, after: int = 0, **match: Any) -> Fault:
        """Stop both bodies of every request that matches as soon as `after` bytes of them all have passed; for good,
        or until the proxy is healed. Who was moving bytes stands still, and can be killed at leisure."""
        return cls("hold", gate=Gate(after), **{"times": None, **match})

    @classmethod
    def call(cls, action: Callable[[], object], where: Where = "request", after: int = 0, **match: Any) -> Fault:
        """Call a function when that many bytes of a body have been passed on: a kill at the right moment."""
        return cls("call", where, after, action=action, **match)

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault is for such a request."""
        return self.method in ("", method) and re.search(self.path, path) is not None

    def filter(self, where: Where, chunks: Iterable[bytes], strike: Callable[[], None]) -> Iterator[bytes]:
        """The body with the fault in it; `strike` is called when the fault's byte is reached.

        Args:
            where: Which body this is.
            chunks: The body as it comes.
            strike: Does or raises what the fault is about.
        """
        if self.kind == "throttle":
            return slow(chunks, self.rate)
        if self.gate:
            return self.gate.hold(chunks)
        if where != self.where or self.after < 0:
            return iter(chunks)
        return strike_at(chunks, self.after, strike, flip=self.kind.startswith("flip"))


def strike_at(chunks: Iterable[bytes], offset: int, strike: Callable[[], None], *, flip: bool) -> Iterator[bytes]:
    """Pass chunks on; call `strike` exactly when `offset` bytes have passed. With `flip` the next byte is spoilt."""
    passed, struck = 0, False
    if not flip and offset == 0:
        struck = True
        strike()
    for chunk in chunks:
        if struck or passed + len(chunk) < offset + flip:
            passed += len(chunk)
            yield chunk
            continue
        cut, struck = offset - passed, True
        yield chunk[:cut]
        strike()
        yield bytes([chunk[cut] ^ 1]) + chunk[cut + 1 :] if flip else chunk[cut:]


def slow(chunks: Iterable[bytes], rate: float) -> Iterator[bytes]:
    """Pass chunks on at `rate` bytes a second, in steps of about 20 ms."""
    step = max(int(rate / 50), 1)
    for chunk in chunks:
        for start in range(0, len(chunk), step):
            piece = chunk[start : start + step]
            time.sleep(len(piece) / rate)
            yield piece


class Script:
    """Faults that wait for their requests; the first that matches is played."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[list[Any]] = []

    def add(self, *faults: Fault) -> None:
        """Put faults at the end of the script."""
        with self._lock:
            self._waiting += [[fault, fault.skip, fault.times] for fault in faults]

    def clear(self) -> None:
        """Let everything pass from now on, that which is held too."""
        with self._lock:
            for fault, _, _ in self._waiting:
                if fault.gate:
                    fault.gate.open()
            self._waiting.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if there is one; counts it."""
        with self._lock:
            return next((line[0] for line in self._waiting if _due(line, method, path)), None)


def _due(line: list[Any], method: str, path: str) -> bool:
    fault, skip, times = line
    if times == 0 or not fault.matches(method, path):
        return False
    if skip:
        line[1] = skip - 1
        return False
    if times is not None:
        line[2] = times - 1
    return True
