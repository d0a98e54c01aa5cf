"""The extension in the server: found, configured, and never in the way of the server's end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from traitlets.config import Config

import modelsync_jupyter
from modelsync_jupyter.client import Model
from modelsync_jupyter.lab.app import ModelSyncApp
from tests.harness.clock import wait_until
from tests.harness.processes import environment

from .conftest import Call

CONFIG = Path(modelsync_jupyter.__file__).parent / "jupyter-config/server-config/modelsync_jupyter.json"


def test_importing_the_package_loads_no_server() -> None:
    code = "import sys, modelsync_jupyter; print({'tornado', 'jupyter_server', 'traitlets'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_the_config_file_turns_it_on() -> None:
    extensions = json.loads(CONFIG.read_text())["ServerApp"]["jpserver_extensions"]
    assert extensions == {ModelSyncApp.get_extension_package(): True}
    assert modelsync_jupyter._jupyter_server_extension_points()[0]["app"] is ModelSyncApp


async def test_stopping_an_extension_that_never_began_does_not_raise() -> None:
    await ModelSyncApp().stop_extension()


class TestConfigured:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ModelSyncApp.update({"context": "team", "threads": 3, "rate_limit": 200_000})
        return jp_server_config

    async def test_context_and_threads_are_those_configured(self, call: Call, make: Callable[..., Model]) -> None:
        make("iris:v1")
        _, status = await call("GET", "status")
        assert (status["current"], status["threads"]) == ("team", 3)
        _, record = await call("POST", "transfers", {"direction": "push", "tag": "iris:v1"})
        assert record["options"] == {"force": False, "threads": 3, "context": "team", "rate_limit": 200_000}
        code, body = await call("GET", "plan", direction="pull", tag="iris:v2")
        assert (code, body["code"]) == (401, "no-context")
        assert "team" in body["message"]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """An endpoint that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


def test_a_registry_that_never_answers_does_not_keep_the_server_from_ending(
    tmp_path: Path, silent: socket.socket
) -> None:
    env = environment(
        tmp_path / "bentoml", _address(silent), JUPYTER_CONFIG_PATH=str(tmp_path), JUPYTER_RUNTIME_DIR=str(tmp_path)
    )
    (tmp_path / "jupyter_server_config.d").mkdir()
    (tmp_path / "jupyter_server_config.d/m.json").write_text(CONFIG.read_text())
    words = [
        "--no-browser",
        "--allow-root",
        "--port=0",
        "--IdentityProvider.token=t",
        f"--ServerApp.root_dir={tmp_path}",
    ]
    argv = [sys.executable, "-m", "jupyter_server", *words]
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            url = _url(server)
            assert json.loads(_ask(f"{url}modelsync/api/status?token=t"))["current"] == "__env__"
            threading.Thread(
                target=_ask_in_vain, args=(f"{url}modelsync/api/plan?direction=pull&tag=a:v1&token=t",), daemon=True
            ).start()
            with silent.accept()[0]:
                server.send_signal(signal.SIGTERM)
                assert server.wait(40) is not None
        finally:
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGKILL)


def _url(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    for line in server.stderr:
        if "http://127.0.0.1" in line:
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return "http://" + line.split("http://")[1].split("?")[0].strip().removesuffix("lab").removesuffix("tree")
    raise AssertionError("the server did not start")


def _address(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _ask_in_vain(url: str) -> None:
    with suppress(OSError):
        urllib.request.urlopen(url, timeout=60).close()


def _ask(url: str) -> bytes:
    def answer() -> bytes:
        with suppress(OSError), urllib.request.urlopen(url, timeout=60) as reply:
            found: bytes = reply.read()
            return found
        return b""

    return wait_until(answer, "an answer: it names its address a moment before it listens")
