"""What the registry asks of a store of blobs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, runtime_checkable

from modelsync_jupyter.archive.description import Hasher
from modelsync_jupyter.core.parts import ALGORITHM, MIB

from ..errors import BadRequest

#: Bytes that are read, hashed or sent at once.
BLOCK = MIB
_DIRECT = "direct/"


class StoreAway(OSError):
    """A store of blobs that is not on this machine does not answer, or does not do as asked."""


class ByteSource(Protocol):
    """Where bytes come from: the body of a request."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end only."""
        ...


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: its digest with `blake3:` in front, and its bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob as a listing of the store shows it.

    Args:
        digest: Its name: a digest, or that of a part that its client sent to the store itself.
        size: Its bytes.
        modified: When its bytes were last received, in seconds since the epoch by the store's own clock.
    """

    digest: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits into a store.

    Args:
        free: Bytes that may still be stored.
        total: Bytes of the whole disk.
    """

    free: int
    total: int


class Writing(Protocol):
    """A blob that is being received. Ends with `discard`, whatever happened before."""

    def write(self, block: bytes | memoryview, /) -> None:
        """Take the next bytes.

        Raises:
            BadRequest: They are more than announced.
            Full: They do not fit.
        """
        ...

    def commit(self) -> Blob:
        """Store what was written.

        Raises:
            BadRequest: The bytes are fewer or more than announced, or have another digest than they must.
        """
        ...

    def discard(self) -> None:
        """Remove what was not committed; does nothing where all was."""
        ...


