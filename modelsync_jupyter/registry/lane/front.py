"""The front of the registry: all connections of a process on one event loop, in which nothing waits.

A connection costs a file handle and a few kilobytes here, whatever its client does or fails to do; a thread is used
only while there is work for it. So a thousand slow or silent clients keep nobody out:

- `/healthz` is answered by the loop itself.
- API: a small body is awaited here, then Flask answers in one of `threads` threads.
- Parts of uploads are received by the loop; a thread of `disk` hashes and stores each block when it is there.
- Archives leave by sendfile where blobs are files; to a client that is fast, from a thread, see `fast`. Where blobs
  are not files, a thread fetches one block after the other.
- Bodies that are larger than an API's, whole archives above all, are read by Flask while they arrive, and parts become
  an archive, in `long`: the one lane in which a client holds a thread for as long as it sends, or as what it sent takes
  to read. The rest of the API is not in it, and no user can have all of it, see `places`.

Until the catalog answers for the first time, every request is answered with 503, and the catalog is asked again.
"""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import re
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from .. import multipart
from ..app import answer, create_app
from ..blobs.folder import FolderBlobs
from ..blobs.protocol import BLOCK, Blob, Blobs, hex_of
from ..body import PLACE
from ..errors import BadRequest
from ..service import Registry
from ..settings import Settings
from ..values import check_length
from .bridge import LATE, STALL_SECONDS, ArrivingBody, Body, Said, Watch, call_wsgi, environ_of, read_rest, read_start
from .fast import FastLane, Piece
from .places import Place, Places
from .receiving import Receiving
from .sending import Spans

P = ParamSpec("P")
R = TypeVar("R")

