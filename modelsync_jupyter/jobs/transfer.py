"""Transfer: a handle on a transfer, in any process. It holds nothing but the id; the truth is the record."""

from __future__ import annotations

import time
from typing import Any

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, Paused, TransferFailed
from modelsync_jupyter.core.outcome import Outcome, SyncReport
from modelsync_jupyter.core.progress import Progress, Sink
from modelsync_jupyter.core.states import CANCELLED, ENDED, INTERRUPTED, PAUSED, SUCCEEDED
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.units import format_size

from .records import Record, Records

_POLL_SECONDS = 0.1


class Transfer:
    """A transfer in this or any other process.

    Args:
        home: BentoML's home folder.
        id: Its id, or the beginning of it.

    Raises:
        TransferNotFound: There is none.
    """

    def __init__(self, home: Home, id: str) -> None:
        self._records, self.home = Records(home), home
        self.id = self._records.get(id).id

    @property
    def record(self) -> Record:
        """The record as it is now."""
        return self._records.get(self.id)

    @property
    def state(self) -> str:
        """planned, running, succeeded, failed, cancelled, paused or interrupted."""
        return self.record.state

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self.record.progress

    def cancel(self) -> None:
        """Ask it to stop; it does within 2 s. What it has done is kept for another attempt."""
        record = self.record
        if record.state == PAUSED:  # no process is there to ask
            self._records.save(record._replace(state=CANCELLED))
        elif record.state not in ENDED:
            self._records.ask_to_stop(self.id)

    def pause(self) -> None:
        """Ask it to stop for now; it does within 2 s. What it has done is kept, and it can be resumed at any time."""
        if self.state not in ENDED:
            self._records.ask_to_stop(self.id, state=PAUSED)

    def settle(self, seconds: float) -> Transfer:
        """Return this handle once the transfer has ended in one way or another, or after some seconds."""
        end = time.monotonic() + seconds
        while self.state not in ENDED and time.monotonic() < end:
            time.sleep(0.05)
        return self

    def wait(self, timeout: float | None = None, sink: Sink | None = None) -> Outcome | SyncReport:
        """Follow it to its end.

        Args:
            timeout: Seconds to wait at most.
            sink: Called with progress updates.

        Raises:
            TimeoutError: It has not ended in time.
            Cancelled: It was cancelled; `Paused`, a kind of it, if it was paused.
            TransferFailed: It failed, or its process ended unexpectedly.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (record := self.record).state not in ENDED:
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"Transfer {self.id} has not ended in {timeout} s.")
            if sink:
                sink(record.progress)
            time.sleep(_POLL_SECONDS)
        if sink:
            sink(record.progress)
        return _outcome(record)

    def __repr__(self) -> str:
        record = self.record
        amount = f"{format_size(record.done)} of {format_size(record.total)}"
        return f"Transfer({self.id}: {record.direction} {record.tag}, {record.state}, {amount})"


def _outcome(record: Record) -> Outcome | SyncReport:
    step = Step("resume", "Resume it where it left off.", {"id": record.id})
    if record.state == CANCELLED:
        raise Cancelled(f"Transfer {record.id} of `{record.tag}` was cancelled.")
    if record.state == PAUSED:
        raise Paused(f"Transfer {record.id} of `{record.tag}` was paused.", step)
    if record.state == INTERRUPTED:
        raise TransferFailed(f"Transfer {record.id} of `{record.tag}` was interrupted.", step)
    if record.state != SUCCEEDED or record.outcome is None:
        error: dict[str, Any] = record.error or {}
        reason = Step(**error["step"]) if "step" in error else error.get("hint")
        raise TransferFailed(error.get("message", "The transfer failed."), reason)
    if record.direction == "sync":
        return SyncReport.from_dict(record.outcome)
    return Outcome.from_dict(record.direction, record.outcome)
