"""What all tests share: a clean environment, and no way out of this machine."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.harness.processes import is_foreign

_TRUST = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
#: What Python reports just before it starts a process.
_PROCESS_EVENTS = {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"}

# A shell starts `make test &` with SIGINT ignored. Python then leaves it ignored, and so do the processes that tests
# start to interrupt them: a handler, unlike SIG_IGN, is not inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--fast`."""
    parser.addoption(
        "--fast", action="store_true", help="leave out tests that start processes, and hold the others to it"
    )


def pytest_configure(config: pytest.Config) -> None:
    """In the fast tier an unmarked test that starts a process fails: the tier stays what its name says."""
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if config.getoption("fast") and runs_tests:
        sys.addaudithook(_refuse_processes)


def _refuse_processes(event: str, args: tuple[object, ...]) -> None:
    if event in _PROCESS_EVENTS and "PYTEST_CURRENT_TEST" in os.environ:
        pytest.fail(f"a test of the fast tier starts a process: {args[0] if args else ''}; mark it `processes`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the fast tier does not run."""
    if config.getoption("fast"):
        left_out = [item for item in items if item.get_closest_marker("processes")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def _clean_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the caller's endpoints, tokens, proxies and homes from tests and from the processes they start.

    What these make in the folder for temporary files is theirs, too, and goes with them: also what those leave that
    tests kill. Its name is short, since there are sockets in it.
    """
    tmp_path_factory.getbasetemp()  # which is kept, for whom a test failed
    with (
        TemporaryDirectory(prefix="ms-", ignore_cleanup_errors=True) as temporary,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(temporary).chmod(0o711)  # where tests run as root, a database server does not
        patch.setenv("TMPDIR", temporary)
        patch.setattr(tempfile, "tempdir", temporary)  # else it would be the folder of the test that asks first
        for name in list(os.environ):
            if is_foreign(name) or name in _TRUST:
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("user")))
        yield


@pytest.fixture(autouse=True)
def _own_user_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty `~` of its own."""
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_outside_network() -> Iterator[None]:
    """Fail a test that connects to another machine; names under `.invalid` are unknown, as they must be.

    The failure is not an `Exception`, so that no code under test can take it for a broken network.
    """
    with pytest.MonkeyPatch.context() as patch:
        connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

        def guarded_connect(self: socket.socket, address: Any) -> None:
            _check_address(self, address)
            connect(self, address)

        def guarded_connect_ex(self: socket.socket, address: Any) -> int:
            _check_address(self, address)
            return connect_ex(self, address)

        def guarded_lookup(host: Any, *args: Any, **keywords: Any) -> Any:
            _check_name(host)
            return lookup(host, *args, **keywords)

        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_lookup)
        yield


def _check_address(connection: socket.socket, address: Any) -> None:
    if connection.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
        pytest.fail(f"a test wants to connect to {address[0]}")


def _check_name(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name and name.endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if name and not _is_here(name):
        pytest.fail(f"a test wants to know the address of {name}")


def _is_here(host: str) -> bool:
    if host in ("", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback or host in ("0.0.0.0", "::")
    except ValueError:
        return False