_KEEP_ALIVE_SECONDS = 75.0
#: Bytes that leave between two looks at the clock, out of so many files: to open them takes a trip to a thread.
_SENT_AT_ONCE, _OPENED_AT_ONCE = 2 * BLOCK, 8
#: Bytes of any other reply that leave between two looks at the clock, and seconds there are for them where the reply is
#: in memory: many that nobody takes would fill it.
_WRITTEN_AT_ONCE, _REPLY_SECONDS = BLOCK // 16, 30.0
#: What a thread sends at most for a fast client, until others have had a chance of it.
_SENT_IN_A_TURN, _IN_A_TURN = 256 * BLOCK, 10_000
#: Bytes of a part that are worth a trip to a thread.
_ENOUGH = BLOCK // 2
_DISK_THREADS = 8
#: Threads for what takes long; more, that see who asks for it; and those that read blobs in a bucket.
_LONG_PLACES, _LONG_LOOKS, _BLOCK_THREADS = 64, 8, 64
_RETRY_SECONDS = 1.0
_PARTS = re.compile(r"(/objects/uploads/([^/]+)/parts)/(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)
_LONG = "/complete_multipart_upload"
_BODILESS = {"GET", "HEAD", "DELETE", "OPTIONS"}

log = logging.getLogger(__name__)
#: Of aiohttp itself: what clients do wrong on the level of HTTP. It is answered, and no error of ours.
_quiet = logging.getLogger(f"{__name__}.http")
_quiet.setLevel(logging.CRITICAL)


class Front:
    """All connections of one process.

    Args:
        settings: What the server was told.
        ready: Called with the registry, once it is open.
    """

    def __init__(self, settings: Settings, ready: Callable[[Registry], None]) -> None:
        self._settings, self._ready = settings, ready
        self._registry: Registry | None = None
        self._flask: Any = None
        from .. import observing  # not before the server has said where metrics are kept

        self._observe = observing
        self._api = ThreadPoolExecutor(settings.threads, "api")
        self._disk = ThreadPoolExecutor(_DISK_THREADS, "disk")
        self._long, self._places = ThreadPoolExecutor(_LONG_PLACES + _LONG_LOOKS, "long"), Places(_LONG_PLACES)
        self._blocks = ThreadPoolExecutor(_BLOCK_THREADS, "blocks")
        self._fast = FastLane()

    async def run(self) -> web.AppRunner:
        """Open the registry and make the runner that gunicorn's worker serves; where that fails, it is tried again."""
        await self._in(self._disk, self._open)
        if self._registry is None:
            threading.Thread(target=self._keep_opening, daemon=True, name="open").start()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return web.AppRunner(
            app,
            logger=_quiet,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            lingering_time=0,  # `read_rest` does that
            read_bufsize=BLOCK // 2,
            auto_decompress=False,  # a megabyte from a stranger would be a gigabyte to the event loop
            shutdown_timeout=9.0,
        )

    def _open(self) -> None:
        try:
            registry = Registry.open(self._settings)
            registry.blobs.check()
        except Exception as error:  # a worker that ends would be started again at once, and forever
            reason = str(error) if isinstance(error, OSError) else type(error).__name__
            log.error("the registry cannot be opened, trying again: %s", reason)
            return
        self._flask = create_app(registry)
        gc.collect()
        gc.freeze()  # what stays for good is not looked through again and again, which takes 50 ms of a request
        self._registry = registry
        self._ready(registry)

    def _keep_opening(self) -> None:
        while self._registry is None:
            time.sleep(_RETRY_SECONDS)
            self._open()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        begin, status = time.perf_counter(), 499  # as nginx notes that a client has gone before the reply
        try:
            response = await self._reply(request)
            status = response.status
            with Watch(partial(_abort, request), _REPLY_SECONDS):
                await response.prepare(request)
                await response.write_eof()
                await request.writer.drain()  # short replies are not waited for else, however many one connection asks
        finally:
            self._note(request, status, time.perf_counter() - begin)
        await read_rest(request)
        return response

    def _note(self, request: web.Request, status: int, seconds: float) -> None:
        """Count a request and write it to the log."""
        environ = request.get("environ", {})
        self._observe.note(
            self._observe.Seen(
                method=request.method,
                path=request.raw_path.partition("?")[0],
                route=environ.get("modelsync.route", "") or request.get("route", ""),
                status=status,
                seconds=round(seconds, 4),
                received=request.content_length or 0,
                sent=request.get("sent", 0),
                user=environ.get("modelsync.user", ""),
                address=environ.get("REMOTE_ADDR") or request.remote or "",
            )
        )

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        try:
            if self._registry is None:
                return _json(503, {"error": "the registry cannot reach its catalog: try again"}, {"Retry-After": "1"})
            request["sent"] = 0
            if path == "/healthz" and request.method in ("GET", "HEAD"):
                request["route"] = path
                return web.json_response({"status": "ok"})
            if (encoding := request.headers.get("Content-Encoding", "identity").lower()) != "identity":
                raise BadRequest(f"a body in `{encoding[:32]}` is not read: send it without Content-Encoding")
            parts = _PARTS.fullmatch(path) if request.method == "PUT" else None
            if parts:
                request["route"] = "/objects/uploads/<uid>/parts/<int:number>"
                return await self._put_parts(self._registry, request, parts, query)
            return await self._call(request, path, query)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            return _json(*answer(error, request.method, path))

    async def _put_parts(
        self, registry: Registry, request: web.Request, match: re.Match[str], query: str
    ) -> web.StreamResponse:
        """Receive a part of a multipart upload, or neighbours in one body; the ETag is the digest of the last one.

        Those of a run that came whole are noted even if the connection breaks then: they need not be sent again.
        """
        base, uid, first, last = match.groups()
        size = check_length(request.content_length)
        signed = base if last else match[0]
        token_id = registry.signer.check("PUT", signed, dict(parse_qsl(query, keep_blank_values=True)))
        run = range(int(first), int(last or first) + 1)
        coming = await self._in(self._api, multipart.begin_parts, registry, uid, run, size, token_id, alone=not last)
        stored: dict[int, Blob] = {}
        body = Body(request)
        try:
            with Watch(partial(request.content.set_exception, BadRequest(LATE))) as watch:
                for number, length, digest in coming:
                    stored[number] = await self._receive(registry, body, watch, length, digest)
        finally:
            if stored:
                await asyncio.shield(self._in(self._api, multipart.record_parts, registry, uid, stored))
        return web.Response(headers={"ETag": f'"{hex_of(stored[run[-1]].digest)}"'})

    async def _receive(self, registry: Registry, body: Body, watch: Watch, size: int, digest: str) -> Blob:
        """Store the next `size` bytes of a body. A thread has work once a block is there, or all of a shorter one."""
        writing = Receiving(registry.blobs, size, digest)
        try:
            while True:
                blocks = await body.gather(min(_ENOUGH, writing.left), min(BLOCK, writing.left), watch)
                blob = await self._in(self._disk, writing.write, blocks)
                if blob:
                    return blob
        except BaseException:
            await asyncio.shield(self._in(self._disk, writing.discard))
            raise

    async def _call(self, request: web.Request, path: str, query: str) -> web.StreamResponse:
        """Let Flask answer, and send what it says."""
        head, whole = b"", True
        if request.method not in _BODILESS:
            head, whole = await read_start(request)
        if whole and not path.endswith(_LONG):
            request["environ"] = environ = environ_of(request, path, query, io.BytesIO(head))
            status, headers, parts = await self._in(self._api, call_wsgi, self._flask, environ)
        else:
            status, headers, parts = await self._call_long(request, head, whole, path, query)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        try:
            if isinstance(parts, Spans) and isinstance(parts.blobs, FolderBlobs):
                await self._send(request, parts)
                if parts.tail:
                    await response.write(parts.tail)
                    request["sent"] += len(parts.tail)
            elif isinstance(parts, list):
                await self._write(request, response, _each(parts), _REPLY_SECONDS)
            else:
                await self._write(request, response, self._read(iter(parts)), STALL_SECONDS)
        except Exception as error:  # too late for another reply: the client sees that this one is not whole
            if request.transport is not None and not request.transport.is_closing():
                if not isinstance(error, ConnectionError):  # a client that goes away is no fault of ours
                    log.error("%s %s broke off", request.method, path, exc_info=error)
                request.transport.abort()
            raise ConnectionResetError from error
        finally:
            if close := getattr(parts, "close", None):
                await self._in(self._disk, close)
        return response

    async def _call_long(self, request: web.Request, head: bytes, whole: bool, path: str, query: str) -> Said:
        """Let Flask answer what takes long; where its user may not have one more thread, it is called again later."""
        place, loop = Place(self._places), asyncio.get_running_loop()
        try:
            while True:
                body = io.BytesIO(head) if whole else io.BufferedReader(ArrivingBody(request, head, loop), BLOCK)
                request["environ"] = environ = environ_of(request, path, query, body)
                environ[PLACE] = place.take
                said = await self._in(self._long, call_wsgi, self._flask, environ)
                if not place.is_missing or not await place.wait(STALL_SECONDS):
                    return said
        finally:
            place.leave()

    async def _send(self, request: web.Request, spans: Spans) -> None:
        """Send slices of blobs, which the kernel takes from their files."""
        loop, transport, pieces = asyncio.get_running_loop(), request.transport, deque(spans.pieces)
        if transport is None:
            raise ConnectionResetError
        with Watch(transport.abort) as watch, ExitStack() as stack:
            while pieces:
                if self._fast.is_open(transport):
                    sent = await self._fast.send(transport, spans.blobs, _first(pieces, _IN_A_TURN, _SENT_IN_A_TURN))
                    request["sent"] += sent
                    _drop(pieces, sent)
                    watch.touch()
                    continue
                some = _first(pieces, _OPENED_AT_ONCE, _SENT_AT_ONCE)
                files = await self._in(self._disk, _open_all, spans.blobs, [name for name, _, _ in some], stack)
                begun, total = loop.time(), 0
                for file, (name, start, stop) in zip(files, some, strict=True):
                    sent = await loop.sendfile(transport, file, start, stop - start)
                    request["sent"] += sent
                    total += sent
                    watch.touch()
                    if sent < stop - start:
                        raise OSError(f"blob {name} is shorter than the catalog says")
                stack.close()
                self._fast.judge(transport, total, loop.time() - begun)
                _drop(pieces, total)

    async def _write(
        self, request: web.Request, response: web.StreamResponse, blocks: AsyncIterable[bytes], seconds: float
    ) -> None:
        """Send bytes; a client that takes none for so many seconds is sent away."""
        with Watch(partial(_abort, request), seconds) as watch:
            async for block in blocks:
                for start in range(0, len(block), _WRITTEN_AT_ONCE):
                    some = memoryview(block)[start : start + _WRITTEN_AT_ONCE]
                    await response.write(some)
                    request["sent"] += len(some)
                    watch.touch()

    async def _read(self, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
        while block := await self._in(self._blocks, next, blocks, b""):
            yield block

    async def _in(self, pool: ThreadPoolExecutor, run: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(run, *args, **kwargs))


def _first(pieces: Iterable[Piece], count: int, size: int) -> list[Piece]:
    """Return the first of some slices: so many at most, and so many bytes at most."""
    found: list[Piece] = []
    for name, start, stop in islice(pieces, count):
        found.append((name, start, min(stop, start + size)))
        size -= found[-1][2] - start
        if not size:
            break
    return found


def _drop(pieces: deque[Piece], size: int) -> None:
    """Drop the first bytes of some slices."""
    while size:
        name, start, stop = pieces.popleft()
        if size < stop - start:
            pieces.appendleft((name, start + size, stop))
        size -= min(size, stop - start)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _each(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def _open_all(blobs: Blobs, digests: list[str], stack: ExitStack) -> list[BinaryIO]:
    return [stack.enter_context(blobs.open(digest)) for digest in digests]


def _json(status: int, said: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(said, status=status, headers=headers)
