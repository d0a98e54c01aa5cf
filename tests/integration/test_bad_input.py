"""What a user can do wrong, and what a server can say wrong: one clear line, and nothing happens."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import InvalidReply, ModelSyncError
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.httpd import Handler, Service
from tests.harness.models import differences, make_model
from tests.harness.processes import RegistryProcess
from tests.harness.yatai import Yatai

from .scene import Client, one_line


class Page(Service):
    """A web server that is no registry.

    Args:
        status: What it answers to everything.
        headers: With these headers.
    """

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__()
        self._status, self._headers = status, headers or {}

    def handle(self, handler: Handler) -> None:
        handler.read()
        handler.reply(self._status, b"<html>hello</html>", {"Content-Type": "text/html", **self._headers})


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("word", ["", ":v1", "m:", "a b:v1", "../m:v1", "m:v/1", "x" * 64, "m:v1:v2", "ünicode"])
@pytest.mark.parametrize("verb", ["push", "pull"])
def test_a_bad_tag(near: Client, word: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(near, capsys, verb, "--", word, said="name:version")


@pytest.mark.parametrize("verb", ["push", "pull"])
@pytest.mark.parametrize("word", ["nothing", "nothing:v1"])
def test_a_missing_model(near: Client, verb: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(near, capsys, verb, word, said="nothing")


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_a_bad_token(server: RegistryProcess | Yatai, tmp_path: Path, verb: str) -> None:
    client = Client.at(tmp_path / "home", server.url, token="wr0ng-t0ken")
    make_model(client.home, "m:v1", {"w": b"1"})
    done = client.cli(verb, "m:v2" if verb == "pull" else "m:v1")
    assert "modelsync login" in one_line(done)
    assert "wr0ng-t0ken" not in done.stderr


@pytest.mark.parametrize("status", [401, 403])
def test_yatais_ways_to_refuse_a_token(yatai: Yatai, tmp_path: Path, status: int) -> None:
    yatai.bad_token_status = status
    client = Client.at(tmp_path / "home", yatai.url, token="wr0ng-t0ken")
    assert "Sign in again" in one_line(client.cli("pull", "m:v1"))


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_nobody_listens(tmp_path: Path, closed_port: int, verb: str) -> None:
    client = Client.at(tmp_path / "home", f"http://127.0.0.1:{closed_port}")
    make_model(client.home, "m:v1", {"w": b"1"})
    line = one_line(client.cli(verb, "m:v2" if verb == "pull" else "m:v1"))
    assert f"127.0.0.1:{closed_port}" in line
    assert "Check the network" in line


@pytest.mark.parametrize("verb", ["push", "pull", "list"])
@pytest.mark.parametrize("status", [200, 404, 400, 204])
def test_a_web_server_that_is_no_registry(
    tmp_path: Path, verb: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Page(status) as page:
        client = Client.at(tmp_path / "home", page.url)
        make_model(client.home, "m:v1", {"w": b"1"})
        words = {"push": ["m:v1"], "pull": ["m:v2"], "list": ["--remote"]}[verb]
        assert_one_line(client, capsys, verb, *words)


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_a_server_that_sends_us_on_gets_no_token(
    yatai: Yatai, tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Page(302, {"Location": f"{yatai.url}/api/v1/auth/current"}) as page:
        client = Client.at(tmp_path / "home", page.url)
        make_model(client.home, "m:v1", {"w": b"1"})
        assert_one_line(client, capsys, verb, "m:v2" if verb == "pull" else "m:v1", said="redirects to")
    assert yatai.log.count() == 0


def test_another_tag_than_asked_for(yatai: Yatai, near_and_model: tuple[Client, Path]) -> None:
    """A server that answers with another version is not believed."""
    client, _ = near_and_model
    client.push("m:v1")
    record = yatai.records.versions["m"].pop("v1")
    yatai.records.versions["m"]["v9"] = record
    yatai.objects.bucket.put(yatai.key("m", "v9"), [yatai.objects.bucket.path(yatai.key("m", "v1")).read_bytes()])
    other = Client.at(client.home.parent / "other", yatai.url)
    with pytest.raises(ModelSyncError):
        other.pull("m:v9")
    assert other.visible() == []


@pytest.fixture
def near_and_model(yatai: Yatai, tmp_path: Path) -> tuple[Client, Path]:
    client = Client.at(tmp_path / "home", yatai.url)
    return client, make_model(client.home, "m:v1", {"w": b"1"}, labels={"a": "b"})


#: What stands in a reply in place of what should.
NONSENSE: list[Any] = [None, [], "te\0xt", 10**400, [[1]], {"key": []}]
KEYS = ["", "version", "manifest", "labels", "upload_status", "build_at", "created_at", "repository", "creator", "uid"]
MORE = ["items", "total", "upload_id", "presigned_upload_url", "presigned_download_url", "transmission_strategy"]
DEEP = [("manifest", "size_bytes"), ("manifest", "metadata"), ("creator", "name"), ("modelsync", "parts")]


@pytest.mark.parametrize("key", [*KEYS, *MORE, *DEEP, ("modelsync", "layout"), ("modelsync", "present")], ids=str)
@pytest.mark.usefixtures("brisk")
def test_nonsense_from_the_server_is_no_crash(yatai: Yatai, tmp_path: Path, key: str | tuple[str, str]) -> None:
    """Whatever stands where something else should: it works, or it is an error that a user can read."""
    with Liar(yatai.url) as liar:
        near, far = Client.at(tmp_path / "near", liar.url), Client.at(tmp_path / "far", liar.url)
        made = make_model(near.home, "m:v0", {"w": b"1"}, labels={"a": "b"})
        near.push("m:v0")
        for number, value in enumerate(NONSENSE, 1):
            make_model(near.home, tag := f"m:v{number}", {"w": b"1"})
            liar.lie = key, value
            pull, look = partial(far.pull, "m:v0", force=True), partial(api.list_remote, home=near.home)
            for attempt in (partial(near.push, tag), pull, look):
                with suppress(ModelSyncError):
                    attempt()
            if far.folder("m:v0").exists():
                assert differences(made, far.folder("m:v0")) == []
        liar.lie = None
        for number in range(1, len(NONSENSE) + 1):  # nothing that was said spoils what comes next
            assert near.push(f"m:v{number}").status in ("pushed", "skipped")
    assert liar.errors == []


class Liar(FaultyProxy):
    """A proxy that puts nonsense into every JSON reply.

    Attributes:
        lie: Key, or keys one inside the other, and the value to put there; with the key "" in place of the whole.
    """

    lie: tuple[str | tuple[str, str], object] | None = None

    def rewrite(self, body: bytes) -> bytes:
        body = super().rewrite(body)
        if self.lie is None:
            return body
        key, value = self.lie
        return json.dumps(_with(json.loads(body), key if isinstance(key, tuple) else (key,), value)).encode()


def _with(data: object, keys: tuple[str, ...], value: object) -> object:
    if keys == ("",):
        return value
    if not isinstance(data, dict):
        return data
    items = {"items": [_with(item, keys, value) for item in data["items"]]} if "items" in data else {}
    inner = data.get(keys[0])
    new = value if len(keys) == 1 else _with(inner if isinstance(inner, dict) else {}, keys[1:], value)
    return {**data, **items, keys[0]: new}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"NaN", b'{"a": 1e999}'])
@pytest.mark.parametrize("verb", ["push", "pull"])
def test_malformed_json(yatai: Yatai, tmp_path: Path, body: bytes, verb: str) -> None:
    with FaultyProxy(yatai.url) as proxy:
        client = Client.at(tmp_path / "home", proxy.url)
        make_model(client.home, "m:v1", {"w": b"1"})
        proxy.script(Fault.reply(200, body, {"Content-Type": "application/json"}, times=None))
        with pytest.raises(InvalidReply):
            client.run(verb, "m:v1" if verb == "push" else "m:v2")  # type: ignore[arg-type]


def test_a_broken_context_file(near: Client) -> None:
    (near.home / ".yatai.yaml").write_bytes(b"\xff{]")
    assert ".yatai.yaml" in one_line(near.cli("pull", "m:v1"))


def assert_one_line(client: Client, capsys: pytest.CaptureFixture[str], *words: str, said: str = "") -> None:
    """Run the command in this process: exit 1, one line on stderr that says this, nothing on stdout."""
    from modelsync_jupyter.cli.main import main

    before = client.visible()
    assert main(["--home", str(client.home), *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("modelsync: ")
    assert said in line
    assert client.visible() == before
