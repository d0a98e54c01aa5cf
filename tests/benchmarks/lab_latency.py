"""How quickly a Jupyter server answers while the sidebar's transfers run, against how quickly it answers when idle.

    python -m tests.benchmarks.lab_latency --size 1GiB --rounds 3

One client asks `GET api/status` again and again, as JupyterLab's own requests come; another polls the transfers twice a
second, as the sidebar does. Server, transfer and both clients share this machine's CPUs. The registry does too, but it
would be on another machine: so it is one that costs next to nothing, and steps back behind them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from modelsync_jupyter.core.units import parse_size
from tests.harness.models import make_model
from tests.harness.processes import environment

from .scene import OURS, TAG, open_scene

TOKEN = "latency"
CONFIG = {"ServerApp": {"jpserver_extensions": {"modelsync_jupyter": True}}}
_POLL_SECONDS, _PACE_SECONDS, _IDLE_SECONDS = 0.5, 0.002, 6.0
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


class Server:
    """A Jupyter server that runs; one connection to it. Threads each take their own.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request, and the JSON of its reply."""
        headers = {"Authorization": f"token {TOKEN}"}
        self._connection.request(method, path, json.dumps(body) if body else None, headers)
        reply = self._connection.getresponse()
        answer = json.loads(reply.read())
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer}")
        return answer

    def again(self) -> Server:
        """Another connection."""
        return Server(self.port)


@contextlib.contextmanager
def jupyter(folder: Path, home: Path, url: str) -> Iterator[Server]:
    """A Jupyter server with the extension, signed in to a registry by its environment."""
    config = folder / "config"
    config.mkdir()
    (config / "jupyter_server_config.json").write_text(json.dumps(CONFIG))
    words = ["--no-browser", "--allow-root", "--port=0", f"--IdentityProvider.token={TOKEN}", "--log-level=WARN"]
    env = environment(home, url, JUPYTER_CONFIG_DIR=str(config), JUPYTER_RUNTIME_DIR=str(folder))
    argv = [sys.executable, "-m", "jupyter_server", *words, f"--ServerApp.root_dir={folder}"]
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            yield Server(_port(folder))
        finally:
            process.terminate()


def _port(folder: Path) -> int:
    for _ in range(600):
        for file in folder.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError, OSError):
                port = int(json.loads(file.read_text())["port"])
                Server(port).call("GET", "/api/status")
                return port
        time.sleep(0.05)
    raise RuntimeError("the Jupyter server did not start")


def latencies(server: Server, busy: Callable[[], bool]) -> list[float]:
    """Seconds that `GET api/status` took, one request after another while `busy`."""
    found = []
    while busy():
        start = time.perf_counter()
        server.call("GET", "/api/status?no_track_activity=1")
        found.append(time.perf_counter() - start)
        time.sleep(_PACE_SECONDS)
    return found


def idle(server: Server) -> list[float]:
    """Latencies while nothing else goes on."""
    end = time.monotonic() + _IDLE_SECONDS
    return latencies(server, lambda: time.monotonic() < end)


def during(server: Server, direction: str, tag: str) -> list[float]:
    """Latencies while a transfer runs that the sidebar has started and follows."""
    body = {"direction": direction, "tag": tag, "force": True}
    id = server.call("POST", "/modelsync/api/transfers", body)["id"]
    done = threading.Event()
    poller = threading.Thread(target=_follow, args=(server.again(), id, done))
    poller.start()
    found = latencies(server, lambda: not done.is_set())
    poller.join()
    return found


def _follow(server: Server, id: str, done: threading.Event) -> None:
    try:
        revision = ""
        while True:
            reply = server.call("GET", f"/modelsync/api/transfers?since={revision}&no_track_activity=1")
            revision = reply["revision"]
            for record in reply["transfers"]:
                if record["id"] == id and record["state"] in _ENDED:
                    print(f"  {record['direction']} {record['state']} in {record['ended'] - record['started']:.1f} s")
                    return
            time.sleep(_POLL_SECONDS)
    finally:
        done.set()


def show(name: str, found: Sequence[float], base: Sequence[float]) -> float:
    """Print a line; returns the ratio of the 99th percentiles."""
    ratio = p99(found) / p99(base)
    worst = max(found) * 1000
    print(f"{name:8} {len(found):6} {median(found) * 1000:8.2f} {p99(found) * 1000:8.2f} {worst:8.2f} {ratio:8.2f}")
    return ratio


def p99(found: Sequence[float]) -> float:
    """The 99th percentile."""
    return quantiles(found, n=100)[98]


@contextlib.contextmanager
def stepping_back() -> Iterator[None]:
    """What is started meanwhile runs only where nobody else wants to."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def measure(direction: str, url: str, home: Path, tags: Sequence[str], found: dict[str, list[float]]) -> None:
    """Latencies of a Jupyter server that is idle, and then follows a transfer, for each tag."""
    with tempfile.TemporaryDirectory() as name, jupyter(Path(name), home, url) as server:
        idle(server)
        for tag in tags:
            os.sync()
            found["idle"] += idle(server)
            found[direction] += during(server, direction, tag)


def main() -> None:
    """Measure and print; one line for each way and the idle server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=parse_size, default="1GiB", help="of the model (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default %(default)s)")
    args = parser.parse_args()
    found: dict[str, list[float]] = {"idle": [], "push": [], "pull": []}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        with stepping_back():
            scene = stack.enter_context(open_scene(Path(name), args.size, "sink", OURS))
            push_url = stack.enter_context(scene.api_for_pushes())
        tags = [f"bench:round{number}" for number in range(args.rounds)]
        for tag in tags:
            make_model(scene.home, tag, size=args.size)
        measure("push", push_url, scene.home, tags, found)
        measure("pull", scene.pull_url, Path(name, "pulled"), [TAG] * args.rounds, found)
    print(f"{'':8} {'asked':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'p99/idle':>8}")
    for way, seconds in found.items():
        show(way, seconds, found["idle"])


if __name__ == "__main__":
    main()
