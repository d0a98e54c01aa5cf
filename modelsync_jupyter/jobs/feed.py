"""Feed: the transfers that have changed since somebody last looked. Cheap to ask when nothing has."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from modelsync_jupyter.core.config import Home

from .records import ENDED, Record, Records, Stamp


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: Stamp
    record: Record
    number: int


class Feed:
    """All transfers of a home with a running number of their changes; threads may look at the same time.

    Args:
        home: BentoML's home folder.
    """

    def __init__(self, home: Home) -> None:
        self._records = Records(home)
        self._name = secrets.token_hex(4)
        self._number = 0
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def look(self, since: str = "") -> tuple[str, list[Record]]:
        """What has changed.

        Args:
            since: The revision that an earlier look gave; anything else stands for the beginning.

        Returns:
            The revision now, and the transfers that changed after `since`, newest first.
        """
        with self._lock:
            self._refresh()
            after = self._after(since)
            changed = [known.record for known in self._known.values() if known.number > after]
            return f"{self._name}-{self._number}", sorted(changed, key=lambda record: -record.started)

    def _after(self, since: str) -> int:
        name, _, number = since.partition("-")
        return int(number) if name == self._name and number.isdecimal() and len(number) < 20 else 0

    def _refresh(self) -> None:
        stamps = self._records.stamps()
        self._known = {id: known for id, known in self._known.items() if id in stamps}
        for id, stamp in stamps.items():
            known = self._known.get(id)
            record = self._now(id, stamp, known)
            if record:
                self._known[id] = _Known(stamp, record, self._number_of(record, known))

    def _number_of(self, record: Record, known: _Known | None) -> int:
        if known and known.record == record:
            return known.number
        self._number += 1
        return self._number

    def _now(self, id: str, stamp: Stamp, known: _Known | None) -> Record | None:
        if known is None or known.stamp != stamp:
            return self._records.find(id)
        return known.record if known.record.state in ENDED else known.record.seen_now()