class Blobs(Protocol):
    """A store of blobs, used by many threads and processes at once.

    What holds for every store:

    - A blob's name is the digest of its bytes, so it never changes, and equal bytes are stored once.
    - A blob is there whole and for good, or not at all: when `commit` or `receive` returns, the bytes outlive a crash
      of the machine; when it raises, or the process is killed, nothing of them can be seen.
    - Several may store the same bytes at once; all of them succeed.
    - What was received replaces what was stored under the same name: a blob that has rotted is healed by it.
    - It does not know which blobs are needed. Only `registry.space` deletes, and asks the catalog first.
    """

    def prepare(self) -> None:
        """Make the store if need be, and `sweep`."""
        ...

    def sweep(self) -> int:
        """Remove what processes that were killed hours ago had half received, and return how many bytes that frees."""
        ...

    def room(self) -> Room | None:
        """Return how much still fits, or None where the store has no limit that it knows of."""
        ...

    def list(self) -> Iterator[Stored]:
        """List all blobs, in any order. Those stored or deleted meanwhile may be in the list or not."""
        ...

    def delete(self, digests: Sequence[str]) -> None:
        """Delete blobs for good. Those that are not there are no error; readers that have one open keep it."""
        ...

    def quarantine(self, digest: str) -> bool:
        """Set a rotten blob aside, and return whether that was done: one that was healed meanwhile stays.

        It is kept for inspection for a while, and is not there for `has`, `open` and `list`.
        """
        ...

    def has(self, digest: str, size: int) -> bool:
        """Return whether the blob is there, with this many bytes."""
        ...

    def find(self, wanted: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """Return those of some blobs, each with its bytes, that are there; a bucket is asked for many at once."""
        ...

    def open(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open a blob for reading at its start, seekable; one with a `fileno` may be sent by the kernel.

        Args:
            digest: Its name.
            size: Its bytes, where they are known: a bucket is not asked for them then.

        Raises:
            FileNotFoundError: It is not there; a bucket may say so at the first read where `size` is given.
        """
        ...

    def check(self) -> None:
        """Ask the store for something, to see that it answers.

        Raises:
            OSError: It does not.
        """
        ...

    def stream(self, digest: str, start: int, stop: int) -> Iterator[bytes]:
        """Read `[start, stop)` of a blob in blocks.

        Raises:
            OSError: It is not there, or shorter.
        """
        ...

    def begin(self, size: int, digest: str = "") -> Writing:
        """Begin to receive a blob of `size` bytes.

        Args:
            size: How many bytes it has.
            digest: What their digest must be, or "".

        Raises:
            Full: They do not fit.
        """
        ...

    def receive(self, source: ByteSource, size: int, digest: str = "") -> Blob:
        """Store the next `size` bytes of `source`; never reads more.

        Args:
            source: Where the bytes come from.
            size: How many.
            digest: What their digest must be, or "".

        Raises:
            BadRequest: The bytes end early or have another digest.
            Full: They do not fit.
        """
        writing = self.begin(size, digest)
        try:
            for block in read_exactly(source, size):
                writing.write(block)
            return writing.commit()
        finally:
            writing.discard()


@runtime_checkable
class Direct(Protocol):
    """A store that clients can reach themselves, with URLs that are signed for one object each.

    What a client sends there is named `direct/UPLOAD/NUMBER`, or where it is several neighbouring parts in one object
    `direct/UPLOAD/FIRST-BYTES`: names that every method of `Blobs` that reads takes.
    """

    #: What has to go with each PUT to a signed URL.
    put_headers: Mapping[str, str]

    def signs(self) -> bool:
        """Return whether clients can be sent there: URLs can be signed, at once."""
        ...

    def sign(self, method: Literal["GET", "PUT"], names: Sequence[str], seconds: float) -> Sequence[str]:
        """Sign a URL for each of some blobs."""
        ...

    def list_direct(self) -> Iterator[Stored]:
        """List all that clients sent, in any order, under its names; as `Blobs.list` lists blobs."""
        ...

    def arrived(self, upload: str) -> Mapping[str, int]:
        """Return the names and sizes of what was sent for an upload."""
        ...


class Check:
    """Counts and hashes the bytes of a blob while they arrive.

    Args:
        size: How many are announced.
        digest: What their digest must be, or "".
    """

    def __init__(self, size: int, digest: str) -> None:
        self._size, self._left, self._digest = size, size, digest
        self._hasher = Hasher()

    def take(self, view: memoryview) -> None:
        """Count the next bytes in.

        Raises:
            BadRequest: They are more than announced.
        """
        self._left -= len(view)
        if self._left < 0:
            raise BadRequest(f"the body has more than {self._size} bytes")
        self._hasher.update(view)

    def finish(self) -> Blob:
        """Return what the bytes are.

        Raises:
            BadRequest: They are fewer than announced, or have another digest than they must.
        """
        found = self._hasher.digest()
        if self._left:
            raise BadRequest(f"the body ended {self._left} bytes early")
        if self._digest and self._digest != found:
            raise BadRequest(f"the digest of the bytes is `{found}`, declared was `{self._digest}`")
        return Blob(found, self._size)


def sweep_folder(folder: Path, seconds: float) -> int:
    """Delete the files of a folder that nobody has written to for so long, and return how many bytes that frees."""
    freed = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime < time.time() - seconds:
                path.unlink()
                freed += found.st_size
    return freed


def read_exactly(source: ByteSource, size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes of a source, as they come.

    Raises:
        BadRequest: They end early.
    """
    while size:
        try:
            block = source.read(min(BLOCK, size))
        except OSError as error:
            raise BadRequest("the connection broke in the middle of the body") from error
        if not block:
            raise BadRequest(f"the body ended {size} bytes early")
        yield block
        size -= len(block)


def direct_name(upload: str, number: int | str) -> str:
    """Return the name of a part that its client sends to the store itself, or with "" how all of an upload begin."""
    return f"{_DIRECT}{upload}/{number}"


def run_name(upload: str, first: int, size: int) -> str:
    """Return the name of what has several neighbouring parts, from a number on and of so many bytes together."""
    return direct_name(upload, f"{first}-{size}")


def is_direct(name: str) -> bool:
    """Return whether a name is that of something which its client sent to the store itself, and not a digest."""
    return name.startswith(_DIRECT)


def upload_of(name: str) -> str:
    """Return the id of the upload with which something came that `is_direct`."""
    return name.split("/")[1]


def blob_of(name: str, size: int) -> tuple[str, int]:
    """Return name and bytes of the blob that holds a part.

    Args:
        name: Its name; that of one which holds neighbouring parts says how many bytes it has.
        size: Bytes of the part.
    """
    _, several, bytes = name.rpartition("-")
    return name, int(bytes) if several else size


def copy_part(source: Blobs, place: tuple[str, int], target: Blobs, blob: Blob) -> None:
    """Store a part, wherever it is, under its digest.

    Args:
        source: Where it is.
        place: The name of what holds it there, and where it begins in that.
        target: Where to store it.
        blob: The part.

    Raises:
        OSError: It cannot be read.
        BadRequest: It has other bytes.
        Full: It does not fit.
    """
    (name, start), writing = place, target.begin(blob.size, blob.digest)
    try:
        for block in source.stream(name, start, start + blob.size):
            writing.write(block)
        writing.commit()
    finally:
        writing.discard()


def hex_of(digest: str) -> str:
    """Return the hexadecimal digits of a digest."""
    return digest.removeprefix(f"{ALGORITHM}:")
