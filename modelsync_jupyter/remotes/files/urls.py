"""Places behind URLs: any file system that fsspec has a driver for.

Two facts decide how an export stays invisible until it is whole. An object store shows an object when its upload is
completed, so it is written under its own name. Everywhere else a file is seen while it grows, so it is written under
another name and renamed. And a driver's file must never be closed after a failure, for closing is what completes it.
"""

from __future__ import annotations

import os
import posixpath
import re
import secrets
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from modelsync_jupyter.buckets import bucket_options
from modelsync_jupyter.core.errors import (
    InvalidReply,
    MissingDependency,
    ModelExists,
    ModelSyncError,
    PermissionDenied,
    RemoteError,
    RemoteNotFound,
    Unavailable,
    UsageError,
)
from modelsync_jupyter.core.parts import MIB, Buffer

from .places import EXISTS, PARTIAL, LocalPlace, Place, Writer

#: Bytes of one ranged request: memory of a thread that reads a URL.
PIECE = 8 * MIB
#: Protocols whose files are seen only when they are complete.
_OBJECTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "hf", "r2"}
#: What to install where the driver of a protocol is missing; the driver of others is what fsspec's message names.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az", "hf": "hf"}
_SFTP = ("sftp", "ssh")
_EXTRAS |= {**dict.fromkeys(_SFTP, "sftp"), "http": "http", "https": "http"}
#: What obstore, which uploads the parts of an object in parallel, calls the protocols that it knows.
_OBSTORE = {"s3": "s3", "s3a": "s3a", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "abfs", "abfss": "abfss"}
#: Errors of drivers that mean wrong or missing credentials: of obstore, boto3, huggingface_hub and paramiko.
_REFUSED = {"UnauthenticatedError", "PermissionDeniedError", "NoCredentialsError", "GatedRepoError"}
_REFUSED |= {"AuthenticationException", "BadAuthenticationType", "PasswordRequiredException"}
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def find_place(text: str | os.PathLike[str]) -> Place:
    """Return the place that a path or URL names.

    Raises:
        UsageError: There is no such protocol, or the URL holds a password.
        MissingDependency: The protocol's driver is not installed.
    """
    text = os.fspath(text)
    found = _URL.match(text)
    if not found or found[1].lower() in ("file", "local"):
        path = text[found.end() :] if found else text
        return LocalPlace(Path(os.path.abspath(os.path.expanduser(path))))
    return RemotePlace(found[1].lower(), text)


def show_place(text: str | os.PathLike[str]) -> str:
    """Return a path or URL without what may be a secret: user, password, query and fragment."""
    text = os.fspath(text)
    if not _URL.match(text):
        return text
    parts = urlsplit(text)
    host = parts.netloc if parts.scheme.startswith("abfs") else parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def has_secret(text: str | os.PathLike[str]) -> bool:
    """Return whether a URL has a password, or a query that may hold a signature: it must not be written down."""
    text = os.fspath(text)
    return bool(_URL.match(text)) and (bool(urlsplit(text).query) or urlsplit(text).password is not None)


