"""Reading the archive of a version: one body that can be read from any offset, on any registry.

Our own registry says in its reply all that a pull has to know of an archive, so that nothing is read before the bytes
that are wanted. Of any other the first bytes tell nearly everything: whether the server answers ranges, how long the
archive is, and, where it describes itself, its whole layout and every digest. Where it does not, what a registry says
of it counts, or else its tar headers.
"""

from __future__ import annotations

import re
import tarfile
import threading
import time
from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager

import requests

from modelsync_jupyter.archive.description import (
    MAX_DESCRIPTION,
    Description,
    description_size,
    digest_of,
    file_digests,
    read_description,
)
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    InvalidReply,
    RemoteNotFound,
    Unavailable,
    UnsafeArchive,
    UrlExpired,
)
from modelsync_jupyter.core.parts import Buffer, Part, check_digest, even_size, from_sizes, split
from modelsync_jupyter.wire import PROXY, model_path

from ..http import blocks, receive
from ..protocol import ENDLESS
from .client import Remote
from .replies import Download, RemoteModel, Span

#: What is read first: the description of most archives fits into it.
_HEAD = 64 * 1024
#: Bytes that are received at once, at least, and seconds after which fewer of them are.
_WORTH, _SECONDS = 64 * 1024, 0.2
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")


