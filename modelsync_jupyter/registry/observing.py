"""What is said of requests: one line of log for each, without secrets, and numbers for Prometheus.

The numbers of all processes of a server are added up: each keeps them in a file of the folder that
PROMETHEUS_MULTIPROC_DIR names, which must be set before this module is imported.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from modelsync_jupyter.core.errors import UsageError

from .catalog.archives import totals
from .service import Registry

__all__ = ["Seen", "forget_process", "metrics", "note", "set_up_log"]

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


def note(seen: Seen) -> None:
    """Count a request, and write it to the log."""
    _REQUESTS.labels(seen.method, seen.route, seen.status).inc()
    _SECONDS.labels(seen.method, seen.route).observe(seen.seconds)
    _RECEIVED.inc(seen.received)
    _SENT.inc(seen.sent)
    if seen.route not in ("/healthz", "/metrics"):
        text = f"{seen.address} {seen.user or '-'} {seen.method} {seen.path} {seen.status}"
        log.info("%s %d B in %.3f s", text, seen.sent, seen.seconds, extra={"seen": seen})


def metrics(registry: Registry) -> bytes:
    """Return the numbers as Prometheus reads them, those of the catalog and the store of blobs among them."""
    found = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(found)  # type: ignore[no-untyped-call]  # that function has no types
    found.register(_Catalog(registry))
    return generate_latest(found)


class _Catalog(Collector):
    """Numbers that the catalog and the store of blobs know, asked for each time."""

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


def forget_process(pid: int) -> None:
    """Drop the gauges of a process that has ended."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _JSON(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "logger": record.name}
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
