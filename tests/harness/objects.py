"""An S3-like object host: presigned PUT and GET, ranges, ETags, S3's XML errors."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, unquote, urlencode

from .buckets import Bucket, S3Error
from .httpd import Handler, Service

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CREDENTIALS = ("x-yatai-api-token", "authorization", "cookie")


class ObjectHost(Service):
    """Answers presigned URLs for the objects of a bucket.

    Args:
        folder: Where objects are kept.
        port: TCP port; 0 takes a free one.
        etag: "md5" or "random".

    Attributes:
        url_seconds: Life of URLs signed from now on; below zero they are born expired.
        ignore_range: Answer every GET with the whole object, as some CDNs do.
        violations: Requests that brought a credential of the API along: to be asserted empty.
    """

    def __init__(self, folder: Path, port: int = 0, etag: str = "md5") -> None:
        super().__init__(port)
        self.bucket = Bucket(folder, etag)
        self.url_seconds = 3600.0
        self.ignore_range = False
        self.violations: list[str] = []
        self._key = secrets.token_bytes(32)
        self._serial = self._oldest = 0

    def sign(self, method: str, key: str, **query: str | int) -> str:
        """A presigned URL, good for one method on one object and those query values."""
        self._serial += 1
        path = f"/objects/{quote(key)}"
        query |= {"X-Amz-Serial": self._serial, "X-Amz-Expires": f"{time.time() + self.url_seconds:.3f}"}
        text = urlencode(query)
        return f"{self.url}{path}?{text}&X-Amz-Signature={self._signature(method, path, text)}"

    def expire_urls(self) -> None:
        """Make all URLs signed so far expired."""
        self._oldest = self._serial

    def handle(self, handler: Handler) -> None:
        """Answer a presigned request."""
        try:
            self._answer(handler)
        except S3Error as error:
            text = f"<?xml version='1.0'?>\n<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
            handler.reply(error.status, text.encode(), {"Content-Type": "application/xml"})

    def _answer(self, handler: Handler) -> None:
        self._check_credentials(handler)
        query = self._check_signature(handler)
        key = unquote(handler.exchange.path).removeprefix("/objects/")
        if handler.command == "PUT":
            self._put(handler, key, query)
        elif handler.command == "GET":
            self._get(handler, key)
        else:
            raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _check_credentials(self, handler: Handler) -> None:
        for name in _CREDENTIALS:
            if name in handler.exchange.headers:
                self.violations.append(f"{handler.command} {handler.exchange.path} with {name}")
                raise S3Error(400, "InvalidArgument", "Only one auth mechanism allowed")

    def _check_signature(self, handler: Handler) -> dict[str, str]:
        text, _, signature = handler.exchange.query.rpartition("&X-Amz-Signature=")
        right = self._signature(handler.command, handler.exchange.path, text)
        if not hmac.compare_digest(signature, right):
            raise S3Error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        query = dict(parse_qsl(text))
        if float(query["X-Amz-Expires"]) < time.time() or int(query["X-Amz-Serial"]) <= self._oldest:
            raise S3Error(403, "AccessDenied", "Request has expired")
        return query

    def _signature(self, method: str, path: str, query: str) -> str:
        return hmac.new(self._key, f"{method}\n{path}\n{query}".encode(), hashlib.sha256).hexdigest()

    def _put(self, handler: Handler, key: str, query: dict[str, str]) -> None:
        if "transfer-encoding" in handler.exchange.headers:
            raise S3Error(501, "NotImplemented", "A header you provided implies functionality that is not implemented.")
        if "content-length" not in handler.exchange.headers:
            raise S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        if "uploadId" in query:
            etag = self.bucket.put_part(key, query["uploadId"], int(query["partNumber"]), handler.body())
        else:
            etag = self.bucket.put(key, handler.body())
        handler.reply(200, headers={"ETag": etag})

    def _get(self, handler: Handler, key: str) -> None:
        try:
            file = self.bucket.path(key).open("rb")
        except OSError as error:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.") from error
        with file:
            self._send(handler, file, self.bucket.etags.get(key, '"unknown"'))

    def _send(self, handler: Handler, file: BinaryIO, etag: str) -> None:
        asked, size = handler.exchange.headers, os.fstat(file.fileno()).st_size
        if asked.get("if-match", etag) not in (etag, "*"):
            raise S3Error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        headers = {"ETag": etag, "Content-Type": "binary/octet-stream"}
        text = "" if self.ignore_range or asked.get("if-range", etag) != etag else asked.get("range", "")
        start, stop = parse_range(text, size) or (0, size)
        if not self.ignore_range:
            headers["Accept-Ranges"] = "bytes"
        if text:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        handler.begin(206 if text else 200, {**headers, "Content-Length": str(stop - start)})
        send_file(handler, file, start, stop)


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """`[start, stop)` asked for by a Range header, or None without one.

    Raises:
        S3Error: No byte of it is in the object.
    """
    match = _RANGE.fullmatch(text)
    if not match or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        raise S3Error(416, "InvalidRange", "The requested range is not satisfiable")
    return start, stop


def send_file(handler: Handler, file: BinaryIO, start: int, stop: int) -> None:
    """Send `[start, stop)` of a file as the response body."""
    handler.wfile.flush()
    while start < stop:
        moved = os.sendfile(handler.connection.fileno(), file.fileno(), start, min(stop - start, 1 << 20))
        if not moved:
            raise ConnectionError("the object was truncated")
        start += moved
        handler.exchange.received += moved
