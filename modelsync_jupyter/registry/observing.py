"""What is said of requests: one line of log for each, without secrets, and metrics for Prometheus.

The metrics of all processes of a server are added up: each keeps them in files, of which prometheus_client has to know
before this module is imported, see `metrics`.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from modelsync_jupyter.core.errors import UsageError

from .catalog.archives import totals
from .metrics import FOLDER, reserve_metrics
from .service import Registry

__all__ = ["Metrics", "Seen", "note", "set_up_log", "set_up_metrics"]

FORMATS = ("text", "json", "none")
log = logging.getLogger("modelsync_jupyter.registry.requests")

_SECONDS = Histogram(
    "modelsync_request_seconds",
    "Time from the head of a request to the end of its reply.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
_REQUESTS = Counter("modelsync_requests", "Requests answered.", ["method", "route", "status"])
_RECEIVED = Counter("modelsync_received_bytes", "Bytes of bodies received.")
_SENT = Counter("modelsync_sent_bytes", "Bytes of bodies sent.")
#: Others are made up by clients, and each would be kept for good.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_FRESH_SECONDS = 1.0
_counts = True


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and its reply.

    Args:
        method: HTTP method.
        path: Path as it was asked for, without the query, which may hold a signature.
        route: The route that answered, with the names of its variables, or "".
        status: Status of the reply.
        seconds: Time it took.
        received: Bytes of the body that the client announced.
        sent: Bytes of the reply's body.
        user: Who asked, or "".
        address: Where from.
    """

    method: str
    path: str
    route: str
    status: int
    seconds: float
    received: int
    sent: int
    user: str
    address: str


def set_up_metrics() -> None:
    """Let a new process count; where its metrics cannot be kept, it does not."""
    global _counts
    if not (_counts := reserve_metrics(os.getpid())):
        log.warning("no place to keep metrics: this process does not count its requests")


def note(seen: Seen) -> None:
    """Count a request, and write it to the log."""
    if _counts:
        method = seen.method if seen.method in _METHODS else "other"
        _REQUESTS.labels(method, seen.route, seen.status).inc()
        _SECONDS.labels(method, seen.route).observe(seen.seconds)
        _RECEIVED.inc(seen.received)
        _SENT.inc(seen.sent)
    if seen.route not in ("/healthz", "/metrics"):
        text = f"{seen.address} {seen.user or '-'} {seen.method} {seen.path} {seen.status}"
        log.info("%s %d B in %.3f s", text, seen.sent, seen.seconds, extra={"seen": seen})


class Metrics:
    """The metrics as Prometheus reads them, those of the catalog and the store of blobs among them.

    They are made once in a second at most: it takes 10 ms, and whoever can reach the registry may ask for them.

    Args:
        registry: The registry.
        clock: Seconds from any start.
    """

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._lock, self._text, self._made = threading.Lock(), b"", -math.inf

    def read(self) -> bytes:
        """Return the text."""
        with self._lock:
            if self._clock() - self._made >= _FRESH_SECONDS:
                found = CollectorRegistry()
                if os.environ.get(FOLDER):
                    MultiProcessCollector(found)  # type: ignore[no-untyped-call]  # that function has no types
                found.register(_Catalog(self._registry))
                self._text, self._made = generate_latest(found), self._clock()
            return self._text


class _Catalog(Collector):
    """Metrics that the catalog and the store of blobs know, asked for each time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._registry.database.read() as connection:
            counts = totals(connection)
        for name, value in counts.items():
            yield GaugeMetricFamily(f"modelsync_{name}", f"The registry's {name.replace('_', ' ')}.", value)
        if room := self._registry.blobs.room():
            what = "Bytes that still fit into the store of blobs."
            yield GaugeMetricFamily("modelsync_disk_free_bytes", what, room.free)


class _JSON(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        if seen := getattr(record, "seen", None):
            return json.dumps({**line, **asdict(seen)})
        line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up_log(kind: str) -> None:
    """Have this process log to stderr.

    Args:
        kind: "text", "json", or "none" for warnings and errors alone.

    Raises:
        UsageError: It is none of these.
    """
    if kind not in FORMATS:
        raise UsageError(f"`{kind}` is not a kind of log.", step=f"Choose one of: {', '.join(FORMATS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JSON() if kind == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("modelsync_jupyter")
    ours.handlers[:] = [handler]
    ours.propagate = False
    ours.setLevel(logging.WARNING if kind == "none" else logging.INFO)
