"""Blobs in a bucket of S3, Google Cloud Storage or Azure.

Bytes that come through us are hashed on the way, in a file of this machine, and stored under their digest. Our own
clients send theirs straight to the bucket, under a name that belongs to their upload alone: nobody has computed those
digests but the client, so such an object is never taken for another client's part of the same digest.
"""

from __future__ import annotations

import io
import logging
import os
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import obstore
import requests
from obstore.exceptions import BaseError
from obstore.store import from_url

from modelsync_jupyter.archive.description import Hasher
from modelsync_jupyter.buckets import bucket_options, cloud_of
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.parts import ALGORITHM

from .protocol import (
    BLOCK,
    Blob,
    Blobs,
    Check,
    Room,
    StoreAway,
    Stored,
    Writing,
    direct_name,
    hex_of,
    is_direct,
    sweep_folder,
)

log = logging.getLogger(__name__)
_STALE = 3600.0
_DIGITS = re.compile("[0-9a-f]{64}")
_SCHEMES = ("s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://", "adl://")
#: Bytes that are asked for at once where somebody reads a few of them here and there, such as the headers of a tar.
_AHEAD = 256 << 10
_DELETED_AT_ONCE = 1000
#: Each answer takes a bucket 10 ms or more, and a model of a few gigabytes has a thousand parts.
_ASKED_AT_ONCE = 32
#: What S3 takes in one PUT. What is larger goes up in pieces, and a process that is killed then leaves pieces behind
#: that no list shows and that cost money until the bucket's own rule aborts them: so nothing smaller does.
_ONE_PUT = 5 << 30
#: Pieces of one object at most, and bytes of one at least: a dozen are on their way, each in memory.
_PIECES, _PIECE = 9000, 8 << 20
#: A signature that took longer was asked of somebody else over the network. Azure is asked once for all URLs of a
#: reply, where its users have no key of the account; Google for each of them.
_SIGN_SECONDS = {"gs": 0.02, "az": 2.0}
_ATTEMPTS, _RETRY_SECONDS, _TIMEOUT = 4, 0.5, (30, 600)


