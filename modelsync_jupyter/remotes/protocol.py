"""What a copy asks of its two ends. Every end keeps these promises; `tests/contract` runs one suite on all of them.

A *source* is an archive that can be read; a *target* is an archive being written. A push reads a local folder and
writes an upload, a pull reads a registry's archive and writes a stage; export, import and sync are the same copy with
other ends. The copy itself knows no registry, no strategy and no HTTP library.

Offsets count from the start of the archive's body: what an end puts in front of it (see `archive.description`) is its
own affair.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Protocol

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import Buffer, Part

#: Where the one part of an archive of unknown size ends.
ENDLESS = sys.maxsize

Read = Callable[[int, "int | None"], Generator[memoryview, None, None]]
HandOff = Callable[[tuple[Part, ...]], None]


class Notes(Protocol):
    """What a target remembers between attempts: values that JSON can hold, safe on disk one by one.

    Attributes:
        notes: Those of earlier attempts, oldest first.
    """

    @property
    def notes(self) -> Sequence[Mapping[str, Any]]: ...

    def add(self, **note: Any) -> None:
        """Note something that was done."""
        ...

    def remove(self) -> None:
        """Forget everything: it is all done, or of no use any more."""
        ...

    def close(self) -> None:
        """Keep the notes for the next attempt. May be called twice."""
        ...


class Source(Protocol):
    """An archive that can be read, as it was when it was opened.

    Attributes:
        identity: JSON values that change whenever the archive does; a journal is kept for one identity.
        size: Bytes of the body, or None where it is not known.
        ranged: Whether it can be read from any offset, by several threads at the same time.
        parts: The parts of the body in order, with digests where they are known. At least one; where the size is not
            known, one that ends at `ENDLESS`.
        layout: Which bytes are which file, or None where only the archive's own headers tell.
        description: What is known of the whole archive, or None.
    """

    @property
    def identity(self) -> object: ...
    @property
    def size(self) -> int | None: ...
    @property
    def ranged(self) -> bool: ...
    @property
    def parts(self) -> tuple[Part, ...]: ...
    @property
    def layout(self) -> Layout | None: ...
    @property
    def description(self) -> Description | None: ...

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)` in order, once; to be closed. Never yields a byte more than was asked for.

        Where it fails, the copy opens it again at the byte it got to, if the source is ranged.

        Args:
            start: Offset of the first byte; 0 where the archive is not ranged.
            stop: Offset behind the last byte, or None for the end of an archive of unknown size.
            buffer: Memory that the source may use; views are valid until the next one is asked for.

        Raises:
            ModelChanged: The folder changed since it was opened.
            Conflict: The registry's archive was replaced since it was opened.
            UrlExpired: The address expired; the next call uses a new one.
            Unavailable: The network failed, or the archive ended early.
            InvalidReply: The far end sent more than was asked for.
        """
        ...

    def check(self) -> None:
        """Make sure that what was read is what was opened, after all of it was read.

        Raises:
            ModelChanged: The folder changed meanwhile.
        """
        ...

    def close(self) -> None:
        """Release what it holds open. May be called twice."""
        ...


class Target(Protocol):
    """An archive being written. Nothing of it is visible before `publish`, in so far as the far end lets us decide it:
    a registry that takes whole archives through its API publishes with the last byte.

    Attributes:
        present: Numbers of the parts that need not be written: they are there from an earlier attempt, because the
            target holds equal ones, or because `write` has noted them. Each was verified, or its digest is not known.
        grain: Bytes that one thread may lose at most when it is interrupted in the middle of a write, in the second
            half of the archive: in the mean of threads, where writes differ a little.
        ordered: Whether a write waits for those before it. Then no number of writes in flight may keep one of them out.
    """

    @property
    def present(self) -> set[int]: ...
    @property
    def grain(self) -> int: ...
    @property
    def ordered(self) -> bool: ...

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Arrange parts that are not present into writes, runs of neighbours, and hand each of them off.

        A target that needs to know which bytes are which file, and is not told, reads the archive's headers here, and
        hands off only what lies within one file. It runs as one of the copy's threads.

        Args:
            parts: Those that are missing, in order.
            read: Reads the bytes from an offset to another; to be closed.
            hand_off: Queues a write; returns at once.

        Raises:
            IntegrityError: The archive is not a tar, or breaks off.
            UnsafeArchive: A member would leave the model's folder.
        """
        ...

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        """Write neighbouring parts; may be called by several threads at the same time.

        Each part is in `present` as soon as an interruption will not lose it any more.

        Args:
            parts: A write that was handed off, or what is left of it.
            views: Their bytes in order.

        Raises:
            IntegrityError: The bytes do not have their digest. What was written of that part does not count.
        """
        ...

    def publish(self) -> None:
        """Make the version visible, with all of its bytes, in one step; what was there before is replaced."""
        ...

    def give_up(self, error: ModelSyncError) -> None:
        """Note that this attempt failed. What was written is kept where another attempt can use it."""
        ...

    def close(self) -> None:
        """Release what it holds open; what was written stays. May be called twice."""
        ...
