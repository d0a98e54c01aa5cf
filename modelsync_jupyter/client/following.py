"""Transfers that are under way or were: list, follow, cancel and resume them, whoever started them."""

from __future__ import annotations

import os
import time
from typing import Literal, Union, overload

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.jobs.child import spawn
from modelsync_jupyter.jobs.execution import Execution
from modelsync_jupyter.jobs.records import ENDED, Record, Records
from modelsync_jupyter.jobs.transfer import Transfer

Path = Union[str, "os.PathLike[str]"]
_CANCEL_SECONDS = 5.0


def transfers(*, home: Path | None = None) -> list[Transfer]:
    """All transfers, newest first, whoever started them.

    Args:
        home: BentoML's home folder.
    """
    place = Home.find(home)
    return [Transfer(place, record.id) for record in Records(place).all()]


def attach(id: str, *, sink: Sink | None = None, home: Path | None = None) -> Outcome:
    """Follow a transfer to its end.

    Args:
        id: Its id, or the beginning of it.
        sink: Where looks at its progress go.
        home: BentoML's home folder.

    Raises:
        TransferNotFound: There is none.
        Cancelled: It was cancelled.
        TransferFailed: It failed, or its process is gone.
    """
    return Transfer(Home.find(home), id).wait(sink=sink)


def cancel(id: str, *, home: Path | None = None) -> Transfer:
    """Ask a transfer to stop, and wait a little for it to do so.

    Args:
        id: Its id, or the beginning of it.
        home: BentoML's home folder.

    Raises:
        TransferNotFound: There is none.
    """
    transfer = Transfer(Home.find(home), id)
    transfer.cancel()
    end = time.monotonic() + _CANCEL_SECONDS
    while transfer.state not in ENDED and time.monotonic() < end:
        time.sleep(0.05)
    return transfer


@overload
def resume(
    id: str, *, sink: Sink | None = None, background: Literal[False] = False, home: Path | None = None
) -> Outcome: ...


@overload
def resume(id: str, *, sink: Sink | None = None, background: Literal[True], home: Path | None = None) -> Transfer: ...


def resume(
    id: str, *, sink: Sink | None = None, background: bool = False, home: Path | None = None
) -> Outcome | Transfer:
    """Carry out a transfer again that did not succeed; it goes on where it stopped.

    Args:
        id: Its id, or the beginning of it.
        sink: Where looks at its progress go.
        background: Do it in a process of its own and return at once.
        home: BentoML's home folder.

    Raises:
        TransferNotFound: There is none.
        UsageError: It is still running, or has succeeded.
        ModelSyncError: As for push and pull.
    """
    place = Home.find(home)
    record = Records(place).get(id)
    if record.state not in ENDED:
        raise UsageError(f"Transfer {record.id} is running.", step=f"Follow it with `modelsync attach {record.id}`.")
    if record.outcome:
        raise UsageError(f"Transfer {record.id} has succeeded.", step=f"See `modelsync get {record.tag}`.")
    Records(place).clear_wish(record.id)
    if not background:
        return Execution(place, record, sink).run()
    spawn(place, Record(record.id, record.direction, record.tag, background=True, options=record.options))
    return Transfer(place, record.id)
