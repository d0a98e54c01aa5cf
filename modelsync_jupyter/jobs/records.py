"""Records and locks: what processes tell each other about transfers, through files.

A record is a transfer as a file that any process may read, replaced in one step a few times a second. A lock is a file
that only one process can create. It names its owner, who refreshes it. Neither flock nor a database: homes are often on
NFS. A lock is stale when its owner, on this machine, is gone, or when nobody refreshed it for a while by the clock of
the one who waits.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import TransferNotFound
from modelsync_jupyter.core.outcome import Direction, Options
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.states import CANCELLED, ENDED, INTERRUPTED, PAUSED, PLANNED
from modelsync_jupyter.files import is_alive, read_json, writable_or_skipped, write_text

if TYPE_CHECKING:
    from modelsync_jupyter.transfer.work import Stop

#: The step of one that waits until another one of the same tag has ended.
WAITING = "waiting for another transfer of it"

#: Time of the last change, inode and size of a file.
Stamp = tuple[int, int, int]

_TEXTS = ("id", "direction", "tag", "state", "context", "endpoint", "step", "host")
_NUMBERS = ("done", "total", "reused", "rate", "started", "updated", "pid")
#: Options of every transfer; others are said where they are given.
_ALWAYS_SAID = ("force", "threads", "context", "rate_limit")
_SILENT_SECONDS = 60.0
#: Of locks: seconds without a sign of life of the owner, and between two looks of one who waits.
_STALE_SECONDS, _POLL_SECONDS = 30.0, 0.2
_KEPT = 100
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Record(NamedTuple):
    """A transfer as it stands.

    Args:
        id: Its name, short enough to type.
        direction: "push", "pull", "export", "import" or "sync".
        tag: The tag, with `latest` resolved once that is known; of an import the name of the file until then.
        state: planned → running → succeeded | failed | cancelled | paused; interrupted when its owner is gone. No
            process works on a paused one: it differs from a cancelled one in that it is meant to be resumed.
        context: Name of the context, or "".
        endpoint: The registry, once known.
        step: What is being done.
        done: Bytes so far.
        total: Bytes in all; 0 while unknown.
        reused: Those of `done` that were there already.
        rate: Bytes per second, lately.
        started: Seconds since the epoch.
        updated: When its owner last said so; a heartbeat.
        ended: When it ended, or None.
        pid: Process of its owner; 0 before there is one.
        host: Machine of its owner.
        background: Whether it has a process of its own.
        options: How it was asked for.
        error: `code`, `message` and `hint` of what went wrong.
        outcome: What came of it, as JSON.
    """

    id: str
    direction: Direction
    tag: str
    state: str = PLANNED
    context: str = ""
    endpoint: str = ""
    step: str = "planning"
    done: int = 0
    total: int = 0
    reused: int = 0
    rate: float = 0.0
    started: float = 0.0
    updated: float = 0.0
    ended: float | None = None
    pid: int = 0
    host: str = ""
    background: bool = False
    options: Options = Options()
    error: dict[str, str] | None = None
    outcome: dict[str, Any] | None = None

    @classmethod
    def new(cls, id: str, direction: Direction, tag: str, **facts: Any) -> Record:
        """Return the record of a transfer that starts now, in this process unless `facts` say otherwise."""
        now = time.time()
        here = {"started": now, "updated": now, "pid": os.getpid(), "host": socket.gethostname()}
        return cls(id, direction, tag, **{**here, **facts})

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state not in ENDED

    @property
    def progress(self) -> Progress:
        """Its bytes as progress."""
        return Progress(self.step, self.done, self.total, self.reused)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON."""
        options = self.options._asdict()
        return {
            **self._asdict(),
            "options": {key: each for key, each in options.items() if each or key in _ALWAYS_SAID},
        }

    def seen_now(self) -> Record:
        """Return the record as a reader should take it: without a living owner it is interrupted."""
        if self.state in ENDED:
            return self
        silent = time.time() - self.updated > _SILENT_SECONDS
        gone = silent or (self.pid != 0 and self.host == socket.gethostname() and not is_alive(self.pid))
        return self._replace(state=INTERRUPTED) if gone else self


