"""Send archives: whole or one range, with the conditions of HTTP.

What is to be sent is said as slices of blobs: no thread waits while they leave, see `front`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Response, request
from werkzeug.http import unquote_etag

from ..archives.aliased import Ending
from ..blobs.protocol import Blobs, hex_of
from ..catalog.archives import parts_between
from ..catalog.rows import ArchiveRow
from ..errors import Precondition
from ..service import Registry

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Spans:
    """Slices of blobs, one behind the other, and some bytes behind them: the body of a reply.

    Args:
        blobs: Where they are.
        pieces: Name, first byte and the byte behind the last, of each.
        tail: What comes last.
    """

    blobs: Blobs
    pieces: tuple[tuple[str, int, int], ...]
    tail: bytes = b""

    def __iter__(self) -> Iterator[bytes]:
        """Read them in blocks, for a server that knows no better way."""
        for name, start, stop in self.pieces:
            yield from self.blobs.stream(name, start, stop)
        if self.tail:
            yield self.tail


def send_archive(registry: Registry, archive: ArchiveRow, ending: Ending | None = None) -> Response:
    """Reply with the archive, or with what the request's Range and conditions ask for.

    Args:
        registry: Where it is stored.
        archive: The archive.
        ending: How it ends, if not as it is stored.

    Raises:
        Precondition: If-Match names other bytes.
    """
    etag, size = hex_of(archive.digest), archive.size
    if ending:
        etag, size = f"{etag}-{ending.name}", ending.start + len(ending.data)
    headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    if request.if_match and not request.if_match.contains(etag):
        raise Precondition("the archive is no longer the one named by If-Match")
    if request.if_none_match and request.if_none_match.contains_weak(etag):
        return Response(status=304, headers=headers)
    try:
        span = parse_range(_range_header(etag), size)
    except Unsatisfiable:
        message = json.dumps({"error": f"the archive has only {size} bytes"})
        headers["Content-Range"] = f"bytes */{size}"
        return Response(message, status=416, headers=headers, mimetype="application/json")
    start, stop = span or (0, size)
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    body = () if request.method == "HEAD" else _spans(registry, archive.id, start, stop, ending)
    return Response(
        body,
        status=206 if span else 200,
        headers=headers,
        mimetype="application/octet-stream",
        direct_passthrough=True,
    )


def _range_header(etag: str) -> str:
    """Return the Range header, or nothing where If-Range names other bytes."""
    condition = request.headers.get("If-Range", "")
    if condition and unquote_etag(condition) != (etag, False):
        return ""
    return request.headers.get("Range", "")


def _spans(registry: Registry, archive_id: int, start: int, stop: int, ending: Ending | None) -> Spans:
    tail, edge = b"", stop
    if ending:
        tail, edge = ending.data[max(start - ending.start, 0) : max(stop - ending.start, 0)], min(stop, ending.start)
    with registry.database.read() as connection:
        parts = parts_between(connection, archive_id, start, edge) if start < edge else []
    pieces: list[tuple[str, int, int]] = []
    for part in parts:
        first = part.place_start + max(start - part.start, 0)
        last = part.place_start + min(edge, part.stop) - part.start
        if pieces and pieces[-1][::2] == (part.name, first):  # neighbours in one blob are fetched as one
            first = pieces.pop()[1]
        pieces.append((part.name, first, last))
    return Spans(registry.blobs, tuple(pieces), tail)


class Unsatisfiable(Exception):
    """No byte lies in the range (RFC 9110, section 14)."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Parse the slice `[start, stop)` that a Range header asks for.

    Args:
        header: The header, or "".
        size: Bytes there are.

    Returns:
        The slice; None for everything: no header, several ranges, or nonsense, which a server may ignore.

    Raises:
        Unsatisfiable: The range lies behind the end.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return _suffix(int(last), size)
    start, stop = int(first), int(last) + 1 if last else size
    if last and stop <= start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, min(stop, size)


def _suffix(length: int, size: int) -> tuple[int, int]:
    if not length:
        raise Unsatisfiable
    return max(size - length, 0), size
