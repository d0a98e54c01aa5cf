"""A remote archive: one stream that can be read from any offset, whatever the network does meanwhile."""

from __future__ import annotations

import re
import tarfile
import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import requests

from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    InvalidReply,
    ModelSyncError,
    Unavailable,
    UrlExpired,
)
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.replies import Download
from modelsync_jupyter.remotes.http import blocks
from modelsync_jupyter.wire import PROXY, model_path

from .run import Run

#: What is read first: the header of the first member, whatever extensions it has.
_HEAD = 16 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class RemoteArchive:
    """The archive of a version in the registry.

    Args:
        run: The attempt.
        tag: The version.
        strategy: How the registry wants it to be fetched.

    Attributes:
        size: Bytes in it; None where the server does not say.
        etag: What the server calls this state of it, or "".
        ranged: Whether it can be read from any offset.
        head: Its first bytes.
    """

    def __init__(self, run: Run, tag: Tag, strategy: str) -> None:
        self._run, self._tag = run, tag
        self._lock = threading.Lock()
        self.download = run.remote.presign_download(tag)
        self._through_api = strategy == PROXY or not self.download.url
        self.size: int | None = None
        self.etag = ""
        self.ranged = False
        self.head = b""
        run.retry.run(self._probe)

    def views(self, start: int, stop: int | None) -> Generator[memoryview, None, None]:
        """The bytes of `[start, stop)` in order; a stream that breaks goes on from where it was. To be closed.

        Args:
            start: Offset of the first byte; 0 where the archive cannot be read in ranges.
            stop: Offset behind the last byte, or None for the end of an archive whose size is not known.

        Raises:
            Conflict: The archive was replaced meanwhile.
            Unavailable: The network gave up, over and over.
        """
        position, stream = start, self._stream(start, stop)

        def step() -> memoryview:
            nonlocal position, stream
            try:
                view = next(stream, memoryview(b""))
            except ModelSyncError:
                stream = self._stream(position, stop)
                raise
            position += len(view)
            return view

        retry = partial(self._run.retry.run, step, lambda: position) if self.ranged else step
        try:
            while view := retry():
                yield view
        finally:
            stream.close()

    def _stream(self, start: int, stop: int | None) -> Generator[memoryview, None, None]:
        position = start
        with self._open(start, stop) as reply:
            for view in blocks(reply):
                self._run.stop.check()
                self._run.pace.keep(len(view))
                yield view
                position += len(view)
        if stop is not None and position != stop:
            raise Unavailable(f"The archive of `{self._tag}` ended early, at byte {position} of {stop}.")

    @contextmanager
    def _open(self, start: int, stop: int | None) -> Iterator[requests.Response]:
        headers = {}
        if self.ranged and stop is not None:
            headers = {"Range": f"bytes={start}-{stop - 1}"}
            if self.etag and not self.etag.startswith("W/"):
                headers["If-Match"] = self.etag
        with self._signed(headers) as reply:
            if headers:
                self._check_range(reply, start)
            yield reply

    @contextmanager
    def _signed(self, headers: dict[str, str]) -> Iterator[requests.Response]:
        download = self.download
        try:
            with self._get(download, headers) as reply:
                yield reply
        except UrlExpired:
            with self._lock:
                if download is self.download:
                    self.download = self._run.remote.presign_download(self._tag)
                    self._check_same(download)
            raise

    def _get(self, download: Download, headers: dict[str, str]) -> AbstractContextManager[requests.Response]:
        http = self._run.remote.http
        if self._through_api:
            return http.get_api(model_path(self._tag, "download"), headers)
        return http.get(download.url, headers)

    def _check_same(self, before: Download) -> None:
        if before.digest != self.download.digest:
            raise Conflict(f"`{self._tag}` was replaced in the registry meanwhile.", step="Run the pull again.")

    def _check_range(self, reply: requests.Response, start: int) -> None:
        found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        if reply.status_code != 206 or not found or int(found[1]) != start:
            raise InvalidReply("The server stopped answering ranges.", step="Run the pull again.")
        if self.size is not None and int(found[2]) != self.size:
            raise Conflict(f"`{self._tag}` was replaced in the registry meanwhile.", step="Run the pull again.")

    def _probe(self) -> None:
        """Ask for the first bytes: see whether the server answers ranges, how long the archive is and who made it."""
        headers = {"Range": f"bytes=0-{_HEAD - 1}"}
        with self._signed(headers) as reply:
            found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
            self.ranged = reply.status_code == 206 and found is not None
            length = found[2] if found else reply.headers.get("Content-Length", "")
            self.size = int(length) if length.isdigit() else None
            self.etag = reply.headers.get("ETag", "")
            self.head = bytes(next(blocks(reply), b""))[:_HEAD]
        if len(self.head) < tarfile.BLOCKSIZE:
            raise IntegrityError(f"The archive of `{self._tag}` is empty.")
