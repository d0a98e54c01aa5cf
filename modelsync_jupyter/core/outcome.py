"""What a transfer was asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .config import DEFAULT_THREADS
from .states import State
from .tags import Tag
from .units import format_seconds, format_size

if TYPE_CHECKING:
    from .changes import Changes

Direction = Literal["push", "pull", "export", "import", "sync"]
Status = Literal["pushed", "pulled", "exported", "imported", "skipped"]


class DifferentContentWarning(UserWarning):
    """A push or pull left a version alone although the other end has different files under the same tag."""


class Options(NamedTuple):
    """How to transfer.

    Args:
        force: Replace what is there under the same tag.
        threads: Parts transferred in parallel.
        context: Name of the context to use, or None for the current one.
        rate_limit: Maximum bytes per second, or None for no limit.
        path: File, folder or URL to export to or to import.
        format: Format of an export, or None for what the path says.
        rename: Tag to import under, or None for its own.
        target: Where a sync goes to; `path` is where it comes from.
        query: Which versions of a registry a sync copies.
        delete: Whether a sync deletes what its source does not have.
        keep_going: Whether a sync continues past versions that fail.
    """

    force: bool = False
    threads: int = DEFAULT_THREADS
    context: str | None = None
    rate_limit: int | None = None
    path: str = ""
    format: str | None = None
    rename: str | None = None
    target: str = ""
    query: str = ""
    delete: bool = False
    keep_going: bool = False


class Outcome(NamedTuple):
    """What came of a transfer.

    Args:
        direction: "push", "pull", "export" or "import".
        tag: The version that was meant, with `latest` resolved.
        status: "pushed", "pulled", "exported", "imported" or "skipped".
        reason: Why this version and why this status, as a sentence.
        size: Bytes in the archive; 0 when it was not needed to know.
        moved: Bytes that were transferred.
        reused: Bytes that were there already.
        seconds: Wall time.
        digest: Content digest of the version, or "" where it is not known.
        state: How both ends compare in this version afterwards.
        path: File, folder or URL of an export or import, without secrets.
        page: Address where people see the version in the registry that it was pushed to, or "".
        changes: What is different from the version that was replaced, else from the newest other one that is here; None
            where there is none, or nothing was moved.
    """

    direction: Direction
    tag: Tag
    status: Status
    reason: str
    size: int = 0
    moved: int = 0
    reused: int = 0
    seconds: float = 0.0
    digest: str = ""
    state: State = State.UNKNOWN
    path: str = ""
    page: str = ""
    changes: Changes | None = None

    def __repr__(self) -> str:
        return f"Outcome({self.status} {self.tag}, {format_size(self.moved)} in {format_seconds(self.seconds)})"

    @property
    def different(self) -> bool:
        """Whether the other end has different files under this tag, which were left alone."""
        return self.state is State.DIFFERENT

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        places = {key: place for key, place in (("path", self.path), ("page", self.page)) if place}
        return {
            "tag": str(self.tag),
            "status": self.status,
            "reason": self.reason,
            _moved(self.direction): self.moved,
            "bytes_reused": self.reused,
            "size": self.size,
            "seconds": round(self.seconds, 3),
            "digest": self.digest,
            "state": str(self.state),
            "different": self.different,
            **places,
            **({"changes": self.changes.to_dict()} if self.changes else {}),
        }

    @classmethod
    def from_dict(cls, direction: Direction, data: dict[str, Any]) -> Outcome:
        """Return the outcome from JSON that `to_dict` made.

        Raises:
            KeyError, TypeError, ValueError, InvalidTag: It did not.
        """
        from .changes import Changes

        return cls(
            direction=direction,
            tag=Tag.parse(data["tag"]),
            status=data["status"],
            reason=data["reason"],
            size=data["size"],
            moved=data[_moved(direction)],
            reused=data["bytes_reused"],
            seconds=data["seconds"],
            digest=data["digest"],
            state=State(data["state"]),
            path=data.get("path", ""),
            page=data.get("page", ""),
            changes=Changes.from_dict(data["changes"]) if data.get("changes") else None,
        )


class SyncReport(NamedTuple):
    """What came of a sync.

    Args:
        source: Where from, without secrets.
        target: Where to.
        counts: How many versions there were of each kind: "copy", "replace", "same", "different", "delete" and so on.
        moved: Bytes that were transferred.
        reused: Bytes that were there already.
        seconds: Wall time.
        different: Tags under which the target has other content, which was left alone.
    """

    source: str
    target: str
    counts: Mapping[str, int]
    moved: int = 0
    reused: int = 0
    seconds: float = 0.0
    different: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "from": self.source,
            "to": self.target,
            "counts": dict(self.counts),
            "bytes_sent": self.moved,
            "bytes_reused": self.reused,
            "seconds": round(self.seconds, 3),
            "different": list(self.different),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SyncReport:
        """Return the report from JSON that `to_dict` made."""
        moved, reused, different = data["bytes_sent"], data["bytes_reused"], tuple(data["different"])
        return cls(data["from"], data["to"], data["counts"], moved, reused, data["seconds"], different)


def _moved(direction: Direction) -> str:
    return "bytes_sent" if direction in ("push", "export") else "bytes_received"
