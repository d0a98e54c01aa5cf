"""What a transfer was asked to do, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .config import DEFAULT_THREADS
from .tags import Tag

Direction = Literal["push", "pull"]
Status = Literal["pushed", "pulled", "skipped"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to transfer.

    Args:
        force: Replace what is there under the same tag.
        threads: Parts transferred in parallel.
        context: Name of the context to use, or None for the current one.
        rate_limit: Maximum bytes per second, or None for no limit.
    """

    force: bool = False
    threads: int = DEFAULT_THREADS
    context: str | None = None
    rate_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a transfer.

    Args:
        direction: "push" or "pull".
        tag: The version that was meant, with `latest` resolved.
        status: "pushed", "pulled" or "skipped".
        reason: Why this version and why this status, as a sentence.
        size: Bytes in the archive; 0 when it was not needed to know.
        moved: Bytes that were transferred.
        reused: Bytes that were there already.
        seconds: Wall time.
        different: Whether the other end has a different model under this tag, which was left alone.
    """

    direction: Direction
    tag: Tag
    status: Status
    reason: str
    size: int = 0
    moved: int = 0
    reused: int = 0
    seconds: float = 0.0
    different: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON."""
        key = "bytes_sent" if self.direction == "push" else "bytes_received"
        return {
            "tag": str(self.tag),
            "status": self.status,
            "reason": self.reason,
            key: self.moved,
            "bytes_reused": self.reused,
            "size": self.size,
            "seconds": round(self.seconds, 3),
        }
