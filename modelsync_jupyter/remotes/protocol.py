"""What a copy asks of its two ends. Every end keeps these promises; `tests/contract` runs one suite on all of them.

A *source* is an archive that can be read; a *target* is an archive being written. A push reads a local folder and
writes an upload, a pull reads a registry's archive and writes a stage; export, import and sync are the same copy with
other ends. The copy itself knows no registry, no strategy and no HTTP library.

Offsets count from the start of the archive's body: what an end puts in front of it (see `archive.description`) is its
own affair.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Protocol

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import Part


class Source(Protocol):
    """An archive that can be read, as it was when it was opened.

    Attributes:
        identity: JSON values that change whenever the archive does; a journal is kept for one identity.
        size: Bytes of the body, or None where nobody says.
        ranged: Whether it can be read from any offset, by several threads at the same time.
        parts: The parts of the body in order, with digests where they are known. At least one; where the size is not
            known, one without an end.
        layout: Which bytes are which file, or None where only the archive's own headers tell.
        description: What is known of the whole archive, or None.
    """

    identity: object
    size: int | None
    ranged: bool
    parts: tuple[Part, ...]
    layout: Layout | None
    description: Description | None

    def views(self, start: int, stop: int | None, buffer: bytearray) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)` in order; to be closed. Never yields a byte more than was asked for.

        A broken connection is taken up again where it broke, where the source is ranged.

        Args:
            start: Offset of the first byte; 0 where the archive is not ranged.
            stop: Offset behind the last byte, or None for the end of an archive of unknown size.
            buffer: Memory that the source may use; views are valid until the next one is asked for.

        Raises:
            ModelChanged: The folder changed since it was opened.
            Conflict: The registry's archive was replaced since it was opened.
            Unavailable: The network failed over and over.
        """
        ...

    def check(self) -> None:
        """Make sure that what was read is what was opened, after all of it was read.

        Raises:
            ModelChanged: The folder changed meanwhile.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds open. May be called twice."""
        ...


class Target(Protocol):
    """An archive being written. Nothing of it is visible before `publish` returns.

    Attributes:
        present: Numbers of the parts that need not be written: they are there from an earlier attempt, or because the
            target holds equal ones. Each was verified.
    """

    present: frozenset[int]

    def writes(self, parts: Sequence[Part]) -> Sequence[tuple[Part, ...]]:
        """Arrange the parts that are not present into writes: runs of neighbours, each to be written by one call."""
        ...

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        """Write neighbouring parts; may be called by several threads at the same time.

        When it returns, an interruption will not lose them: they are noted, and `present` for the next attempt.

        Args:
            parts: One of the writes.
            views: Their bytes in order.

        Raises:
            IntegrityError: The bytes do not have their digest. What was written of them does not count.
        """
        ...

    def publish(self) -> None:
        """Make the version visible, with all of its bytes, in one step; what was there before is replaced."""
        ...

    def give_up(self, error: ModelSyncError) -> None:
        """Note that this attempt failed. What was written is kept where another attempt can use it."""
        ...

    def close(self) -> None:
        """Let go of what it holds open; what was written stays. May be called twice."""
        ...
