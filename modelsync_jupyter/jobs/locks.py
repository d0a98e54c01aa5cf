"""Locks: files that only one process can create. Each names its owner, who refreshes it.

Neither flock nor a database: homes are often on NFS. A lock is stale when its owner, on this machine, is gone, or when
nobody refreshed it for a while by the clock of the one who waits.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from modelsync_jupyter.files import is_alive, read_json
from modelsync_jupyter.transfer.work import Stop

_STALE_SECONDS = 30.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Lock:
    """A lock that one process holds at a time.

    Args:
        path: The file.
    """

    path: Path
    _key: str = field(default_factory=partial(secrets.token_hex, 16), init=False)

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
