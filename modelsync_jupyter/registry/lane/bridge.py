"""Between aiohttp, which holds the connections, and Flask: bodies that arrive, and requests as WSGI knows them."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from ..blobs.protocol import BLOCK
from ..body import MAX_JSON
from ..errors import BadRequest
from .sending import Spans

#: Seconds after which a client that sends or takes nothing is sent away, and in which a small body has to be there.
STALL_SECONDS = 300.0
_BODY_SECONDS = 30.0
LATE, BROKEN = "the body of the request did not come in time", "the connection broke in the middle of the body"
#: Seconds for which the rest of a refused body is read: a client that still sends would not see the reply.
_LINGER_SECONDS = 10.0


#: What a WSGI app replies: status, headers, body.
Said = tuple[int, CIMultiDict[str], Iterable[bytes]]


class ArrivingBody(io.RawIOBase):
    """The body of a request for a thread that waits for it."""

    def __init__(self, request: web.Request, head: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._request, self._block, self._loop = request, memoryview(head), loop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._block:
            coming = asyncio.run_coroutine_threadsafe(read(self._request, STALL_SECONDS), self._loop)
            self._block = memoryview(coming.result())
        count = min(len(buffer), len(self._block))
        buffer[:count] = self._block[:count]
        self._block = self._block[count:]
        return count


class Watch:
    """Does something once nothing has moved for a while; a context manager. To be told of each move costs nothing.

    Args:
        stop: What to do then.
        seconds: How long a while is.
    """

    def __init__(self, stop: Callable[[], object], seconds: float = STALL_SECONDS) -> None:
        self._stop, self._seconds, self._loop = stop, seconds, asyncio.get_running_loop()
        self._moved = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def touch(self) -> None:
        """Note that something has moved."""
        self._moved = self._loop.time()

    def _look(self) -> None:
        left = self._moved + self._seconds - self._loop.time()
        if left <= 0:
            self._stop()
        else:
            self._timer = self._loop.call_later(left, self._look)


class Body:
    """The body of a request, in blocks as they arrived: none is copied to make them longer."""

    def __init__(self, request: web.Request) -> None:
        self._content, self._rest = request.content, memoryview(b"")
        if request.transport is not None:
            # Bytes that asyncio receives at once, else 256 KiB: each time takes as long, however many they are.
            request.transport.max_size = BLOCK  # type: ignore[attr-defined]  # of its sockets, in all versions

    async def gather(self, least: int, most: int, watch: Watch) -> list[memoryview]:
        """Wait for the next bytes.

        Args:
            least: How many are waited for.
            most: How many are taken if they are there.
            watch: Is told that they come.

        Raises:
            BadRequest: The body ends before that, the connection broke, or nothing comes.
        """
        blocks: list[memoryview] = []
        while least > 0:
            if not self._rest:
                try:
                    self._rest = memoryview((await self._content.readchunk())[0])
                except (web.RequestPayloadError, HttpProcessingError, OSError) as error:
                    raise BadRequest(BROKEN) from error
                watch.touch()
                if not self._rest:
                    raise BadRequest(f"the body ended {least} bytes early")
            blocks.append(self._rest[:most])
            self._rest = self._rest[most:]
            least, most = least - len(blocks[-1]), most - len(blocks[-1])
        return blocks


async def read_start(request: web.Request) -> tuple[bytes, bool]:
    """Read a body up to what an API's may have; returns it, and whether that is all of it.

    Raises:
        BadRequest: It does not come.
    """
    head = bytearray()
    until = asyncio.get_running_loop().time() + _BODY_SECONDS
    while len(head) <= MAX_JSON:
        block = await read(request, until - asyncio.get_running_loop().time())
        if not block:
            return bytes(head), True
        head += block
    return bytes(head), False


async def read(request: web.Request, seconds: float) -> bytes:
    """Return what has arrived of a body, at least a byte; none at its end.

    Raises:
        BadRequest: The connection broke, a chunk is none, or nothing comes for `seconds`.
    """
    content = request.content
    try:
        block = content.read_nowait()
        return block or await asyncio.wait_for(content.readany(), seconds)
    except asyncio.TimeoutError as error:
        raise BadRequest(LATE) from error
    except (web.RequestPayloadError, HttpProcessingError, OSError) as error:
        raise BadRequest(BROKEN) from error


async def read_rest(request: web.Request) -> None:
    """Read for a while what is left of a body that was refused: a client that still sends would not see the reply."""
    until = asyncio.get_running_loop().time() + _LINGER_SECONDS
    with suppress(BadRequest):
        while not request.content.at_eof() and (left := until - asyncio.get_running_loop().time()) > 0:
            await read(request, left)


def call_wsgi(app: Any, environ: dict[str, Any]) -> Said:
    """Call a WSGI app; all but archives is read at once, in the thread that this runs in: it is in memory anyway."""
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], info: object = None) -> None:
        said[:] = [int(status[:3]), CIMultiDict(headers)]

    parts = app(environ, start_response)
    status, headers = said
    headers.setdefault("Server", "modelsync")
    headers.setdefault("Cache-Control", "no-store")  # what one may see is not for others behind the same proxy
    if isinstance(parts, Spans):
        return status, headers, parts
    with closing(parts):
        return status, headers, list(parts)


def environ_of(request: web.Request, path: str, query: str, body: Any) -> dict[str, Any]:
    """Return a request as WSGI knows it: its environ."""
    host, port = (request.transport.get_extra_info("sockname") or ("", 0))[:2] if request.transport else ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": f"HTTP/{request.version.major}.{request.version.minor}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": request.remote or "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if "_" in name:  # it could pass for one with a hyphen, which a proxy in front has checked
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
