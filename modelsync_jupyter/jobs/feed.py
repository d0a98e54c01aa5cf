"""Feed: the transfers that have changed since the last look. Cheap to ask when nothing has."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import NamedTuple

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.states import ENDED

from .records import Record, Records, Stamp


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: Stamp
    record: Record
    number: int


class Update(NamedTuple):
    """What has changed in a home's transfers.

    Args:
        revision: To ask from the next time.
        records: Those that are new or changed, newest first.
        gone: Ids of those that were forgotten.
    """

    revision: str
    records: list[Record]
    gone: list[str]


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
        self._gone: dict[str, int] = {}
        self._lock = threading.Lock()

    def look(self, since: str = "") -> Update:
        """Return what has changed.

        Args:
            since: The revision that an earlier look gave; anything else stands for the beginning.
        """
        with self._lock:
            self._refresh()
            after = self._after(since)
            changed = [known.record for known in self._known.values() if known.number > after]
            gone = [id for id, number in self._gone.items() if number > after]
            return Update(f"{self._name}-{self._number}", sorted(changed, key=lambda record: -record.started), gone)

    def _after(self, since: str) -> int:
        name, _, number = since.partition("-")
        return int(number) if name == self._name and number.isdecimal() and len(number) < 20 else 0

    def _refresh(self) -> None:
        stamps = self._records.stamps()
        for id in self._known.keys() - stamps.keys():
            del self._known[id]
            self._number += 1
            self._gone[id] = self._number
        for id, stamp in stamps.items():
            known = self._known.get(id)
            record = self._now(id, stamp, known)
            if record:
                self._gone.pop(id, None)
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
