"""Forecast: the bytes that a planned transfer is going to move, and what changes by it, for those who ask beforehand.

It asks both ends the same questions as the transfer itself: which parts of the archive the registry has, or which of
them local versions hold. It changes nothing, but that digests which had to be computed for it are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modelsync_jupyter.core.parts import parts_json

from .changes import changes_of_pull, changes_of_push
from .reuse import find_copyable

if TYPE_CHECKING:
    from modelsync_jupyter.core.changes import Changes

    from .plan import Plan
    from .run import Run


class Forecast(NamedTuple):
    """What a transfer is going to move, as both ends are now. An interrupted transfer that resumes moves less.

    Args:
        moved: Bytes of the archive that will travel. Its description, about 100 bytes for each part, comes on top.
        reused: Its other bytes: the registry, or another local version, has them.
        exact: Whether that was asked of the other end; else nothing more may travel, but less.
        changes: What is different from the version that is replaced, else from the newest other one; None where there
            is none, or its files are not known.
        seconds: How long it will take, as far as earlier transfers tell; else None.
    """

    moved: int
    reused: int = 0
    exact: bool = True
    changes: Changes | None = None
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the forecast as JSON."""
        return {
            "bytes_moved": self.moved,
            "bytes_reused": self.reused,
            "exact": self.exact,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "changes": self.changes and self.changes.to_dict(),
        }


def forecast(run: Run, plan: Plan, *, hash: bool = True) -> Plan:
    """Return a plan with its forecast; as it was where there is nothing to do, or local files would have to be hashed.

    Args:
        run: The transfer.
        plan: What it will do.
        hash: Whether to read local files whose digests are not known.

    Raises:
        Cancelled: It was stopped.
        ModelSyncError: What is to be moved cannot be read: the transfer would fail as well.
    """
    if not plan.operations:
        return plan
    found = _of_push(run, plan, hash=hash) if plan.direction == "push" else _of_pull(run, plan)
    return plan.with_forecast(found) if found else plan


def _of_push(run: Run, plan: Plan, *, hash: bool) -> Forecast | None:
    store, model, there = run.store, plan.facts.local, plan.facts.remote
    assert model
    if not hash and not store.digest(model):
        return None
    described = run.work.describe(store, model)
    # Who pushes the same files again wants to replace bytes that have gone bad: all of them travel.
    again = there is not None and there.complete and there.digest == described.digest
    present = set() if again else run.remote.present(parts_json(described.parts))
    moved = sum(part.size for part in described.parts if part.number not in (present or ()))
    changes = changes_of_push(run, plan, described, ask=True)
    return Forecast(moved, described.layout.size - moved, present is not None, changes)


def _of_pull(run: Run, plan: Plan) -> Forecast:
    from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive

    remote = plan.facts.remote
    assert remote
    archive = RemoteArchive(run.remote, remote)
    runs = find_copyable(run.store, plan.tag, archive.parts) if archive.layout else ()
    reused = sum(part.size for some in runs for part in some.parts)
    changes = changes_of_pull(run, plan, archive)
    return Forecast((archive.size or plan.size) - reused, reused, archive.size is not None, changes)
