"""Pushes while something is killed again and again: `python -m tests.benchmarks.kills worker server database s3`.

For each victim: clients push, `kill -9` hits the victim at random and it is started again, and garbage is collected all
the while without mercy for what was received just now. A share of the clients never come again: they go away at any
step, in the middle of a part too, or where something fails once; some are real ones that are killed.

In the end every push that was acknowledged must be there whole. Of the others nothing may be seen, or all of it where
the last word was said: not in a listing at any time, not by its tag, not as the latest of its name, and not by our or a
stock client. And what they left is collected: behind that the store holds what versions need, and nothing else. Prints
a line for each victim; ends with 1 where it is not so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from sqlalchemy import func, select

from modelsync_jupyter.registry import Settings
from modelsync_jupyter.registry.blobs.protocol import Direct
from modelsync_jupyter.registry.catalog.garbage import needed_blobs
from modelsync_jupyter.registry.catalog.tables import archive_parts, models, uploads
from modelsync_jupyter.registry.catalog.words import UploadState
from modelsync_jupyter.registry.keeping import Keeping
from modelsync_jupyter.registry.service import Registry
from modelsync_jupyter.registry.space import collect_garbage, verify_blobs
from tests.harness.models import make_model
from tests.harness.ports import free_port
from tests.harness.postgresql import Postgresql
from tests.harness.processes import bentoml, environment, modelsync, start_modelsync
from tests.harness.s3 import BUCKET, s3_server
from tests.registry import pushing
from tests.registry.server import Client, Server

SIZES = (1_000, 100_000, 3_000_000)
PART = 1 << 20
#: What a stock client expects to find in a model.yaml besides.
STOCK: dict[str, Any] = {"api_version": "v1", "options": {}, "metadata": {}, "signatures": {}}
STOCK["context"] = {
    "framework_name": "sklearn",
    "framework_versions": {"scikit-learn": "1.5"},
    "bentoml_version": "1.4.39",
    "python_version": "3.11",
}
#: How often one step of a push is tried, and seconds between.
TRIES, PAUSE = 40, 0.25


class Refused(Exception):
    """A step was refused for good."""


class Gone(Exception):
    """The client has gone away, and will not come again."""


def main() -> int:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("victims", nargs="+", choices=["worker", "server", "database", "s3"])
    parser.add_argument("--pushes", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--quitters", type=float, default=0.4, help="share of the clients that never come again")
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
        self.faults: list[str] = []
        self.listings = self.killed = self.invisible = 0
        #: Names of which somebody has begun to say the last word.
        self.finishing: set[str] = set()

    def run(self) -> int:
        """Run it; returns 1 where a promise was broken."""
        begin = time.monotonic()
        with self._stack:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="modelsync-kills-")))
            here, kill = self._open(folder)
            jobs: tuple[tuple[Callable[..., None], Any], ...] = (
                (self._kill, kill),
                (self._sweep, here),
                (self._watch, None),
            )
            keepers = [threading.Thread(target=job, args=(what,)) for job, what in jobs]
            for keeper in keepers:
                keeper.start()
            with ThreadPoolExecutor(self._args.clients) as pool:
                list(pool.map(self._push, range(self._args.pushes)))
            self._over.set()
            for keeper in keepers:
                keeper.join()
            faults = self.faults + self._check(here, folder)
            here.database.close()
            for trace in self.server.log.split("Traceback ")[1:3]:
                print(f"  in the log: Traceback {trace[:3000]}")
            self.server.stop()
        line = f"{self._victim:9} {self.kills:3} kills  {len(self.acknowledged)} pushes acknowledged, "
        line += f"{len(self.others)} not ({self.killed} clients killed, {self.invisible} invisible), "
        line += f"{self.deleted} deleted  {self.listings} listings  "
        line += f"{self.collections} collections freed {self.freed} blobs"
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
        self._settings = Settings(folder / "data", db=db, blobs=blobs, keeping=Keeping(deleted=0), url_ttl=0.01)
        return Registry.open(self._settings), kill

    def _kill_server(self) -> None:
        self.server.kill(workers=False)
        time.sleep(random.random() / 2)
        self.server.start()

    def _kill_worker(self) -> None:
        os.kill(random.choice(children(self.server.pid)), signal.SIGKILL)

    def _kill(self, kill: Callable[[], None]) -> None:
        while not self._over.wait(random.uniform(0.2, self._args.gap)):
            kill()
            self.kills += 1

    def _sweep(self, here: Registry) -> None:
        while not self._over.wait(0.05):
            with suppress(Exception):  # the victim may be away
                self.freed += collect_garbage(here, settle=-60).blobs
                self.collections += 1

    def _watch(self, nothing: None) -> None:
        """List all versions again and again: what is listed is whole, and somebody has said the last word."""
        client = Client(self.server.url, self.server.token)
        while not self._over.wait(0.1):
            with suppress(Exception):  # the victim may be away
                for item in client.ok("GET", "/models?count=1000")["items"]:
                    name = item["repository"]["name"]
                    if item["upload_status"] != "success" or name not in self.finishing:
                        self.faults.append(f"{name} was listed as {item['upload_status']}")
                self.listings += 1

    def _push(self, number: int) -> None:
        """Push; half of the large ones have parts in common, some are given up before and some deleted behind."""
        name, chance = f"m{number:03}", random.Random()
        size = chance.choice(SIZES)
        common = random.Random(size) if number % 2 else chance
        archive = pushing.model_tar(name, "v1", common.randbytes(size), **STOCK)
        quits = chance.random() < self._args.quitters
        if quits and chance.random() < 0.25:
            self._push_and_be_killed(name, common.randbytes(size))
            return
        steps = Steps(self, name, chance.randint(3, 16) if quits else None)
        try:
            steps.run(archive, give_up=number % 3 == 0)
        except Exception as error:
            self.others[name] = archive
            if not isinstance(error, Gone):
                self.errors.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            return
        self.acknowledged[name] = archive
        if number % 5 == 0:
            del self.acknowledged[name]
            trying(lambda: steps.client.call("DELETE", pushing.path(name, "v1")), 404)
            self.deleted += 1

    def _push_and_be_killed(self, name: str, payload: bytes) -> None:
        """Let our own client push, and kill it at any moment; nobody resumes that."""
        with tempfile.TemporaryDirectory(prefix="modelsync-killed-") as home:
            make_model(Path(home), f"{name}:v1", {"weights.bin": payload})
            self.finishing.add(name)  # nobody here knows how far it comes
            env = environment(Path(home), self.server.url, self.server.token)
            with start_modelsync("push", f"{name}:v1", "-t", "2", env=env) as child:
                time.sleep(random.uniform(0.2, 2.0))
                child.kill()
                child.communicate()
        self.others[name] = b""
        self.killed += 1

    def _check(self, here: Registry, folder: Path) -> list[str]:
        faults = []
        client = Client(self.server.url, self.server.token)
        listed = {item["repository"]["name"] for item in trying_json(client, "/models?count=1000")["items"]}
        hidden: list[str] = []
        for name, archive in {**self.acknowledged, **self.others}.items():
            at = pushing.path(name, "v1")
            found = trying(lambda at=at: client.call("GET", at), 404)  # type: ignore[misc]
            whole = found.status_code == 200 and found.json()["upload_status"] == "success"
            if whole != (name in listed):
                faults.append(f"{name} is {found.status_code} by its tag, and {name in listed} in the listing")
            if whole and name not in self.finishing:
                faults.append(f"{name} is there, and nobody has said so")
            if whole and archive:
                url = trying(lambda at=at: client.call("PATCH", f"{at}/presign_download_url", None)).json()  # type: ignore[misc]
                got = trying(lambda url=url: requests.get(url["presigned_download_url"], timeout=60))  # type: ignore[misc]
                if got.content != archive:
                    faults.append(f"{name}: {len(got.content)} bytes of {len(archive)}, or wrong ones")
            elif not whole and name in self.acknowledged:
                faults.append(f"{name} was acknowledged and is not there: {found.status_code}")
            elif not whole:
                hidden.append(name)
                faults += self._seen(client, name)
        faults += self._pull(folder, sorted(self.acknowledged)[:2], hidden[:3])
        self.invisible = len(hidden)
        faults += [f"{bad.digest} is {bad.fault}: {bad.versions}" for bad in verify_blobs(here).bad]
        return faults + self._leftovers()

    def _seen(self, client: Client, name: str) -> list[str]:
        """Return in which ways a version can be seen that nobody has finished."""
        faults = []
        at = pushing.path(name, "v1", "presign_download_url")
        if client.call("PATCH", at, None).status_code < 400:
            faults.append(f"{name} can be downloaded")
        repository = client.call("GET", f"/model_repositories/{name}")
        if repository.status_code == 200 and repository.json()["latest_model"]:
            faults.append(f"{name} is the latest of its name")
        if client.call("GET", f"/model_repositories/{name}/models").json().get("items"):
            faults.append(f"{name} is among the versions of its name")
        return faults

    def _pull(self, folder: Path, there: list[str], hidden: list[str]) -> list[str]:
        """Pull some with a stock client and with ours."""
        faults = []
        env = environment(folder / "home", self.server.url, self.server.token)
        for pull, missing in ((bentoml, "bentoml"), (modelsync, "modelsync")):
            for name in (*there, *hidden):
                done = pull("pull", f"{name}:v1", env=env)
                here = (folder / "home" / "models" / name / "v1").is_dir()
                if here != (name in there) or (done.returncode == 0) != here:
                    faults.append(f"{missing} pull {name}: exit {done.returncode}, {done.stderr[-200:]}")
            shutil.rmtree(folder / "home" / "models", ignore_errors=True)
        return faults

    def _leftovers(self) -> list[str]:
        """Collect once more, as days later, and return what is left that no version needs."""
        time.sleep(0.02)  # until no URL of a reader is valid
        later = Registry.open(replace(self._settings, keeping=Keeping(deleted=0, uploads=0)))
        for _ in range(2):
            self.freed += collect_garbage(later, settle=-60).blobs
        with later.database.read() as connection:
            needed = {name for name, _ in needed_blobs(connection, "", 1_000_000)}
            live = select(archive_parts.c.digest, archive_parts.c.place).join(
                models, models.c.archive_id == archive_parts.c.archive_id
            )
            used = {row.place or row.digest for row in connection.execute(live)}
            open_ones = connection.execute(
                select(func.count())
                .select_from(uploads)
                .where(uploads.c.state.in_((UploadState.OPEN, UploadState.COMPLETE)))
            ).scalar_one()
        stored = {item.digest for item in later.blobs.list()}
        if isinstance(later.blobs, Direct):
            stored |= {item.digest for item in later.blobs.list_direct()}
        later.database.close()
        faults = [f"{len(stored - used)} blobs are left that no version needs"] if stored - used else []
        if used - stored or needed - used:
            faults.append(f"{len(used - stored)} blobs are gone, {len(needed - used)} belong to no version")
        return faults + ([f"{open_ones} uploads are open still"] if open_ones else [])


class Steps:
    """A push, step by step.

    Args:
        soak: Of which it is one.
        name: Of the model.
        steps: After how many steps the client is gone, or at the first that fails; None for one that tries again.
    """

    def __init__(self, soak: Soak, name: str, steps: int | None) -> None:
        self._soak, self._name, self._steps = soak, name, steps
        self.client = Client(soak.server.url, soak.server.token)

    def run(self, archive: bytes, *, give_up: bool) -> None:
        """Push.

        Raises:
            Gone: The client is.
            Refused: A step was refused for good.
        """
        name, pieces = self._name, pushing.cut(archive, PART)
        self._call("POST", "/model_repositories", {"name": name, "description": ""}, known=400)
        record = {"version": "v1", "description": "", "manifest": pushing.manifest(), "labels": []}
        self._call("POST", f"/model_repositories/{name}/models", record, known=400)
        self._step("start_upload", None)
        parts = pushing.parts_json(pieces)
        if give_up:
            other = self._step("start_multipart_upload", None)["upload_id"]
            for part, data in enumerate((os.urandom(10_000), *pieces[1:2]), 1):
                self._put(other, part, data)
            self._step("abort_multipart_upload", {"upload_id": other}, known=404)
        upload = self._step("start_multipart_upload", {"modelsync": {"parts": parts}})["upload_id"]
        for part, data in enumerate(pieces, 1):
            self._put(upload, part, data)
        listed = [{"part_number": part, "etag": each["digest"]} for part, each in enumerate(parts, 1)]
        self._step("complete_multipart_upload", {"upload_id": upload, "parts": listed})
        self._count()
        self._soak.finishing.add(name)
        self._step("finish_upload", {"status": "success", "reason": "", "modelsync": {"upload_id": upload}})

    def _put(self, upload: str, part: int, data: bytes) -> None:
        body = {"upload_id": upload, "part_number": part}
        url = self._step("presign_multipart_upload_url", body)["presigned_upload_url"]
        if self._steps == 1:  # it goes away in the middle of the body
            at = urlsplit(url)
            with suppress(OSError), socket.create_connection((str(at.hostname), at.port or 80), 30) as line:
                head = f"PUT {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: {len(data)}\r\n\r\n"
                line.sendall(head.encode() + data[: len(data) // 2])
            raise Gone
        self._trying(lambda: requests.put(url, data=data, timeout=30))

    def _step(self, action: str, body: Any, known: int = 200) -> Any:
        return self._call("PATCH", pushing.path(self._name, "v1", action), body, known)

    def _call(self, method: str, path: str, body: Any, known: int = 200) -> Any:
        return self._trying(lambda: self.client.call(method, path, body), known).json()

    def _trying(self, ask: Callable[[], requests.Response], known: int = 200) -> requests.Response:
        self._count()
        if self._steps is None:
            return trying(ask, known)
        try:
            reply = ask()
        except requests.RequestException as error:
            raise Gone from error
        if reply.status_code not in (200, known):
            raise Gone
        return reply

    def _count(self) -> None:
        if self._steps is not None:
            self._steps -= 1
            if self._steps <= 0:
                raise Gone


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def trying_json(client: Client, path: str) -> Any:
    """The answer to a look, however often it takes to get one."""
    return trying(lambda: client.call("GET", path)).json()


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
