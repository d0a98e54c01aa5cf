"""Steering: the verbs for transfers that exist already, started by this process or another one."""

from __future__ import annotations

from collections.abc import Callable

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.outcome import Outcome, SyncReport
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.states import ENDED
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.jobs.transfer import Transfer

from .bar import shown

_CANCEL_SECONDS = 5.0


class TransferVerbs:
    """The part of a `Client` that follows, stops and resumes transfers."""

    home: Home
    context: str | None
    _records: Records
    _execute: Callable[..., Outcome | SyncReport]

    def transfers(self) -> list[Transfer]:
        """List all transfers of this home, newest first, those of other processes too."""
        return [Transfer(self.home, record.id) for record in self._records.all()]

    def transfer(self, id: str) -> Transfer:
        """Return the handle of a transfer.

        Args:
            id: Its id, or the beginning of it.

        Raises:
            TransferNotFound: There is none.
        """
        return Transfer(self.home, id)

    def attach(self, id: str, *, progress: Sink | bool | None = None) -> Outcome | SyncReport:
        """Follow a transfer to its end.

        Args:
            id: Its id, or the beginning of it.
            progress: Called with progress updates; by default a bar is drawn where it can be seen; False for none.

        Raises:
            TransferNotFound: There is none.
            Cancelled: It was cancelled.
            TransferFailed: It failed, or its process ended unexpectedly.
        """
        transfer = self.transfer(id)
        record = transfer.record
        wanted = progress if record.active else False
        with shown(f"{record.direction} {record.tag}", wanted, follows=True) as sink:
            return transfer.wait(sink=sink)

    def cancel(self, id: str) -> Transfer:
        """Ask a transfer to stop, and wait a few seconds for it to do so.

        Args:
            id: Its id, or the beginning of it.

        Raises:
            TransferNotFound: There is none.
        """
        transfer = Transfer(self.home, id)
        transfer.cancel()
        return transfer.settle(_CANCEL_SECONDS)

    def pause(self, id: str) -> Transfer:
        """Ask a transfer to stop for now, and wait a few seconds for it to do so; `resume` continues it.

        Args:
            id: Its id, or the beginning of it.

        Raises:
            TransferNotFound: There is none.
        """
        transfer = Transfer(self.home, id)
        transfer.pause()
        return transfer.settle(_CANCEL_SECONDS)

    def forget(self, id: str) -> None:
        """Remove a transfer that has ended from the list; models stay as they are.

        Args:
            id: Its id, or the beginning of it.

        Raises:
            TransferNotFound: There is none.
            UsageError: It is still running.
        """
        record = self._records.get(id)
        if record.active:
            raise UsageError(f"Transfer {record.id} is still running.", Step("cancel", "Stop it.", {"id": record.id}))
        self._records.remove(record.id)

    def resume(self, id: str, *, progress: Sink | bool | None = None) -> Outcome | SyncReport:
        """Run a transfer again that did not succeed; it resumes where it left off.

        Args:
            id: Its id, or the beginning of it.
            progress: Called with progress updates; by default a bar is drawn where it can be seen; False for none.

        Raises:
            TransferNotFound: There is none.
            UsageError: It is still running, or has succeeded.
            ModelSyncError: As for push and pull.
        """
        return self._execute(self._resumable(id), progress)

    def resume_in_background(self, id: str) -> Transfer:
        """Resume a transfer in a process of its own; returns at once.

        Args:
            id: Its id, or the beginning of it.

        Raises:
            TransferNotFound: There is none.
            UsageError: It is still running, or has succeeded.
        """
        from modelsync_jupyter.jobs.child import spawn

        record = self._resumable(id)
        spawn(self.home, Record.new(record.id, record.direction, record.tag, background=True, options=record.options))
        return Transfer(self.home, record.id)

    def _resumable(self, id: str) -> Record:
        record = self._records.get(id)
        if record.state not in ENDED:
            step = Step("attach", "Follow it to its end.", {"id": record.id})
            raise UsageError(f"Transfer {record.id} is still running.", step)
        if record.outcome:
            raise UsageError(f"Transfer {record.id} has succeeded already.", "There is nothing to resume.")
        self._records.clear_stop_request(record.id)
        return record