class Records:
    """All transfers of a home.

    Args:
        home: BentoML's home folder.
    """

    def __init__(self, home: Home) -> None:
        self._folder = home.state / "transfers"

    def all(self) -> list[Record]:
        """List all transfers, newest first."""
        found = [self._read(path) for path in self._folder.glob("*.json")]
        return sorted((record for record in found if record), key=lambda record: -record.started)

    def get(self, id: str) -> Record:
        """Find one transfer by its id or the beginning of it.

        Raises:
            TransferNotFound: There is none, or more than one.
        """
        exact = self.find(id)
        if exact:
            return exact
        found = [record for record in self.all() if id and record.id.startswith(id)]
        if len(found) == 1:
            return found[0]
        raise TransferNotFound(f"No transfer `{id}`." if not found else f"More than one transfer starts with `{id}`.")

    def find(self, id: str) -> Record | None:
        """Find one transfer by its whole id, or None."""
        return self._read(self._path(id)) if id.isalnum() else None

    def stamps(self) -> dict[str, Stamp]:
        """Return for each transfer what changes whenever its record is replaced; no record is read."""
        with suppress(FileNotFoundError), os.scandir(self._folder) as files:
            return {Path(file).stem: stamp for file in files if file.name.endswith(".json") and (stamp := _stamp(file))}
        return {}

    def save(self, record: Record) -> None:
        """Write a record."""
        write_text(self._path(record.id), json.dumps(record.to_dict(), ensure_ascii=False), durable=False)

    def remove(self, id: str) -> None:
        """Forget a transfer."""
        self._path(id).unlink(missing_ok=True)

    def new_id(self) -> str:
        """Make a fresh id; old transfers are forgotten to make room."""
        if len(list(self._folder.glob("*.json"))) > _KEPT:  # else none of them has to be read
            for record in self.all()[_KEPT:]:
                if record.state in ENDED and record.state != PAUSED:
                    with writable_or_skipped():
                        self.remove(record.id)
        return "".join(secrets.choice(_ALPHABET) for _ in range(8))

    def ask_to_stop(self, id: str, *, state: str = CANCELLED) -> None:
        """Request that a transfer stops; its owner polls for it.

        Args:
            id: Which.
            state: What it is to be then: cancelled or paused.
        """
        write_text(self._path(id, "cancel"), state, durable=False)

    def stop_request(self, id: str) -> str:
        """Return the state in which a transfer was asked to stop, or "" if it was not."""
        try:
            return self._path(id, "cancel").read_text(encoding="utf-8") or CANCELLED
        except (OSError, ValueError):
            return ""

    def clear_stop_request(self, id: str) -> None:
        """Forget what was asked of an earlier attempt."""
        self._path(id, "cancel").unlink(missing_ok=True)

    def _path(self, id: str, kind: str = "json") -> Path:
        return self._folder / f"{id}.{kind}"

    def _read(self, path: Path) -> Record | None:
        """Read a record; None where it is missing, or where what others wrote into a shared home is not one."""
        try:
            data = read_json(path)
            record = Record(**{**data, "options": Options(**data["options"])})
            texts = all(isinstance(getattr(record, name), str) for name in _TEXTS)
            numbers = all(isinstance(getattr(record, name), (int, float)) for name in _NUMBERS)
            known = texts and numbers and record.id == path.stem and 0 <= record.pid < 1 << 31
            return record.seen_now() if known else None
        except (TypeError, KeyError, OverflowError, RecursionError):
            return None


def _stamp(file: os.DirEntry[str]) -> Stamp | None:
    with suppress(FileNotFoundError):  # replaced or forgotten meanwhile
        status = file.stat()
        return status.st_mtime_ns, status.st_ino, status.st_size
    return None


class Lock:
    """A lock that one process holds at a time.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._key = path, secrets.token_hex(16)

    def acquire(self, stop: Stop, waiting: Callable[[], None]) -> None:
        """Wait for the lock.

        Args:
            stop: Whether to give up.
            waiting: Called once if another process has it.

        Raises:
            Cancelled: A stop was requested.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told, seen, since = False, 0.0, time.monotonic()
        while True:
            try:
                with open(self.path, "x", encoding="utf-8") as file:
                    json.dump({"pid": os.getpid(), "host": socket.gethostname(), "key": self._key}, file)
                return
            except FileExistsError:
                pass
            except OSError:  # no space: an empty lock file would block everyone until it goes stale
                self.path.unlink(missing_ok=True)
                raise
            if not told:
                told = True
                waiting()
            stamp = self._stamp()
            if stamp != seen:
                seen, since = stamp, time.monotonic()
            if time.monotonic() - since > _STALE_SECONDS or self._owner_is_gone():
                self._break(stamp)
            else:
                stop.sleep(_POLL_SECONDS)

    def refresh(self) -> bool:
        """Say that the owner lives; False if the lock is not ours any more."""
        owner = read_json(self.path)
        if not isinstance(owner, dict) or owner.get("key") != self._key:
            return False
        with suppress(OSError):
            os.utime(self.path)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self.refresh():
            self.path.unlink(missing_ok=True)

    def _stamp(self) -> float:
        with suppress(OSError):
            return self.path.stat().st_mtime
        return 0.0

    def _owner_is_gone(self) -> bool:
        owner = read_json(self.path)
        return isinstance(owner, dict) and owner.get("host") == socket.gethostname() and not is_alive(owner.get("pid"))

    def _break(self, stamp: float) -> None:
        """Take a stale lock away, unless it has changed hands meanwhile."""
        grave = self.path.with_name(f".{self._key}.stale")
        with suppress(OSError):
            self.path.rename(grave)
            if grave.stat().st_mtime != stamp:
                os.link(grave, self.path)
        grave.unlink(missing_ok=True)
