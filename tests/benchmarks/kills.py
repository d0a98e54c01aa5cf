"""Pushes while something is killed again and again: `python -m tests.benchmarks.kills worker server database s3`.

For each victim: clients push, `kill -9` hits the victim at random and it is started again, and garbage is collected all
the while without mercy for what was received just now. In the end every push that was acknowledged must be there whole,
and of the others nothing may be seen, or all of it. Prints a line for each victim; ends with 1 where it is not so.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import requests

from modelsync_jupyter.registry import Settings
from modelsync_jupyter.registry.keeping import Keeping
from modelsync_jupyter.registry.service import Registry
from modelsync_jupyter.registry.space import collect_garbage, verify_blobs
from tests.harness.nginx import free_port
from tests.harness.postgresql import Postgresql
from tests.harness.s3 import BUCKET, s3_server
from tests.registry import pushing
from tests.registry.server import Client, Server

SIZES = (1_000, 100_000, 3_000_000)
PART = 1 << 20
#: How often one step of a push is tried, and seconds between.
TRIES, PAUSE = 40, 0.25


class Refused(Exception):
    """A step was refused for good."""


def main() -> int:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("victims", nargs="+", choices=["worker", "server", "database", "s3"])
    parser.add_argument("--pushes", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--gap", type=float, default=2.0, help="seconds between two kills at most")
    args = parser.parse_args()
    return max(Soak(victim, args).run() for victim in args.victims)


class Soak:
    """One registry and its victim.

    Args:
        victim: What is killed; the database is PostgreSQL and the store S3 only where it is one of these.
        args: Of the command line.
    """

    def __init__(self, victim: str, args: argparse.Namespace) -> None:
        self._victim, self._args = victim, args
        self._stack, self._over = ExitStack(), threading.Event()
        self.kills = self.collections = self.freed = self.deleted = 0
        self.acknowledged: dict[str, bytes] = {}
        self.others: dict[str, bytes] = {}
        self.errors: list[str] = []

    def run(self) -> int:
        """Run it; returns 1 where a promise was broken."""
        begin = time.monotonic()
        with self._stack:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="modelsync-kills-")))
            here, kill = self._open(folder)
            jobs: tuple[tuple[Callable[..., None], Any], ...] = ((self._kill, kill), (self._sweep, here))
            keepers = [threading.Thread(target=job, args=(what,)) for job, what in jobs]
            for keeper in keepers:
                keeper.start()
            with ThreadPoolExecutor(self._args.clients) as pool:
                list(pool.map(self._push, range(self._args.pushes)))
            self._over.set()
            for keeper in keepers:
                keeper.join()
            faults = self._check(here)
            here.database.close()
            for trace in self.server.log.split("Traceback ")[1:3]:
                print(f"  in the log: Traceback {trace[:3000]}")
            self.server.stop()
        line = f"{self._victim:9} {self.kills:3} kills  {len(self.acknowledged)} pushes acknowledged, "
        line += (
            f"{len(self.others)} not, {self.deleted} deleted  {self.collections} collections freed {self.freed} blobs"
        )
        line += f"  {time.monotonic() - begin:.0f} s  " + (f"{len(faults)} FAULTS" if faults else "all whole")
        print(line, flush=True)
        for fault in [*faults, *self.errors[:5]]:
            print("  ", fault)
        return bool(faults)

    def _open(self, folder: Path) -> tuple[Registry, Callable[[], None]]:
        """Start everything; returns the registry for this process, and how to kill the victim and start it again."""
        options: list[str] = []
        db = blobs = None
        kill: Callable[[], None] = self._kill_server if self._victim == "server" else self._kill_worker
        if self._victim == "database":
            cluster = self._stack.enter_context(Postgresql(durable=True))
            db = cluster.url
            options += ["--db", db]

            def kill_database() -> None:
                cluster.kill()
                time.sleep(random.random())
                cluster.start()

            kill = kill_database

        if self._victim == "s3":
            (folder / "s3").mkdir()
            store, port = ExitStack(), free_port()
            self._stack.callback(lambda: store.close())
            os.environ.update(store.enter_context(s3_server(folder / "s3", port)))
            blobs = f"s3://{BUCKET}/r"
            options += ["--blobs", blobs]

            def kill_s3() -> None:
                for child in children(os.getpid()):
                    if f"127.0.0.1:{port}".encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                        os.kill(child, signal.SIGKILL)
                store.close()
                time.sleep(random.random())
                store.enter_context(s3_server(folder / "s3", port))

            kill = kill_s3

        self.server = Server(folder / "data", ("--log", "text", *options)).start()
        settings = Settings(folder / "data", db=db, blobs=blobs, keeping=Keeping(deleted=0), url_ttl=0.01)
        return Registry.open(settings), kill

    def _kill_server(self) -> None:
        self.server.kill()
        time.sleep(random.random() / 2)
        self.server.start()

    def _kill_worker(self) -> None:
        assert self.server.process is not None
        os.kill(random.choice(children(self.server.process.pid)), signal.SIGKILL)

    def _kill(self, kill: Callable[[], None]) -> None:
        while not self._over.wait(random.uniform(0.2, self._args.gap)):
            kill()
            self.kills += 1

    def _sweep(self, here: Registry) -> None:
        while not self._over.wait(0.05):
            with suppress(Exception):  # the victim may be away
                self.freed += collect_garbage(here, settle=-60).blobs
                self.collections += 1

    def _push(self, number: int) -> None:
        """Push; half of the large ones have parts in common, some are given up before and some deleted behind."""
        name, chance = f"m{number:03}", random.Random()
        size = chance.choice(SIZES)
        common = random.Random(size) if number % 2 else chance
        archive = pushing.model_tar(name, "v1", common.randbytes(size))
        client = Client(self.server.url, self.server.token)
        try:
            self._steps(client, name, archive, give_up=number % 3 == 0)
        except Exception as error:
            self.others[name] = archive
            self.errors.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            return
        self.acknowledged[name] = archive
        if number % 5 == 0:
            del self.acknowledged[name]
            trying(lambda: client.call("DELETE", pushing.path(name, "v1")), 404)
            self.deleted += 1

    def _steps(self, client: Client, name: str, archive: bytes, give_up: bool) -> None:
        pieces = pushing.cut(archive, PART)
        at, call = pushing.path, self._call
        call(client, "POST", "/model_repositories", {"name": name, "description": ""}, known=400)
        record = {"version": "v1", "description": "", "manifest": pushing.manifest(), "labels": []}
        call(client, "POST", f"/model_repositories/{name}/models", record, known=400)
        call(client, "PATCH", at(name, "v1", "start_upload"), None)
        parts = pushing.parts_json(pieces)
        body: Any = {"modelsync": {"parts": parts}}
        if give_up:
            other = call(client, "PATCH", at(name, "v1", "start_multipart_upload"), None)["upload_id"]
            for part, data in enumerate((os.urandom(10_000), *pieces[1:2]), 1):
                self._put(client, name, other, part, data)
            call(client, "PATCH", at(name, "v1", "abort_multipart_upload"), {"upload_id": other}, known=404)
        upload = call(client, "PATCH", at(name, "v1", "start_multipart_upload"), body)["upload_id"]
        for part, data in enumerate(pieces, 1):
            self._put(client, name, upload, part, data)
        listed = [{"part_number": part, "etag": each["digest"]} for part, each in enumerate(parts, 1)]
        body = {"upload_id": upload, "parts": listed}
        call(client, "PATCH", at(name, "v1", "complete_multipart_upload"), body)
        body = {"status": "success", "reason": "", "modelsync": {"upload_id": upload}}
        call(client, "PATCH", at(name, "v1", "finish_upload"), body)

    def _put(self, client: Client, name: str, upload: str, part: int, data: bytes) -> None:
        body = {"upload_id": upload, "part_number": part}
        path = pushing.path(name, "v1", "presign_multipart_upload_url")
        url = self._call(client, "PATCH", path, body)["presigned_upload_url"]
        trying(lambda: requests.put(url, data=data, timeout=30))

    def _call(self, client: Client, method: str, path: str, body: Any, known: int = 200) -> Any:
        return trying(lambda: client.call(method, path, body), known).json()

    def _check(self, here: Registry) -> list[str]:
        faults = []
        client = Client(self.server.url, self.server.token)
        for name, archive in {**self.acknowledged, **self.others}.items():
            found = trying(lambda name=name: client.call("GET", pushing.path(name, "v1")), 404)  # type: ignore[misc]
            whole = found.status_code == 200 and found.json()["upload_status"] == "success"
            if whole:
                url = self._call(client, "PATCH", pushing.path(name, "v1", "presign_download_url"), None)
                got = trying(lambda url=url: requests.get(url["presigned_download_url"], timeout=60))  # type: ignore[misc]
                if got.content != archive:
                    faults.append(f"{name}: {len(got.content)} bytes of {len(archive)}, or wrong ones")
            elif name in self.acknowledged:
                faults.append(f"{name} was acknowledged and is not there: {found.status_code}")
        faults += [f"{bad.digest} is {bad.fault}: {bad.versions}" for bad in verify_blobs(here).bad]
        return faults


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def trying(ask: Callable[[], requests.Response], known: int = 200) -> requests.Response:
    """Ask again while nobody answers, or the answer is that it will work later.

    Raises:
        Refused: The answer is final, or too often the same.
    """
    said = ""
    for _ in range(TRIES):
        try:
            reply = ask()
        except requests.RequestException as error:
            said = type(error).__name__
        else:
            if reply.status_code in (200, known):
                return reply
            said = f"{reply.status_code} {reply.text[:200]}"
            if reply.status_code < 500:
                raise Refused(said)
        time.sleep(PAUSE)
    raise Refused(said)


if __name__ == "__main__":
    sys.exit(main())
