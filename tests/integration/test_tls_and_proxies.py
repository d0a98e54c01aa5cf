"""Certificates of a private CA and proxies, as users of `requests` know them: by their environment variables."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.harness.models import differences, make_model
from tests.harness.ports import free_port, wait_for_port
from tests.harness.processes import RegistryProcess
from tests.harness.tls import TlsProxy

from .scene import FILES, Client, one_line

PASSWORD = "hunter2"


@dataclass(frozen=True)
class Secure:
    """A registry behind a proxy that speaks TLS.

    Args:
        url: Its endpoint.
        bundle: File with the certificate of the CA that vouches for it.
    """

    url: str
    bundle: Path


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A registry with a certificate that only a private CA vouches for."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    with (
        RegistryProcess(folder / "data", env={"MODELSYNC_TRUST_FORWARDED": "1"}) as registry,
        TlsProxy(registry.url, folder / "server.pem") as front,
    ):
        yield Secure(front.url, folder / "ca.pem")
    assert front.errors == []


@pytest.fixture(scope="module")
def forward() -> Iterator[int]:
    """A forward proxy that asks for a password; its port."""
    port = free_port()
    options = ["--hostname", "127.0.0.1", "--port", str(port), "--basic-auth", f"ann:{PASSWORD}"]
    options += ["--num-acceptors", "1", "--num-workers", "1", "--log-level", "ERROR"]
    with subprocess.Popen([sys.executable, "-m", "proxy", *options], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port)
            yield port
        finally:
            process.terminate()


def there_and_back(one: Client, two: Client, tag: str, **env: Any) -> None:
    """Push from one store and pull into another."""
    made = make_model(one.home, tag, FILES)
    for client, verb in ((one, "push"), (two, "pull")):
        done = client.cli(verb, tag, **env)
        assert done.returncode == 0, done.stderr
    assert differences(made, two.folder(tag)) == []


@pytest.fixture
def pair(secure: Secure, tmp_path: Path) -> tuple[Client, Client]:
    """Two stores that talk TLS to the registry."""
    return Client.at(tmp_path / "one", secure.url), Client.at(tmp_path / "two", secure.url)


def test_a_private_ca_is_trusted_once_it_is_named(secure: Secure, pair: tuple[Client, Client], tag: str) -> None:
    line = one_line(pair[0].cli("list", "--remote"))
    assert "no certificate this machine trusts" in line
    assert "REQUESTS_CA_BUNDLE" in line
    there_and_back(*pair, tag, REQUESTS_CA_BUNDLE=str(secure.bundle))


def test_authorities_are_loaded_once_for_all_connections(
    secure: Secure, pair: tuple[Client, Client], tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of this machine take 27 ms, which was spent by each thread of a transfer, twice."""
    load, loaded = ssl.SSLContext.load_verify_locations, []

    def note(context: ssl.SSLContext, *args: Any) -> None:
        loaded.append(args)
        load(context, *args)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secure.bundle))
    make_model(pair[0].home, tag, FILES)
    assert pair[0].push(tag, threads=4).status == "pushed"
    assert pair[1].pull(tag, threads=4).status == "pulled"
    assert loaded == [(str(secure.bundle), None)] * 2


def test_tls_passes_a_proxy(secure: Secure, pair: tuple[Client, Client], forward: int, tag: str) -> None:
    env: dict[str, Any] = {
        "REQUESTS_CA_BUNDLE": str(secure.bundle),
        "HTTPS_PROXY": f"http://ann:{PASSWORD}@127.0.0.1:{forward}",
    }
    there_and_back(*pair, tag, **env)


def test_plain_http_passes_a_proxy(registry: RegistryProcess, tmp_path: Path, forward: int, tag: str) -> None:
    one, two = (Client.at(tmp_path / name, registry.url) for name in ("one", "two"))
    there_and_back(one, two, tag, HTTP_PROXY=f"http://ann:{PASSWORD}@127.0.0.1:{forward}")


def test_a_proxy_that_says_no_is_named_and_its_password_is_not(
    secure: Secure, pair: tuple[Client, Client], forward: int
) -> None:
    env: dict[str, Any] = {
        "REQUESTS_CA_BUNDLE": str(secure.bundle),
        "HTTPS_PROXY": f"http://ann:x{PASSWORD}@127.0.0.1:{forward}",
    }
    done = pair[0].cli("list", "--remote", **env)
    assert "proxy" in one_line(done)
    assert PASSWORD not in done.stdout + done.stderr


def test_what_needs_no_proxy_does_not_ask_it(registry: RegistryProcess, tmp_path: Path, tag: str) -> None:
    one, two = (Client.at(tmp_path / name, registry.url) for name in ("one", "two"))
    there_and_back(one, two, tag, HTTP_PROXY=f"http://127.0.0.1:{free_port()}", NO_PROXY="127.0.0.1")