class RemoteArchive:
    """The archive of a version in a registry; a `Source`.

    Args:
        remote: The registry.
        model: Its record of the version.
        look: Whether only to look at it, which a registry that knows our extension does not count as a download.
        probe: Whether to read its beginning in any case, to see how the server answers.

    Attributes:
        content_digest: What the archive or, where it says nothing, the registry calls its content digest, or "".

    Raises:
        IntegrityError: The archive is empty, or its description is broken.
        InvalidReply: The registry and the archive contradict each other.
    """

    def __init__(self, remote: Remote, model: RemoteModel, *, look: bool = True, probe: bool = False) -> None:
        self._remote, self._model = remote, model
        self._lock = threading.Lock()
        self._ours = bool(model.digest)
        self._look = look and self._ours
        self._download = self._presign()
        self._through_api = model.strategy == PROXY or not self._download.url
        self._total: int | None = None
        self._etag, self._head = "", b""
        self._base = 0
        self.ranged = False
        # No condition goes along with ranges of what is told: the URL is that of the archive as it is now.
        self.description = None if probe or self._through_api else self._told()
        self._probed = self.description is None
        if self._probed:
            head = remote.http.retry.run(self._probe)
            self._head = head if len(head) <= 2 * _HEAD else b""  # a description of 18 MB is of no use once it is read
            self.description = self._described(head)
            if self.description:
                self._base = description_size(head)
        self.size: int | None = None if self._total is None else self._total - self._base
        self.layout: Layout | None = None
        self.parts: tuple[Part, ...] = ()
        if self.description:
            self._take_description(self.description)
        else:
            self._take_reply()
        self.content_digest = self.description.digest if self.description else self._download.content_digest
        self.identity = [
            self.content_digest or self._download.digest,
            self._etag,
            self._total,
            model.uid,
            model.updated,
        ]

    @property
    def borders(self) -> list[int]:
        """Where an object of the store of blobs stops and the next one begins, as far as the registry tells them."""
        return [span.stop - self._base for span in self._download.spans]

    @property
    def file_digests(self) -> dict[str, str]:
        """Digests of files of an archive that does not describe itself, as far as the registry tells them."""
        layout, told = self.layout, self._download.layout
        if layout is None or not isinstance(told, list):
            return {}
        small = {item["path"]: item.get("digest") or "" for item in told if isinstance(item.get("path"), str)}
        try:
            return file_digests(layout, self.parts, small)
        except IntegrityError:  # it was cut by others: large files have no digest of their own
            return {path: digest for path, digest in small.items() if isinstance(digest, str)}

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)` in order, as `Source` promises."""
        if stop is None:
            stop = self.size
        begin, end = start + self._base, None if stop is None else stop + self._base
        if end is not None and end <= len(self._head):  # of a small archive everything came with the first bytes
            yield memoryview(self._head)[begin:end]
            return
        if self._download.spans and end is not None:
            yield from self._direct(begin, end, buffer)
            return
        position = begin if self.ranged else 0
        with self._open(position, end) as reply:
            for view in self._received(reply, position, buffer):
                position += len(view)
                if end is not None and position > end:
                    raise InvalidReply(f"The server sent more of the archive of `{self._model.tag}` than it has.")
                if position > begin:
                    yield view[max(0, len(view) - (position - begin)) :]
        if end is not None and position != end:
            raise Unavailable(f"The archive of `{self._model.tag}` ended early, at byte {position} of {end}.")

    def _received(self, reply: requests.Response, position: int, buffer: Buffer) -> Iterator[memoryview]:
        """Yield the body of a reply that begins at a byte of the archive; its description counts.

        It comes in pieces that take no longer than is worth to be told of: over a slow line, a full buffer is minutes.
        """
        length = _WORTH
        while True:
            room = self.layout.room(position - self._base, buffer) if self.layout else memoryview(buffer)
            begun = time.monotonic()
            count = receive(reply, room[:length])
            length = min(2 * length, len(buffer)) if time.monotonic() - begun < _SECONDS else max(length // 2, _WORTH)
            if not count:
                return
            yield room[:count]
            position += count

    def _direct(self, begin: int, end: int, buffer: Buffer) -> Iterator[memoryview]:
        """Read `[begin, end)` of the archive from the objects that hold it; what is behind those that are told, from
        the registry.
        """
        while begin < end:
            download = self._download
            index = bisect_right(download.spans, begin, key=lambda span: span.start) - 1
            span = download.spans[index]
            stop = min(end, span.stop) if begin < span.stop else end
            with (
                self._open_span(download, span, begin, stop) if begin < span.stop else self._open(begin, stop) as reply
            ):
                for view in self._received(reply, begin, buffer):
                    begin += len(view)
                    if begin > stop:
                        raise InvalidReply(f"The server sent more of the archive of `{self._model.tag}` than it has.")
                    yield view
            if begin != stop:
                raise Unavailable(f"The archive of `{self._model.tag}` ended early, at byte {begin} of {stop}.")

    @contextmanager
    def _open_span(self, download: Download, span: Span, start: int, stop: int) -> Iterator[requests.Response]:
        offset = span.offset + start - span.start
        headers = {"Range": f"bytes={offset}-{offset + stop - start - 1}"}
        with self._renewing(download), _as_expired(), self._remote.http.get(span.url, headers) as reply:
            self._check_range(reply, offset, None)
            yield reply

    def check(self) -> None:
        """Nothing to check: each range was asked for on condition that the archive is still the same."""

    def close(self) -> None:
        """Nothing to release: every stream is closed by its reader."""

    def _told(self) -> Description | None:
        """Describe the archive by what the registry says of it; None where it says too little for that.

        Its own description is in front of it, and is passed over: it would say the same.
        """
        reply, parts, told = self._download, self._download.parts, self._download.layout
        base = parts[0].stop if parts else 0
        if not (isinstance(told, list) and 0 < reply.base == base and len(parts) > 1 and self._remote.answers_ranges):
            return None
        try:
            layout = Layout.from_json(told, parts[-1].stop - base, base)
            small = {item["path"]: check_digest(item.get("digest")) for item in told if item.get("digest")}
            own = from_sizes([part.size for part in parts[1:]], [part.digest for part in parts[1:]])
            found = Description.build(layout, own, small)
        except (IntegrityError, UnsafeArchive):  # then the archive is asked itself
            return None
        if found.digest != reply.content_digest or digest_of(parts) != reply.digest:
            return None
        self._base, self._total, self.ranged = base, parts[-1].stop, True
        self._download = reply._replace(layout=None)  # of 100,000 files it is large
        return found

    def _described(self, head: bytes) -> Description | None:
        if len(head) < tarfile.BLOCKSIZE:
            raise IntegrityError(f"The archive of `{self._model.tag}` is empty.")
        size = description_size(head)
        if not size or size > len(head):
            return None
        return read_description(head)

    def _take_description(self, found: Description) -> None:
        if self.size not in (None, found.layout.size):
            raise IntegrityError(f"The archive of `{self._model.tag}` is not as long as its description says.")
        if self._download.content_digest not in ("", found.digest):
            raise InvalidReply(f"The registry and the archive of `{self._model.tag}` do not agree on its digest.")
        self.size, self.layout, self.parts = found.layout.size, found.layout, found.parts

    def _take_reply(self) -> None:
        reply, size = self._download, self.size
        if reply.parts:
            if digest_of(reply.parts) != reply.digest or size not in (None, reply.parts[-1].stop):
                raise InvalidReply("The registry describes the archive in two ways that do not agree.")
            self.parts, self.size = reply.parts, reply.parts[-1].stop
            if reply.layout is not None:
                self.layout = Layout.from_json(reply.layout, self.parts[-1].stop)
        else:
            self.parts = split(size, even_size(size)) if size else (Part(1, 0, ENDLESS),)

    def _probe(self) -> bytes:
        """Ask for the first bytes; returns at least the description, where the archive has one of sensible size."""
        headers = {"Range": f"bytes=0-{_HEAD - 1}"}
        head = bytearray()
        with self._signed(headers) as reply:
            found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
            self.ranged = reply.status_code == 206 and found is not None
            length = found[2] if found else reply.headers.get("Content-Length", "")
            self._total = int(length) if length.isdecimal() and len(length) < 20 else None
            self._etag = reply.headers.get("ETag", "")
            for view in blocks(reply):
                head += view
                if len(head) >= max(_HEAD, description_size(bytes(head[: tarfile.BLOCKSIZE]))):
                    break
        wanted = description_size(bytes(head[: tarfile.BLOCKSIZE])) if len(head) >= tarfile.BLOCKSIZE else 0
        if self.ranged and len(head) < wanted <= min(MAX_DESCRIPTION + _HEAD, self._total or 0):
            with self._open(len(head), wanted) as reply:
                for view in blocks(reply):
                    head += view
                    if len(head) > wanted:
                        break
        return bytes(head)

    @contextmanager
    def _open(self, start: int, stop: int | None) -> Iterator[requests.Response]:
        headers = {}
        if self.ranged and stop is not None:
            headers = {"Range": f"bytes={start}-{stop - 1}"}
            if self._etag and not self._etag.startswith("W/"):
                headers["If-Match"] = self._etag
        with self._signed(headers) as reply:
            if headers:
                self._check_range(reply, start, self._total)
            yield reply

    @contextmanager
    def _signed(self, headers: dict[str, str]) -> Iterator[requests.Response]:
        download = self._download
        with self._renewing(download), self._get(download, headers) as reply:
            yield reply

    @contextmanager
    def _renewing(self, download: Download) -> Iterator[None]:
        """Have the URLs signed again where one of them has expired; who uses it tries again then."""
        try:
            yield
        except UrlExpired:
            with self._lock:  # one thread has the URL signed again, for all
                if download is self._download:
                    self._download = self._presign()
                    if self._download.digest != download.digest:
                        raise self._replaced() from None
            raise

    def _presign(self) -> Download:
        return self._remote.presign_download(self._model.tag, direct=self._ours, look=self._look)

    def _get(self, download: Download, headers: dict[str, str]) -> AbstractContextManager[requests.Response]:
        if self._through_api:
            return self._remote.http.get_api(model_path(self._model.tag, "download"), headers)
        return self._remote.http.get(download.url, headers)

    def _check_range(self, reply: requests.Response, start: int, total: int | None) -> None:
        found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        if reply.status_code == 200 and not self._probed:  # something between the registry and us takes ranges away
            self._remote.answers_ranges = False
            raise Conflict("The server does not answer ranges.", step="Run it again.")
        if reply.status_code != 206 or not found or int(found[1]) != start:
            raise InvalidReply("The server stopped answering ranges.", step="Run the pull again.")
        if total is not None and int(found[2]) != total:
            raise self._replaced()

    def _replaced(self) -> Conflict:
        return Conflict(f"`{self._model.tag}` was replaced in the registry meanwhile.", step="Run the pull again.")


@contextmanager
def _as_expired() -> Iterator[None]:
    """Take an object that is gone as one whose URL has expired: the registry may keep its parts elsewhere by now."""
    try:
        yield
    except RemoteNotFound as error:
        raise UrlExpired(error.message, status=error.status) from error
