"""What the tests here are made of: clients with homes of their own, and models of a few parts."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.outcome import Direction, Outcome
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from tests.harness.clock import wait_until
from tests.harness.cutting import cut_folder
from tests.harness.faults import FaultyProxy
from tests.harness.models import MIB, Entry
from tests.harness.processes import TOKEN, environment, modelsync, start_modelsync

#: Four files of their own parts, and small ones around them: about 20 MiB in 9 parts, none above `LARGEST`.
FILES: Mapping[str, Entry] = {
    **{f"layer-{number}.bin": 5 * MIB + 1000 * number for number in range(4)},
    "config.json": b"{}",
    "notes/readme.txt": b"small",
}
LARGEST = 5 * MIB + 5000
#: Bytes that a client may read more than once at each attempt: the head of the archive.
HEAD = 64 << 10
#: What a client does after a fault does not depend on who answers: cases take turns with the two kinds of server.
SERVERS = ("registry", "yatai")
T = TypeVar("T")


def in_turn(cases: Mapping[str, object], both: Collection[str] = ()) -> list[Any]:
    """Cases for a test with a parameter and the fixture `server`, which are parametrized together.

    Args:
        cases: Values of the parameter, by name.
        both: Names of those that are tried with both kinds of server.
    """
    turns = itertools.cycle(SERVERS)
    chosen = [(name, server) for name in cases for server in (SERVERS if name in both else (next(turns),))]
    return [pytest.param(cases[name], server, id=f"{server}-{name}") for name, server in chosen]


@dataclass(frozen=True)
class Client:
    """Somebody with a home and a token for one endpoint.

    Args:
        home: `$BENTOML_HOME`.
        url: The endpoint.
    """

    home: Path
    url: str

    @classmethod
    def at(cls, home: Path, url: str, token: str = TOKEN) -> Client:
        """A client that is signed in."""
        contexts.save(Home(home), Context("default", url, token))
        return cls(home, url)

    def run(self, direction: Direction, tag: str, *, force: bool = False, threads: int = 2) -> Outcome:
        """Transfer in this process."""
        return api.run(direction, tag, force=force, threads=threads, home=self.home)

    def push(self, tag: str, *, force: bool = False, threads: int = 2) -> Outcome:
        """Push in this process."""
        return self.run("push", tag, force=force, threads=threads)

    def pull(self, tag: str, *, force: bool = False, threads: int = 2) -> Outcome:
        """Pull in this process."""
        return self.run("pull", tag, force=force, threads=threads)

    def cli(self, *words: str, timeout: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `modelsync ...` to its end."""
        return modelsync(*words, env={**environment(self.home), **env}, timeout=timeout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `modelsync ...`."""
        return start_modelsync(*words, env=environment(self.home))

    def folder(self, tag: str) -> Path:
        """Where a version is or would be."""
        return self.home / "models" / tag.replace(":", "/")

    def parts(self, tag: str) -> tuple[Part, ...]:
        """How the archive of a model of this home is cut."""
        return cut_folder(Model.load(self.folder(tag)).archive)

    def size(self, tag: str) -> int:
        """Bytes in the archive of a model of this home."""
        return Model.load(self.folder(tag)).archive.layout.size

    def sent_size(self, tag: str) -> int:
        """Bytes in the archive of a model of this home, with the description in front of it."""
        model = Model.load(self.folder(tag))
        return model.archive.layout.size + len(LocalStore(Home(self.home)).describe(model).header())

    def visible(self) -> list[str]:
        """Every file and folder that a reader of the store can see."""
        models = self.home / "models"
        return sorted(str(path.relative_to(models)) for path in models.rglob("*")) if models.is_dir() else []

    def journal(self, direction: Direction, tag: str) -> list[dict[str, Any]]:
        """The notes of a transfer that has not ended, without the first line."""
        path = self.home / ".modelsync" / "journals" / f"{direction}-{tag.replace(':', '@')}.jsonl"
        try:
            lines = path.read_text().splitlines(keepends=True)[1:]
        except OSError:
            return []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def parts_noted(self, direction: Direction, tag: str) -> int:
        """How many parts its journal calls done."""
        return sum("part" in note for note in self.journal(direction, tag))

    def bytes_noted(self, tag: str, parts: tuple[Part, ...]) -> int:
        """How many bytes of a pull are on disk, by its journal: what has arrived is there a moment later."""
        return sum(parts[note["part"] - 1].size for note in self.journal("pull", tag) if "part" in note)


def wait_for(look: Callable[[], T], what: str, child: subprocess.Popen[str] | None = None) -> T:
    """Look until there is something to see.

    Args:
        look: Returns something true when it is so.
        what: What is waited for.
        child: A process that must not end meanwhile. It must not be able to: hold it with `Fault.hold`.
    """

    def look_closely() -> T:
        found = look()
        ended = not found and child is not None and child.poll() is not None
        assert not ended, f"ended before {what}: {child.communicate() if child else ''}"
        return found

    return wait_until(look_closely, what)


@contextmanager
def watching(look: Callable[[], T]) -> Iterator[list[T]]:
    """What is seen at every moment, from before the block to behind its end."""
    looks = [look()]
    done = threading.Event()

    def keep_looking() -> None:
        while not done.wait(0.003):
            looks.append(look())

    thread = threading.Thread(target=keep_looking)
    thread.start()
    try:
        yield looks
    finally:
        done.set()
        thread.join()
        looks.append(look())


def struck(proxy: FaultyProxy) -> int:
    """How many requests were hit by a fault that did something."""
    return sum(exchange.fault != "" for exchange in proxy.log)


def one_line(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """The one line on stderr that a user reads when something is wrong; nothing on stdout, no traceback."""
    assert (done.returncode, done.stdout) == (status, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("modelsync: ")
    return line


def disk_use(folder: Path) -> int:
    """Bytes on disk below a folder; what vanishes meanwhile does not count."""
    return sum(_blocks(Path(path, name)) for path, _, names in os.walk(folder) for name in names)


def _blocks(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0