class RemotePlace:
    """A URL of a file system that fsspec has a driver for; a `Place`.

    Args:
        protocol: Its protocol.
        url: The URL; settings such as passwords come from the environment, as `FSSPEC_<PROTOCOL>_<SETTING>`.
    """

    local: Path | None = None

    def __init__(self, protocol: str, url: str, driver: tuple[Any, str, threading.Lock | None] | None = None) -> None:
        if urlsplit(url).password is not None:
            name = f"FSSPEC_{protocol.upper()}_PASSWORD"
            raise UsageError("The URL holds a password, which others could read.", f"Set {name} instead.")
        self._protocol, self._url = protocol, url
        self.shown = show_place(url)
        self._fs, self._path, self._lock = driver or _driver(protocol, url, self.shown)

    @property
    def name(self) -> str:
        return posixpath.basename(self._path.rstrip("/"))

    @cached_property
    def ranged(self) -> bool:
        if self._protocol in ("http", "https"):
            return bool(self._info().get("partial"))
        return True

    def is_root(self) -> bool:
        return not self._path.strip("/") or (self._protocol in _OBJECTS and "/" not in self._path.strip("/"))

    def kind(self) -> str:
        try:
            found = self._info()
        except RemoteNotFound:
            return ""
        return "folder" if found.get("type") == "directory" else "file"

    def stamp(self) -> tuple[int, str]:
        found = self._info()
        size = found.get("size")
        marks = ("ETag", "etag", "e_tag", "md5Hash", "mtime", "LastModified", "last_modified", "modify", "created")
        return -1 if size is None else int(size), " ".join(str(found[key]) for key in marks if found.get(key))

    def child(self, name: str) -> Place:
        path = f"{self._path.rstrip('/')}/{name}"
        return RemotePlace(self._protocol, f"{self.shown.rstrip('/')}/{name}", (self._fs, path, self._lock))

    def beside(self, name: str) -> Place:
        path, url = posixpath.dirname(self._path.rstrip("/")), posixpath.dirname(self.shown.rstrip("/"))
        return RemotePlace(self._protocol, f"{url}/{name}", (self._fs, f"{path}/{name}", self._lock))

    def walk(self) -> Iterator[tuple[str, int]]:
        with self._spoken():
            self._fs.invalidate_cache()  # listings that a driver remembers may be old, or part of the truth
            found = self._fs.find(self._path, detail=True)
        start = len(self._path.rstrip("/")) + 1
        for path, facts in found.items():
            yield path[start:], int(facts.get("size") or 0)

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        if stop is None or not self.ranged:
            yield from self._stream()
            return
        for begin in range(start, stop, PIECE):
            end = min(begin + PIECE, stop)
            with self._spoken():
                data = self._fs.cat_file(self._path, start=begin, end=end)
            if len(data) > end - begin:
                raise InvalidReply(f"`{self.shown}` sent more than was asked for.", "Download it, and import the file.")
            if len(data) < end - begin:
                raise Unavailable(f"`{self.shown}` ended early, at byte {begin + len(data)}.")
            yield memoryview(data)

    def _stream(self) -> Generator[memoryview, None, None]:
        size = 0 if self._protocol in ("http", "https") else PIECE
        with self._spoken():
            file = self._fs.open(self._path, "rb", block_size=size)
        try:
            while True:
                with self._spoken():
                    data = file.read(PIECE)
                if not data:
                    return
                yield memoryview(data)
        finally:
            file.close()

    def file(self) -> IO[bytes]:
        with self._spoken():
            opened: IO[bytes] = self._fs.open(self._path, "rb")
        return opened

    def writer(self, *, replace: bool) -> Writer:
        if not replace and self.kind():
            raise ModelExists(f"`{self.shown}` exists already.", EXISTS)
        return _RemoteWriter(self, hidden=self._protocol not in _OBJECTS)

    def delete(self) -> None:
        with self._spoken():
            self._fs.rm(self._path, recursive=True)

    def _info(self) -> dict[str, Any]:
        with self._spoken():
            self._fs.invalidate_cache()
            found: dict[str, Any] = self._fs.info(self._path)
        return found

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turn what a driver raises into our errors; one caller at a time where the driver has but one connection."""
        try:
            if self._lock:
                with self._lock:
                    yield
            else:
                yield
        except (ModelSyncError, KeyboardInterrupt, GeneratorExit):
            raise
        except FileNotFoundError as error:
            raise RemoteNotFound(f"There is nothing at `{self.shown}`.", "Check the URL.") from error
        except PermissionError as error:
            step = "Check the credentials in the environment."
            raise PermissionDenied(f"No permission for `{self.shown}`.", step) from error
        except (ImportError, NotImplementedError) as error:
            message = f"The driver of `{self._protocol}://` cannot do this with `{self.shown}`."
            raise UsageError(message, "Copy the file to this computer first.") from error
        except Exception as error:
            raise _broken(error, self.shown) from error


def _broken(error: Exception, shown: str) -> ModelSyncError:
    """Turn a failure of a driver's own into one of our errors: most are of the network. Its text may hold URLs."""
    reply = getattr(error, "response", None)
    status = getattr(error, "status", None) or getattr(error, "code", None) or getattr(reply, "status_code", None)
    if found := re.search(r"status code: (\d{3})\b", str(error)):  # obstore says it in words only
        status = int(found[1])
    if status == 404:
        return RemoteNotFound(f"There is nothing at `{shown}`.", "Check the URL.")
    if status in (401, 403):
        return PermissionDenied(f"No permission for `{shown}` (HTTP {status}).", "Check the credentials.")
    name = type(error).__name__
    words = re.sub(r"https?://\S+", "…", str(error).partition("\n")[0])[:200]
    if name in _REFUSED:
        return PermissionDenied(f"No permission for `{shown}`.", "Check the credentials in the environment.")
    if name in ("RepositoryNotFoundError", "RevisionNotFoundError", "NotFoundError"):
        return RemoteNotFound(f"There is nothing at `{shown}`.", "Check the URL.")
    if isinstance(status, int) and 400 <= status < 500 and status not in (408, 425, 429):
        return RemoteError(f"`{shown}` refused this (HTTP {status}): {words}", "Check the URL.", status=status)
    return Unavailable(f"`{shown}` cannot be reached: {name}: {words}", "Check the network, then try again.")


