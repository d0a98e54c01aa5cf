"""How quickly the faces of a notebook are there: `python -m tests.benchmarks.notebook`.

Prints medians of importing the package and of `%load_ext`, each in fresh interpreters; the times after which a panel
over 2,000 local and 10,000 remote versions has opened, shows both sides, and answers a search; and how many messages a
second the rows of a running transfer send. Beside each time stands that of the processor, which says what it costs
where the machine is busy with other things too. `--check` fails where a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert

from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.client import Client
from modelsync_jupyter.registry import Settings
from modelsync_jupyter.registry.catalog import tables
from modelsync_jupyter.registry.catalog.database import new_uid, now
from modelsync_jupyter.registry.catalog.users import add_user
from modelsync_jupyter.registry.catalog.words import Role, UploadStatus
from modelsync_jupyter.registry.service import Registry
from tests.harness.models import make_model
from tests.harness.processes import TOKEN

from .crowd import registry

_BARE = "pass"
_IMPORT = "import modelsync_jupyter"
_SHELL = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
start, used = time.perf_counter(), time.process_time()
shell.run_line_magic("load_ext", "modelsync_jupyter")
print(time.perf_counter() - start, time.process_time() - used)
"""
#: What is promised: milliseconds, and messages a second of one transfer.
PROMISES = {"import": 60, "%load_ext": 200, "panel open": 1000, "messages": 10}


def main() -> int:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--local", type=int, default=2_000, help="versions in the local store")
    parser.add_argument("--remote", type=int, default=10_000, help="versions in the registry")
    parser.add_argument("--check", action="store_true", help="fail where a promise is not kept")
    args = parser.parse_args()
    bare, imported = (medians([process(code) for _ in range(args.rounds)]) for code in (_BARE, _IMPORT))
    loaded = medians([extension() for _ in range(args.rounds)])
    found = {"import": imported[0] - bare[0], "%load_ext": loaded[0]}
    show("import", found["import"], imported[1] - bare[1])
    show("%load_ext", *loaded)
    found |= panel(args.local, args.remote)
    broken = [name for name, most in PROMISES.items() if found[name] > most]
    print(f"not kept: {', '.join(broken)}" if broken else "all promises are kept")
    return bool(args.check and broken)


def medians(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    """The median of each number."""
    first, second = zip(*rounds, strict=True)
    return median(first), median(second)


def process(code: str) -> tuple[float, float]:
    """Milliseconds that an interpreter takes for some code: by the clock, and of the processor."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    output(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return since(start), (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def extension() -> tuple[float, float]:
    """Milliseconds that `%load_ext` takes in a fresh shell: by the clock, and of the processor."""
    wall, used = map(float, output(_SHELL).split())
    return wall * 1000, used * 1000


def output(code: str) -> str:
    """What an interpreter prints."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "IPYTHONDIR": folder}
        return subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True).stdout


def panel(local: int, remote: int) -> dict[str, float]:
    """Measure a panel over many versions."""
    with tempfile.TemporaryDirectory(prefix="modelsync-panel-") as name:
        folder = Path(name)
        fill(Settings(folder / "data"), remote)
        home = folder / "home"
        for number in range(local):
            make_model(home, f"here-{number % 200}:v{number}", {"w.bin": b"1"}, labels={"stage": "dev"}, latest=False)
        with registry(sys.executable, folder, ["--log", "none"]) as (url, _):
            client = Client(home)
            client.login(url, TOKEN)
            found: dict[str, float] = {}
            for word in ("cold", "warm"):
                for what, value in opened(client, local + remote).items():
                    show(f"{what} ({word})", value)
                    found[what] = max(value, found.get(what, 0))
            found["messages"] = messages(client, url)
            print(f"{'messages of a transfer':34} {found['messages']:8.1f} a second")
        return found


def opened(client: Client, whole: int) -> dict[str, float]:
    """Milliseconds until a panel can be shown, has rows of both sides, has all, and has answered a search."""
    from modelsync_jupyter.notebook.panel import Panel

    start, used = time.perf_counter(), time.process_time()
    shown = Panel(client)
    shown._repr_mimebundle_()
    found = {"panel open": since(start)}
    print(f"{'':43} processor {(time.process_time() - used) * 1000:8.0f} ms")
    wait(lambda: any(each.remote for each in shown.versions.items))
    found["panel has both sides"] = since(start)
    wait(lambda: len(shown.versions.items) >= whole and not shown.versions.reading)
    found["panel has all versions"] = since(start)
    start = time.perf_counter()
    shown._search.value = "v77"
    found["search"] = since(start)
    shown.close()
    return found


def messages(client: Client, url: str) -> float:
    """Messages a second that the widgets of a panel send while one transfer runs."""
    from ipywidgets import Widget

    from modelsync_jupyter.notebook.rows import Rows

    make_model(client.home.path, "moving:v1", size=20_000_000)
    sent: list[float] = []
    send = Widget._send
    try:
        Widget._send = lambda self, *args, **options: sent.append(time.perf_counter())
        rows = Rows(client)
        rows.watch()
        transfer = client.start("push", "moving:v1", rate_limit="5MB")
        transfer.wait(120)
        rows.close()
    finally:
        Widget._send = send
    return len(sent) / max(sent[-1] - sent[0], 1) if sent else 0.0


def fill(settings: Settings, versions: int) -> None:
    """Write a catalog with so many versions of two hundred models."""
    moment, digest = now() - timedelta(days=100), "blake3:" + "0" * 64
    facts = {"created_at": moment, "updated_at": moment}
    with Registry.open(settings).database.write() as connection:
        user = add_user(connection, "ana", Role.DEVELOPER).id
        models = [{"id": number + 1, "uid": new_uid(), "name": f"there-{number}"} for number in range(200)]
        more: dict[str, Any] = {"description": "", "labels": "[]", "creator_id": user, "private": False, **facts}
        connection.execute(insert(tables.repositories), [{**each, **more} for each in models])
        archive = {"id": 1, "uid": new_uid(), "digest": digest, "size": 1, "content_digest": digest, "cut": CUT}
        connection.execute(insert(tables.archives), [{**archive, "layout": "[]", "base": 0, "created_at": moment}])
        manifest = json.dumps({"module": "bentoml.sklearn", "size_bytes": 1, "metadata": {}, "options": {}})
        version = {
            "description": "",
            "labels": '[{"key": "stage", "value": "prod"}]',
            "manifest": manifest,
            "module": "bentoml.sklearn",
            "size_bytes": 1,
            "archive_id": 1,
            "creator_id": user,
            "pushed_by_id": user,
            "upload_status": UploadStatus.SUCCESS,
            "upload_finished_reason": "",
            "downloads": 0,
            **facts,
        }
        times = (moment + timedelta(seconds=number) for number in range(versions))
        rows = [
            {"uid": new_uid(), "repository_id": number % 200 + 1, "version": f"v{number}", "build_at": time}
            | {"ordered_at": time, **version}
            for number, time in enumerate(times)
        ]
        connection.execute(insert(tables.models), rows)


def wait(look: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 120
    while not look():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.005)


def since(start: float) -> float:
    """Milliseconds since then."""
    return (time.perf_counter() - start) * 1000


def show(name: str, value: float, used: float | None = None) -> None:
    """Print a line: milliseconds by the clock, and of the processor."""
    more = "" if used is None else f"   processor {used:8.0f} ms"
    print(f"{name:34} {value:8.0f} ms{more}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
