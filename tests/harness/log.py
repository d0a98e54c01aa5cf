"""What a server of the harness was asked, for assertions."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Exchange:
    """One request and what became of it.

    Args:
        method: HTTP method.
        path: Path without the query.
        query: The query, hidden in `repr`: it may hold a signature.
        headers: Request headers, names in lower case; hidden in `repr`, for one may be a token.
        sent: Bytes of request body that arrived.
        received: Bytes of response body that were handed out.
        status: Status answered; 0 if none was.
        fault: Kind of the fault that was played, or "".
        body: The response body as the client got it, if it was JSON.
    """

    method: str
    path: str
    query: str = field(default="", repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    sent: int = 0
    received: int = 0
    status: int = 0
    fault: str = ""
    body: bytes = field(default=b"", repr=False)


class Log:
    """All exchanges in order of arrival; safe to read while they go on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []

    def add(self, exchange: Exchange) -> Exchange:
        with self._lock:
            self._exchanges.append(exchange)
        return exchange

    def clear(self) -> None:
        with self._lock:
            self._exchanges.clear()

    def __iter__(self) -> Iterator[Exchange]:
        with self._lock:
            return iter(list(self._exchanges))

    def __len__(self) -> int:
        return len(self._exchanges)

    def find(self, method: str = "", path: str = "") -> list[Exchange]:
        """Exchanges of that method (any, if empty) whose path matches the regular expression anywhere."""
        return [e for e in self if method in ("", e.method) and re.search(path, e.path)]

    def count(self, method: str = "", path: str = "") -> int:
        """How many such requests there were."""
        return len(self.find(method, path))

    def sent(self, path: str = "", method: str = "") -> int:
        """Bytes of request bodies that arrived there."""
        return sum(e.sent for e in self.find(method, path))

    def received(self, path: str = "", method: str = "") -> int:
        """Bytes of response bodies handed out there."""
        return sum(e.received for e in self.find(method, path))
