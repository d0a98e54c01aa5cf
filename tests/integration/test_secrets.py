"""The token goes to the endpoint and nowhere else; neither it nor a signature is ever written down."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import requests

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.remotes.contexts import resolve
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import make_model
from tests.harness.processes import TOKEN, RegistryProcess
from tests.harness.yatai import Yatai

from .scene import FILES, MIB, Client, wait_for

SECRET = "s3cret-t0ken-of-this-test"


@pytest.fixture
def guarded(server: RegistryProcess | Yatai, tmp_path: Path) -> Client:
    """A client with a token that occurs nowhere else."""
    if isinstance(server, Yatai):
        server.token = SECRET
        return Client.at(tmp_path / "home", server.url, SECRET)
    url = f"{server.url}/api/v1/api_tokens"
    body = {"name": f"t-{tmp_path.name[-20:].strip('-').replace('_', '-').lower()}", "scopes": ["api"]}
    reply = requests.post(url, json=body, headers={"X-YATAI-API-TOKEN": TOKEN}, timeout=20)
    return Client.at(tmp_path / "home", server.url, reply.json()["token"])


def token_of(client: Client) -> str:
    return resolve(Home(client.home)).token


def signatures(proxy: FaultyProxy) -> set[str]:
    """Every signature of a presigned URL that was used."""
    queries = [dict(parse_qsl(exchange.query)) for exchange in proxy.log]
    return {value for query in queries for key, value in query.items() if key.lower().endswith("signature")}


def files(home: Path) -> Iterator[Path]:
    """All files of a home but the one that is there to hold the token, and the models."""
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name)
            if path.name != ".yatai.yaml" and not path.is_relative_to(home / "models"):
                yield path


@pytest.mark.usefixtures("brisk")
def test_nothing_secret_is_written_or_said(
    proxy: FaultyProxy,
    guarded: Client,
    tag: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    token = token_of(guarded)
    client, other = Client.at(guarded.home, proxy.url, token), Client.at(tmp_path / "other", proxy.url, token)
    make_model(client.home, tag, FILES)
    said = run_badly(client, proxy, "push", tag) + run_badly(other, proxy, "pull", tag)
    said += caplog.text + "".join(capfd.readouterr())
    for one in (client, other):
        said += "".join(repr(transfer) + str(transfer.record.to_dict()) for transfer in api.transfers(home=one.home))
        said += repr(api.contexts(home=one.home))
    secrets = {token, *signatures(proxy)}
    assert len(secrets) > 5
    for path in [*files(client.home), *files(other.home)]:
        said += f"{path} {path.read_bytes().decode('latin-1')}"
    assert [secret for secret in secrets if secret in said] == []
    assert {str(path.name) for path in client.home.rglob("*.json")} != set()
    assert (client.home / ".yatai.yaml").stat().st_mode & 0o077 == 0
    check_token_stayed_home(proxy, token)


def _held(proxy: FaultyProxy, before: int) -> bool:
    return proxy.log.count(path="^/objects/") > before + 1


def run_badly(client: Client, proxy: FaultyProxy, verb: str, tag: str) -> str:
    """Transfer with faults, a kill, a cancellation, an error that echoes the request, and at last success."""
    said = ""
    echo = b'{"error": "get api token: %b X-Amz-Signature=f00"}' % token_of(client).encode()
    for fault in (
        Fault.reply(400, echo, path="/model_repositories/"),
        Fault.expired(path="^/objects/", times=None),
        Fault.reply(404, b"{}", path="^/objects/", times=None),
        Fault.unavailable(501, path="^/objects/", times=None),
    ):
        proxy.script(fault)
        with pytest.raises(ModelSyncError) as refusal:
            client.run(verb, tag)  # type: ignore[arg-type]
        said += f"{refusal.value} {refusal.value.to_dict()}"
        proxy.heal()
    for end in (subprocess.Popen.kill, subprocess.Popen.terminate):
        proxy.script(Fault.hold(4 * MIB, path="^/objects/"))
        before = proxy.log.count(path="^/objects/")
        with client.start(verb, tag) as child:
            wait_for(partial(_held, proxy, before), "bytes", child=child)
            leftovers = [path.read_bytes().decode("latin-1") for path in files(client.home) if path.suffix != ".bin"]
            end(child)
            said += "".join([*leftovers, *child.communicate(timeout=60)])
        proxy.heal()
    done = client.cli(verb, tag, "-o", "json")
    assert done.returncode == 0
    return said + done.stdout + done.stderr


def check_token_stayed_home(proxy: FaultyProxy, token: str) -> None:
    for exchange in proxy.log:
        is_api = exchange.path.startswith("/api/")
        assert (exchange.headers.get("x-yatai-api-token") == token) == is_api, exchange
        assert is_api or token not in str(exchange.headers)
        assert token not in exchange.query


def test_redirects_of_an_object_host_are_followed_without_the_token(yatai: Yatai, tmp_path: Path) -> None:
    """As from an object store to a CDN of another origin."""
    with FaultyProxy(yatai.url) as proxy:
        sender, client = Client.at(tmp_path / "sender", yatai.url), Client.at(tmp_path / "home", proxy.url)
        make_model(sender.home, "m:v1", FILES)
        sender.push("m:v1")
        location = yatai.objects.sign("GET", yatai.key("m", "v1"))
        proxy.script(Fault.reply(302, b"", {"Location": location}, path="^/objects/", times=None))
        assert client.pull("m:v1").status == "pulled"
        check_token_stayed_home(proxy, TOKEN)
        assert yatai.objects.log.count("GET") > 1
