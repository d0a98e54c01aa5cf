"""The registry in the foreground: gunicorn keeps its processes, `lane` serves in each of them."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from aiohttp import GunicornWebWorker, web
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types
from sqlalchemy.exc import OperationalError

from modelsync_jupyter.core.errors import ModelSyncError, UsageError

from .archives.backfill import start_backfill
from .lane.front import Front
from .metrics import keep_metrics, trim_metrics
from .service import Registry, ensure_admin, make_data_folder
from .settings import DEFAULT_THREADS, Settings
from .space import start_housekeeping

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8642
DEFAULT_WORKERS = 2
_PR_SET_PDEATHSIG = 1
_RETRY_SECONDS = 1.0
#: How often an address that is taken is tried, as gunicorn does.
_ATTEMPTS = 5
_MAX_COUNT = 512
_MAX_PORT = (1 << 16) - 1
_BACKLOG = 2048


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    data: str | os.PathLike[str] = "modelsync-registry",
    db: str | None = None,
    *,
    blobs: str | None = None,
    workers: int = DEFAULT_WORKERS,
    threads: int = DEFAULT_THREADS,
    strategy: str | None = None,
    url_ttl: float | None = None,
    reset_admin_token: bool = False,
    log: str | None = None,
) -> None:
    """Run the registry until SIGTERM or SIGINT; print a line with its URL when it accepts requests.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
        data: Folder of the secrets and, by default, of catalog and blobs.
        db: SQLAlchemy URL of the catalog; default: MODELSYNC_DB, else SQLite in `data`.
        blobs: URL of a bucket and a prefix for the blobs, as `s3://bucket/prefix`; default: MODELSYNC_BLOBS, else a
            folder in `data`.
        workers: Processes.
        threads: Requests served at the same time by each process.
        strategy: How clients are to move bytes; default: MODELSYNC_TRANSMISSION, else "presigned_url".
        url_ttl: Seconds for which presigned URLs are valid; default: MODELSYNC_URL_TTL, else an hour.
        reset_admin_token: Make a new admin token first; the one before ends.
        log: What is written to stderr: "text" or "json", a line for each request, or "none"; default: MODELSYNC_LOG,
            else "text".

    Raises:
        UsageError: A setting has no such value.
        ModelSyncError: Another program listens there.
        SystemExit: The server was stopped (0) or could not start.
    """
    settings = Settings.from_environment(
        data, db, blobs=blobs, strategy=strategy, url_ttl=url_ttl, threads=_count("threads", threads)
    )
    _count("workers", workers)
    if not 0 <= port <= _MAX_PORT:
        raise UsageError(f"{port} is not a port.", step=f"Give one from 1 to {_MAX_PORT}, or 0 for any free one.")
    _check_address(host, port)
    _raise_limit()
    make_data_folder(settings)
    with keep_metrics(settings.data):
        from .observing import set_up_log  # not before: it says where metrics are kept

        set_up_log(log or os.environ.get("MODELSYNC_LOG") or "text")
        _prepare(settings, reset_admin_token)
        _Server(settings, {"bind": _bind(host, port), "workers": workers, "threads": threads}).run()


def _count(what: str, number: int) -> int:
    if not 1 <= number <= _MAX_COUNT:
        raise UsageError(f"{number} is not a number of {what}.", step=f"Give one from 1 to {_MAX_COUNT}.")
    return number


def _check_address(host: str, port: int) -> None:
    """Refuse an address that is taken before anything is prepared; one that a server just leaves is waited for.

    gunicorn would say it in a log, five times, and not what to do. Where it is handed sockets that listen already, by
    systemd or by the server that it replaces (SIGUSR2), it does not listen itself.
    """
    if {"LISTEN_FDS", "GUNICORN_FD"} & os.environ.keys():
        return
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
            return
        except OSError as error:
            if error.errno == errno.EADDRINUSE and attempts_left:
                time.sleep(_RETRY_SECONDS)
                continue
            step = "Choose another with `--port`, or stop what listens there."
            # `create_server` adds the address once more; the errors of names have texts of their own.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise ModelSyncError(f"Cannot listen on {_bind(host, port)}: {why}.", step) from error


def _raise_limit() -> None:
    """Have as many open files as the system permits: each connection is one, and 1,024, the usual limit, are few."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):  # some systems name a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _prepare(settings: Settings, reset_admin_token: bool) -> None:
    """Do once, before there are several processes, what must be done once; a catalog that is away is waited for."""
    while True:
        try:
            registry = Registry.open(settings)
            break
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0] if error.orig else "it does not answer"
            print(f"waiting for the catalog: {reason}", file=sys.stderr, flush=True)
            time.sleep(_RETRY_SECONDS)
    remark = ensure_admin(registry, reset=reset_admin_token)
    registry.database.close()
    if remark:
        print(remark, file=sys.stderr, flush=True)


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Worker(GunicornWebWorker):
    """aiohttp's worker over our front."""

    def load_wsgi(self) -> None:
        """Nothing to load: `_run` makes the front."""

    async def _run(self) -> None:
        """Serve until told to stop; as in the base, but connections are shared out among the workers.

        asyncio takes as many connections at a time as the backlog is long, so one worker would take all of a burst.
        """
        runner = await Front(self.app.settings, self._begin).run()
        await runner.setup()
        for listener in self.sockets:
            await web.SockSite(runner, listener, backlog=1).start()
            listener.listen(_BACKLOG)
        self.booted = True
        while self.alive and self.ppid == os.getppid():
            self.notify()
            await self._wait_next_notify()
        await runner.cleanup()

    def _begin(self, registry: Registry) -> None:
        """In the first worker, print the URL and do what only one process has to do; its successors are silent."""
        start_housekeeping(registry)
        start_backfill(registry)
        if self.age == 1:
            host, port = self.sockets[0].getsockname()[:2]
            print(f"modelsync registry at http://{_bind(host, port)}", flush=True)


def _begin_worker(arbiter: Any, worker: Any) -> None:
    """End with the server, also after `kill -9`: a worker would hold the port and its half-received parts."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    from . import observing

    observing.set_up_metrics()


def _end_worker(arbiter: Any, worker: Any) -> None:
    trim_metrics(worker.pid)


class _Server(BaseApplication):  # type: ignore[misc]  # the base is untyped
    """gunicorn with options of ours instead of its command line and config files."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self.settings = settings
        self._options = {
            "worker_class": _Worker,
            "timeout": 120,
            "graceful_timeout": 10,
            "loglevel": "warning",
            "post_fork": _begin_worker,
            "child_exit": _end_worker,
            # Only our own setting decides whether to believe a proxy's headers.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "limit_request_line": 8190,
            "control_socket_disable": True,
            **options,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        raise NotImplementedError  # our worker makes its own
