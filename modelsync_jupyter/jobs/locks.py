"""Locks: one process at a time works on a tag in one direction.

A lock is a file that only one process can create; it names its owner, who refreshes it. Neither flock nor a database:
homes are often on NFS. A lock is stale when its owner, on this machine, is gone, or when nobody refreshed it for a
while by the clock of the one who waits.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from modelsync_jupyter.files import is_alive, read_json
from modelsync_jupyter.transfer.work import Stop

_STALE_SECONDS = 30.0
_POLL_SECONDS = 0.2


class Lock:
    """A lock file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._me = {"pid": os.getpid(), "host": socket.gethostname(), "key": uuid4().hex}

    def acquire(self, stop: Stop, waiting: Callable[[], None]) -> None:
        """Wait for the lock.

        Args:
            stop: Whether to give up.
            waiting: Called once if somebody else has it.

        Raises:
            Cancelled: Somebody asked to stop.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        told, seen, since = False, 0.0, time.monotonic()
        while not self._create():
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
        owner = read_json(self._path)
        if not isinstance(owner, dict) or owner.get("key") != self._me["key"]:
            return False
        with suppress(OSError):
            os.utime(self._path)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self.refresh():
            self._path.unlink(missing_ok=True)

    def _create(self) -> bool:
        try:
            with open(self._path, "x", encoding="utf-8") as file:
                json.dump(self._me, file)
        except FileExistsError:
            return False
        except OSError:  # no space: a lock that names nobody would have to grow stale
            self._path.unlink(missing_ok=True)
            raise
        return True

    def _stamp(self) -> float:
        with suppress(OSError):
            return self._path.stat().st_mtime
        return 0.0

    def _owner_is_gone(self) -> bool:
        owner = read_json(self._path)
        return isinstance(owner, dict) and owner.get("host") == self._me["host"] and not is_alive(owner.get("pid"))

    def _break(self, stamp: float) -> None:
        """Take a stale lock away, unless it has changed hands meanwhile."""
        grave = self._path.with_name(f".{self._me['key']}.stale")
        with suppress(OSError):
            self._path.rename(grave)
            if grave.stat().st_mtime != stamp:
                os.link(grave, self._path)
        grave.unlink(missing_ok=True)
