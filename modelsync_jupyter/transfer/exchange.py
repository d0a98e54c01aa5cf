"""What exports and imports share: both are the copy that push and pull are, with a file or folder at the other end.

An export has a tag and a place; an import has a place, and learns the tag from what is there: from the archive's layout
where it has one, else when all of it is staged. Either way nothing is visible under its name before it is whole, and
what is there already is compared by content digest, and replaced by force only.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.core.outcome import Direction, Outcome, Status
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.states import State
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.files.places import Place
from modelsync_jupyter.remotes.protocol import Source, Target
from modelsync_jupyter.remotes.retry import Renew

from .copy import copy, published
from .journal import Journal
from .plan import Operation
from .work import Work

#: What an attempt of its own can put right: a place that did not answer, a stream that broke or came damaged.
RENEWED = frozenset({Renew.REQUEST, Renew.PART})


@dataclass(frozen=True)
class FilePlan:
    """What an export or import will do.

    Args:
        direction: "export" or "import".
        tag: The version; None where only all of a compressed archive can tell.
        place: The file or folder, without secrets.
        action: "export", "import", "replace" or "skip".
        reason: Why, as a sentence.
        operations: The steps, in order.
        size: Bytes of the archive, as far as known.
        digest: Content digest, as far as known.
    """

    direction: Direction
    tag: Tag | None
    place: str
    action: str
    reason: str
    operations: tuple[Operation, ...] = ()
    size: int = 0
    digest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {
            "direction": self.direction,
            "tag": str(self.tag) if self.tag else None,
            "path": self.place,
            "action": self.action,
            "reason": self.reason,
            "size": self.size,
            "operations": [each._asdict() for each in self.operations],
        }


def place_key(direction: Direction, place: Place) -> str:
    """Name the lock and journal of an export or import: one for each place."""
    return f"{direction}-{hashlib.sha256(place.shown.encode()).hexdigest()[:24]}"


def file_journal(work: Work, key: str, about: dict[str, object]) -> Journal:
    """Open what earlier attempts noted; to be closed, also where the end that would close it cannot be opened.

    Args:
        work: The local side of the transfer.
        key: What the journal is called.
        about: What the transfer is about: notes of another one do not count.
    """
    return Journal(work.home.state / "journals" / f"{key}.jsonl", about)


def copy_all(source: Source, target: Target, work: Work, step: str) -> None:
    """Copy, check and publish; a target that fails is told so."""
    with published(source, target, work):
        copy(source, target, work, step)


def read_member(source: Source, entry: Entry) -> bytes:
    """Return the bytes of a small member of an archive that has a layout."""
    with closing(source.views(entry.offset, entry.content_stop, bytearray(64 * 1024))) as views:
        return b"".join(bytes(view) for view in views)


def file_outcome(work: Work, plan: FilePlan, status: Status, started: float, digest: str) -> Outcome:
    """Return what came of a plan.

    Args:
        work: The local side, whose counter tells what was moved.
        plan: The plan.
        status: What was done.
        started: When, by the monotonic clock.
        digest: Content digest of the version, or "".
    """
    look = work.counter.look() if plan.operations else Progress()
    assert plan.tag
    return Outcome(
        direction=plan.direction,
        tag=plan.tag,
        status=status,
        reason=plan.reason,
        size=look.total,
        moved=look.done - look.reused,
        reused=look.reused,
        seconds=time.monotonic() - started,
        digest=digest,
        state=State.IN_SYNC,
        path=plan.place,
    )
