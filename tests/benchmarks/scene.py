"""The scene of a benchmark: a model, clients, and near-free servers around them, so that the client is measured."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from compileall import compile_dir
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import modelsync_jupyter
from tests.harness.models import Entry, differences, make_model
from tests.harness.processes import MODELSYNC, TOKEN, environment

from .hosts import process, serve_objects, sink
from .measure import Usage, run

TAG = "bench:v1"
#: The one big file, and the bytes of its header.
WEIGHTS, HEADER = "model.safetensors", 64 << 10
KEY = "models/default/bench/v1.tar.gz"
SMALL: dict[str, Entry] = {"config.json": b"{}", "tokenizer/vocab.txt": 230_000, "README.md": 4_000}


@dataclass(frozen=True)
class Client:
    """A program that pushes and pulls.

    Args:
        name: As the table shows it.
        command: Its words before `push TAG` or `pull TAG`.
    """

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """A wide-area link, between a client and all that answers it.

    Args:
        threads: Connections that a client may use.
        delay: Seconds to the first byte of each answer.
        rate: Bytes a second of a connection.
    """

    threads: int
    delay: float = 0.03
    rate: float = 90e6

    @property
    def ideal(self) -> float:
        """Bytes a second of all connections together."""
        return self.threads * self.rate

    def host(self, root: Path | None = None) -> contextlib.AbstractContextManager[str]:
        """An object host at its far end, which answers GETs from a folder: yields its URL."""
        return sink(root=root, delay=self.delay, rate=self.rate)


STOCK = Client("bentoml", (sys.executable, "-m", "bentoml", "models"))
OURS = Client("modelsync", MODELSYNC)


def give_tensors(path: Path) -> None:
    """Make a file of random bytes a safetensors file of random weights: layers of 32 MiB, each with a small bias."""
    tensors, position, body = {}, 0, path.stat().st_size - HEADER - 8
    for number, length in enumerate(chain.from_iterable(repeat((32 << 20, 16 << 10)))):
        if position == body:
            break
        end = min(position + length, body)
        tensors[f"layer.{number}"] = {"dtype": "U8", "shape": [end - position], "data_offsets": [position, end]}
        position = end
    with path.open("r+b") as file:
        file.write(struct.pack("<Q", HEADER) + json.dumps(tensors).encode().ljust(HEADER))


class Scene:
    """Everything a row of the table needs; made by `open_scene`.

    Args:
        folder: Where it all lies.
        size: Bytes of the one big file; 0 for none.
        small: The other files.

    Attributes:
        every: Seconds between two looks at a client's memory.
    """

    def __init__(self, folder: Path, size: int, small: Mapping[str, Entry] = SMALL) -> None:
        self.folder, self.home, self.root = folder, folder / "home", folder / "root"
        self.root.mkdir()
        self.model = make_model(self.home, TAG, {**({WEIGHTS: size} if size else {}), **small})
        if size:
            give_tensors(self.model / WEIGHTS)
        self.put_url = self.get_url = self.pull_url = ""
        self.every = 0.01

    @property
    def archive(self) -> Path:
        """The ready archive of the model, as the first client pushed it."""
        return self.root / "objects" / KEY

    def push(self, client: Client, *more: str) -> Usage:
        """Push to a fresh API whose object host is near-free."""
        with self.api_for_pushes() as url:
            usage = run((*client.command, "push", TAG, *more), self._fresh_state(url), self.every)
        for file in self.archive.parent.glob("*.gz.*"):
            file.unlink()
        return usage

    def api_for_pushes(self) -> contextlib.AbstractContextManager[str]:
        """A fresh API whose object host is near-free."""
        return self._yatai("--uploads-to", self.put_url)

    def pull(self, client: Client, url: str = "", *more: str) -> Usage:
        """Pull the ready archive into a fresh home and check what came."""
        home = self._empty("pulled")
        usage = run((*client.command, "pull", TAG, *more), self._env(home, url or self.pull_url), self.every)
        self._check(home / "models" / "bench" / "v1")
        return usage

    def through_registry(self, client: Client, *more: str, **env: str) -> tuple[Usage, Usage]:
        """Push to and pull from our own registry, fresh.

        Args:
            client: Who.
            more: Options of the registry.
            env: Its environment, besides this process's.
        """
        data = self._empty("data")
        argv = ("modelsync_jupyter", "serve", "--port", "0", "--data", str(data), *more)
        with process(*argv, env={**os.environ, **env, "MODELSYNC_ADMIN_TOKEN": TOKEN}) as url:
            pushed = run((*client.command, "push", TAG), self._fresh_state(url))
            os.sync()
            return pushed, self.pull(client, url)

    def again(self, client: Client) -> tuple[Usage, Usage]:
        """Push and pull a version that is there already."""
        with self._yatai("--folder", str(self._empty("again"))) as url:
            run((*client.command, "push", TAG), self._fresh_state(url))
            pushed = run((*client.command, "push", TAG), self._env(self.home, url))
            return pushed, run((*client.command, "pull", TAG), self._env(self.home, url))

    def push_far(self, client: Client, link: Link) -> Usage:
        """Push to an API and an object host behind a wide-area link."""
        with (
            link.host() as host,
            self._yatai("--uploads-to", host, "--delay", str(link.delay)) as url,
        ):
            words = (*client.command, "push", TAG, "-t", str(link.threads))
            return run(words, self._fresh_state(url), self.every)

    def pull_far(self, client: Client, link: Link) -> Usage:
        """Pull from there."""
        with (
            link.host(self.root) as host,
            self._yatai("--downloads-from", host, "--delay", str(link.delay)) as url,
        ):
            self.register(url)
            return self.pull(client, url, "-t", str(link.threads))

    def bare_push_far(self, link: Link, *more: str) -> Usage:
        """Send the ready archive to such a host with sockets and nothing else; `more` are options of `bare`."""
        with link.host() as host:
            return self._bare("put", host, "--threads", str(link.threads), *more)

    def bare_pull_far(self, link: Link, *more: str, keep: bool = False) -> Usage:
        """Fetch it from there, and throw it away, or `keep` it in a new file that is on disk in the end."""
        kept = ("--keep", str(self._empty("pulled") / "archive.tar")) if keep else ()
        with link.host(self.root) as host:
            return self._bare("get", host, "--threads", str(link.threads), *kept, *more)

    def bare_push(self, *more: str) -> Usage:
        """Send the ready archive with bare sockets; `more` are options of `bare`."""
        return self._bare("put", self.put_url, *more)

    def bare_pull(self, *more: str, keep: bool = False) -> Usage:
        """Fetch it with bare sockets, and throw it away, or `keep` it in a new file that is on disk in the end."""
        kept = ("--keep", str(self._empty("pulled") / "archive.tar")) if keep else ()
        return self._bare("get", self.get_url, *kept, *more)

    def _bare(self, verb: str, host: str, *more: str) -> Usage:
        where = (f"{host}/objects/{KEY}", str(self.archive))
        return run((sys.executable, "-m", "tests.benchmarks.bare", verb, *where, *more), os.environ)

    def through_proxy_strategy(self, client: Client, *more: str) -> tuple[Usage, Usage]:
        """Push to and pull from an API that gives no presigned URLs: one stream each way."""
        with self._yatai("--folder", str(self._empty("data")), "--strategy", "proxy") as url:
            pushed = run((*client.command, "push", TAG, *more), self._fresh_state(url), self.every)
            return pushed, self.pull(client, url, *more)

    def curl_push(self) -> Usage:
        """PUT the ready archive in one request."""
        return run(("curl", "-sfT", str(self.archive), f"{self.put_url}/objects/{KEY}?partNumber=1"), os.environ)

    def curl_pull(self) -> Usage:
        """GET the ready archive in one request."""
        target = self._empty("pulled") / "archive.tar"
        return run(("curl", "-sfo", str(target), f"{self.get_url}/objects/{KEY}"), os.environ)

    def tar(self) -> Usage:
        """`tar c` of the model's folder."""
        return run(("tar", "cf", str(self._empty("pulled") / "archive.tar"), "-C", str(self.model), "."), os.environ)

    def read(self) -> Usage:
        """Look at, open, read, close and hash each file of the model's folder, in Python: see `floors`."""
        return run((sys.executable, "-m", "tests.benchmarks.floors", "read", str(self.model)), os.environ)

    def copy(self) -> Usage:
        """`cp -r` of the model's folder."""
        return run(("cp", "-r", str(self.model), str(self._empty("pulled"))), os.environ)

    def prepare(self, client: Client) -> None:
        """Have a client push the model to a whole API once, so that the archive lies in the web root."""
        with self._yatai("--folder", str(self.root)) as url:
            run((*client.command, "push", TAG), self._fresh_state(url))
            self.record = _call(url, "GET", "/bench/models/v1")

    def register(self, url: str) -> None:
        """Tell a fresh API of the ready archive."""
        record = {key: self.record[key] for key in ("version", "description", "manifest", "labels", "build_at")}
        _call(url, "POST", "", {"name": "bench", "description": ""})
        _call(url, "POST", "/bench/models", record)
        _call(url, "PATCH", "/bench/models/v1/finish_upload", {"status": "success", "reason": ""})

    def _yatai(self, *options: str) -> contextlib.AbstractContextManager[str]:
        folder = () if "--folder" in options else ("--folder", str(self.folder / "unused"))
        return process("tests.harness.yatai", *folder, *options)

    def _fresh_state(self, url: str) -> dict[str, str]:
        shutil.rmtree(self.home / ".modelsync", ignore_errors=True)
        return self._env(self.home, url)

    def _env(self, home: Path, url: str) -> dict[str, str]:
        return environment(home, url, TMPDIR=str(self.folder))

    def _empty(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.sync()
        return folder

    def _check(self, pulled: Path) -> None:
        found = differences(self.model, pulled)
        if [line for line in found if not line.startswith("model.yaml")]:
            raise RuntimeError(f"the pulled model differs: {found}")


@contextlib.contextmanager
def open_scene(
    folder: Path, size: int, object_host: str, maker: Client, small: Mapping[str, Entry] = SMALL
) -> Iterator[Scene]:
    """Make the model and the archive, start the servers, stop them at the end.

    Args:
        folder: An empty folder.
        size: Bytes of the big file.
        object_host: "sink" forgets what is PUT, "nginx" writes it to disk; GETs always come from nginx.
        maker: The client whose archive is pulled.
        small: The other files.
    """
    compile_dir(Path(modelsync_jupyter.__file__).parent, quiet=1)  # as an installer does
    scene = Scene(folder, size, small)
    scene.prepare(maker)
    with sink() as forgetful, sink(kept=scene.root) as keeper, serve_objects(scene.root, keeper) as scene.get_url:
        scene.put_url = forgetful if object_host == "sink" else scene.get_url
        with process("tests.harness.yatai", "--folder", f"{folder}/api", "--downloads-from", scene.get_url) as url:
            scene.pull_url = url
            scene.register(url)
            yield scene


def _call(url: str, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(f"{url}/api/v1/model_repositories{path}", method=method)
    request.add_header("X-YATAI-API-TOKEN", TOKEN)
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data) as reply:
        return json.load(reply)