class _RemoteWriter:
    """A file being written through a driver; a `Writer`."""

    def __init__(self, place: RemotePlace, *, hidden: bool) -> None:
        self._place, self._fs = place, place._fs
        path = place._path
        folder, name = posixpath.split(path)
        self._path = posixpath.join(folder, f".{name}.{secrets.token_hex(6)}{PARTIAL}") if hidden else path
        self._hidden, self._done = hidden, False
        with place._spoken():
            if hidden and folder:
                self._fs.makedirs(folder, exist_ok=True)
            self._file: Any = self._fs.open(self._path, "wb")
        if hasattr(self._file, "set_pipelined"):
            self._file.set_pipelined(True)  # SFTP would wait for an answer to every 32 KiB

    def write(self, data: bytes | memoryview) -> None:
        with self._place._spoken():
            self._file.write(bytes(data) if isinstance(data, memoryview) else data)

    def commit(self) -> None:
        with self._place._spoken():
            self._file.close()
            self._done = True
            if self._hidden:
                self._rename()

    def _rename(self) -> None:
        try:
            self._fs.mv(self._path, self._place._path)
        except Exception:
            if not self._fs.exists(self._place._path):
                raise
            self._fs.rm_file(self._place._path)  # a system that cannot rename onto a file, as SFTP
            self._fs.mv(self._path, self._place._path)

    def discard(self) -> None:
        if self._done:
            return
        self._done = True
        with suppress(Exception):  # what it leaves is invisible, or hidden
            if hasattr(self._file, "discard"):
                self._file.discard()
        with suppress(AttributeError):
            self._file.closed = True  # else it would be completed as soon as Python forgets it
        if self._hidden:
            with suppress(Exception):
                self._fs.rm_file(self._path)


def _driver(protocol: str, url: str, shown: str) -> tuple[Any, str, threading.Lock | None]:
    """Return a driver, the path of a URL as it wants it, and a lock where it has one connection for all threads.

    Raises:
        UsageError: fsspec knows no such protocol.
        MissingDependency: The driver is not installed.
    """
    from fsspec.core import url_to_fs

    if protocol in _OBSTORE and find_spec("obstore"):
        return _object_store(_OBSTORE[protocol]), url.partition("://")[2].partition("?")[0], None
    try:
        if protocol in _SFTP:
            from .sftp import KnownHosts

            fs, path = KnownHosts(**KnownHosts._get_kwargs_from_urls(url)), KnownHosts._strip_protocol(url)
        else:
            fs, path = url_to_fs(url)
    except ModelSyncError:
        raise
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        text = f"Install it with `pip install 'modelsync_jupyter[{extra}]'`." if extra else f"{error}."
        raise MissingDependency(f"The driver of `{protocol}://` is not installed.", text) from error
    except ValueError as error:
        raise UsageError(f"`{shown}` cannot be used: {error}.", "Check the URL.") from error
    except Exception as error:
        raise _broken(error, shown) from error
    return fs, path, None if fs.async_impl or protocol == "memory" else threading.Lock()


@cache
def _object_store(protocol: str) -> Any:
    """Return obstore's driver, which reads the same environment variables as the cloud's own tools."""
    from obstore.fsspec import FsspecStore

    return FsspecStore(protocol, **bucket_options(protocol))  # type: ignore[call-overload]