class ObjectBlobs(Blobs):
    """A bucket; also a `Direct`.

    Args:
        url: Bucket and prefix. `PREFIX/ab/<hex>` are blobs, `PREFIX/direct/UPLOAD/…` are parts that clients
            sent to the bucket themselves, `PREFIX/quarantine/<hex>` are rotten ones.
        scratch: Folder of this machine for bytes on their way.
        public: Endpoint under which clients reach the bucket, where that is not the one that we use.

    Raises:
        UsageError: The URL is not one of a bucket.
    """

    def __init__(self, url: str, scratch: Path, public: str = "") -> None:
        self._scratch = scratch
        if not url.startswith(_SCHEMES):
            step = "Give a bucket and, where you like, a prefix: `s3://`, `gs://` or `az://`."
            raise UsageError("Blobs are kept in a folder or in a bucket of S3, Google Cloud Storage or Azure.", step)
        try:
            self._store: Any = _store(url, "")
            self._signing = _store(url, public) if public else self._store
            self._cloud = cloud_of(url.partition("://")[0])
            self._signs: bool | None = True if self._cloud == "s3" else None
            self.put_headers = {"x-ms-blob-type": "BlockBlob"} if self._cloud == "az" else {}
            self._session = requests.Session()
            self._session.auth = lambda request: request  # the URL is signed: no password of ~/.netrc goes with it
        except (BaseError, ValueError) as error:
            raise UsageError(f"The bucket cannot be used: {_reason(error)}.") from None

    def prepare(self) -> None:
        # No request: this runs before the server forks, and the threads that requests are made in would be lost.
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()

    def check(self) -> None:
        with _as_os_errors():
            next(iter(obstore.list(self._store, "tmp/", chunk_size=1)), None)
        self.signs()  # to find that out may take seconds, which the first push would wait for

    def sweep(self) -> int:
        return sweep_folder(self._scratch, _STALE)

    def room(self) -> Room | None:
        return None

    def list(self) -> Iterator[Stored]:
        with _as_os_errors():
            for some in obstore.list(self._store):
                for item in some:
                    name = str(item["path"]).rpartition("/")[2]
                    if _DIGITS.fullmatch(name) and not str(item["path"]).startswith("quarantine/"):
                        yield Stored(f"{ALGORITHM}:{name}", item["size"], item["last_modified"].timestamp())

    def delete(self, digests: Sequence[str]) -> None:
        for start in range(0, len(digests), _DELETED_AT_ONCE):
            with _as_os_errors(), suppress(FileNotFoundError):
                obstore.delete(self._store, [key_of(name) for name in digests[start : start + _DELETED_AT_ONCE]])

    def quarantine(self, digest: str) -> bool:
        hasher = Hasher()
        try:
            with _as_os_errors():
                for block in obstore.get(self._store, key_of(digest)).stream(min_chunk_size=BLOCK):
                    hasher.update(memoryview(bytes(block)))
                if hasher.digest() == digest:  # received again since it was found rotten
                    return False
                obstore.copy(self._store, key_of(digest), f"quarantine/{hex_of(digest)}")
                obstore.delete(self._store, key_of(digest))
        except FileNotFoundError:
            return False
        return True

    def has(self, digest: str, size: int) -> bool:
        try:
            with _as_os_errors():
                return bool(obstore.head(self._store, key_of(digest))["size"] == size)
        except FileNotFoundError:
            return False

    def find(self, wanted: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        asked = list(set(wanted))
        if len(asked) < 2:
            return {each for each in asked if self.has(*each)}
        with ThreadPoolExecutor(min(_ASKED_AT_ONCE, len(asked))) as pool:
            return {
                each for each, there in zip(asked, pool.map(lambda each: self.has(*each), asked), strict=True) if there
            }

    def open(self, digest: str, size: int | None = None) -> io.BufferedReader:
        if size is None:
            with _as_os_errors():
                size = int(obstore.head(self._store, key_of(digest))["size"])
        return io.BufferedReader(_Object(self._store, key_of(digest), size), _AHEAD)

    def stream(self, digest: str, start: int, stop: int) -> Iterator[bytes]:
        with _as_os_errors():
            found = obstore.get(self._store, key_of(digest), options={"range": (start, stop)})
            for block in found.stream(min_chunk_size=BLOCK):
                yield bytes(block)

    def begin(self, size: int, digest: str = "") -> Writing:
        return _Writing(self._put, self._scratch / uuid.uuid4().hex, size, digest)

    def _put(self, key: str, path: Path, size: int) -> None:
        """Store a file.

        Raises:
            StoreAway: The bucket does not take it.
        """
        with _as_os_errors():
            if self._cloud != "s3" or size > _ONE_PUT:
                obstore.put(self._store, key, path, chunk_size=max(_PIECE, size // _PIECES))
                return
            url = obstore.sign(self._store, "PUT", key, timedelta(seconds=_TIMEOUT[1]))
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                reply = self._session.put(url, data=_Body(path, size), timeout=_TIMEOUT, allow_redirects=False)
            except requests.RequestException as error:
                said, again = type(error).__name__, True  # its text may have the signed URL in it
            else:
                if reply.status_code == 200:
                    return
                said, again = f"HTTP {reply.status_code}", reply.status_code >= 500 or reply.status_code == 429
            if not again or attempt == _ATTEMPTS:
                break
            time.sleep(_RETRY_SECONDS * 2**attempt)
        raise StoreAway(f"the bucket does not do as asked: {said}")

    def signs(self) -> bool:
        # URLs are signed with the key of an account, or of a service account; without one, the cloud is asked to sign,
        # or refuses to, as Azure does where all that we have is a signature of its own: bytes come to us then.
        if self._signs is None:
            took, url = [], ""
            try:
                for _ in range(3):  # the first has the key to read
                    begin = time.monotonic()
                    (url,) = self.sign("GET", [direct_name("0", 1)], 1.0)
                    took.append(time.monotonic() - begin)
                if not self._is_good(url):
                    raise StoreAway(f"for {urlsplit(url).hostname}, URLs of the cloud itself would be signed")
            except OSError as error:
                log.warning("the bucket's URLs cannot be signed, so all bytes pass through the registry: %s", error)
                took.clear()
            self._signs = bool(took) and min(took) < _SIGN_SECONDS[self._cloud]
        return self._signs

    def _is_good(self, url: str) -> bool:
        """Return whether a URL was signed for where it leads: obstore signs for Google's host, or an account in it."""
        host, path = urlsplit(url).hostname or "", urlsplit(url).path
        if self._cloud == "gs":
            return host == "storage.googleapis.com"
        account = self._signing.config.get("account_name", "")
        return account in host or path.startswith(f"/{account}/")

    def sign(self, method: Literal["GET", "PUT"], names: Sequence[str], seconds: float) -> Sequence[str]:
        with _as_os_errors():
            return tuple(obstore.sign(self._signing, method, list(map(key_of, names)), timedelta(seconds=seconds)))

    def list_direct(self) -> Iterator[Stored]:
        with _as_os_errors():
            for some in obstore.list(self._store, "direct/"):
                for item in some:
                    yield Stored(str(item["path"]), item["size"], item["last_modified"].timestamp())

    def arrived(self, upload: str) -> Mapping[str, int]:
        with _as_os_errors():
            return {
                str(item["path"]): item["size"]
                for some in obstore.list(self._store, direct_name(upload, ""))
                for item in some
            }


class _Object(io.RawIOBase):
    """An object as a file to read from."""

    def __init__(self, store: Any, key: str, size: int) -> None:
        self._store, self._key, self._size, self._position = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        stop = min(self._position + len(buffer), self._size)
        if stop <= self._position:
            return 0
        with _as_os_errors():
            data = memoryview(obstore.get_range(self._store, self._key, start=self._position, end=stop))
        buffer[: len(data)] = data  # fewer where the object is shorter than it should be
        self._position += len(data)
        return len(data)


class _Body:
    """A file as the body of a request, in larger blocks than those of a file object."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with open(self._path, "rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block


class _Writing:
    """A file of this machine that becomes an object when all its bytes are there and right."""

    def __init__(self, put: Callable[[str, Path, int], None], path: Path, size: int, digest: str) -> None:
        self._put, self._path, self._check = put, path, Check(size, digest)
        self._file = open(path, "xb")  # noqa: SIM115  # closed by `discard`

    def write(self, block: bytes | memoryview) -> None:
        self._check.take(memoryview(block))
        self._file.write(block)

    def commit(self) -> Blob:
        blob = self._check.finish()
        self._file.flush()
        self._put(key_of(blob.digest), self._path, blob.size)
        return blob

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def key_of(name: str) -> str:
    """Return the key of a blob, by its digest or by the name of a part that its client sent to the bucket itself."""
    if is_direct(name):
        return name
    digits = hex_of(name)
    return f"{digits[:2]}/{digits}"


class _as_os_errors:  # noqa: N801  # read as a word: with _as_os_errors()
    """Raise what goes wrong with a bucket as `StoreAway`, an `OSError`; that of a missing object is one already."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BaseError):
            raise StoreAway(f"the bucket does not do as asked: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the first line of an error; what follows is how the library sees it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _store(url: str, endpoint: str) -> Any:
    options = bucket_options(url.partition("://")[0], endpoint)
    options["client_options"] = {"timeout": "600s", **options.get("client_options", {})}
    return from_url(url, **options)
