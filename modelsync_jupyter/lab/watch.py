"""Watch: report running transfers as activity, so that idle cullers keep the server."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from datetime import datetime, timezone

from tornado.ioloop import PeriodicCallback

from modelsync_jupyter.client import Feed, Record

from .pool import Pool

_EVERY_SECONDS = 30.0


class Watch:
    """Looks at the transfers twice a minute and notes the time while one of this machine runs.

    Args:
        feed: The transfers.
        pool: Threads to look from.
        name: Under which name to note the time.
        times: Where: the server's `last_activity_times`.
    """

    def __init__(self, feed: Feed, pool: Pool, name: str, times: MutableMapping[str, datetime]) -> None:
        self._feed, self._pool, self._name, self._times = feed, pool, name, times
        self._timer = PeriodicCallback(self.look, _EVERY_SECONDS * 1000)
        self.running: list[str] = []

    def start(self) -> None:
        """Begin to look."""
        self._timer.start()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    async def look(self) -> None:
        """Look once."""
        changes = await self._pool.run(self._feed.look)
        self.running = [record.id for record in changes.records if _runs_here(record)]
        if self.running:
            self._times[self._name] = datetime.now(timezone.utc)


def _runs_here(record: Record) -> bool:
    return record.active and record.host == socket.gethostname()
