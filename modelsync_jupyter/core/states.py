"""States: of a version between two ends, told apart by content digests alone; and of a transfer."""

from __future__ import annotations

from enum import Enum

#: States of a transfer.
PLANNED, RUNNING = "planned", "running"
SUCCEEDED, FAILED, CANCELLED, PAUSED = "succeeded", "failed", "cancelled", "paused"
#: Not written by anybody: what a reader calls a transfer whose owner is gone. It can be resumed.
INTERRUPTED = "interrupted"
ENDED = (SUCCEEDED, FAILED, CANCELLED, PAUSED, INTERRUPTED)
#: Those in which a transfer can be resumed.
RESUMABLE = (PAUSED, FAILED, CANCELLED, INTERRUPTED)


class State(str, Enum):
    """How the local store and the registry compare in one version."""

    LOCAL_ONLY = "local only"
    REMOTE_ONLY = "remote only"
    #: Both have it, with the same content digest.
    IN_SYNC = "in sync"
    #: Both have it, with other content digests.
    DIFFERENT = "different"
    #: The registry has a record of it, but not all of its bytes.
    PARTIAL = "partial"
    #: Both have it, and the content digest of one of them is not known.
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value


def compare(local: str | None, remote: str | None) -> State:
    """Tell the state of a version that both ends have.

    Args:
        local: The local content digest, or None or "" where it is not known.
        remote: The registry's.
    """
    if not local or not remote:
        return State.UNKNOWN
    return State.IN_SYNC if local == remote else State.DIFFERENT
