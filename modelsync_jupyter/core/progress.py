"""Progress as plain numbers: a transfer adds bytes, a display decides how often to draw."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Progress(NamedTuple):
    """How far a transfer is at one moment.

    Args:
        step: What is being done now: "planning", "hashing", "sending", "receiving", "finishing",
            or "retrying" while a request waits to be sent again.
        done: Bytes moved or found to be there already; never above `total`, and smaller again after a failed part.
        total: Bytes in the archive; 0 while unknown.
        reused: Those of `done` that did not have to be transferred.
    """

    step: str = "planning"
    done: int = 0
    total: int = 0
    reused: int = 0


class Sink(Protocol):
    """Called with progress updates, at most 10 times a second, by the thread that waits for a transfer.

    Work that no other thread waits for, such as `verify`, calls it from a thread that does it.
    """

    def __call__(self, progress: Progress, /) -> None: ...
