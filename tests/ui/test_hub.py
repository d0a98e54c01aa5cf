"""Two users of a JupyterHub: behind its proxy each has a sidebar, a store and a registry of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api
from tests.harness.ports import free_port
from tests.harness.processes import TOKEN, RegistryProcess, environment

from .jupyter import Lab
from .sidebar import Sidebar

pytest.importorskip("jupyterhub", minversion="5")
PROXY = Path(__file__).parents[2] / "labextension" / "node_modules" / ".bin" / "configurable-http-proxy"
pytestmark = pytest.mark.skipif(not PROXY.exists(), reason="no proxy for JupyterHub: `cd labextension && jlpm install`")
_SECRET = "hub-token-of-the-tests"
_SECONDS = 90
_CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cleanup_servers = c.JupyterHub.cleanup_proxy = True
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {{"ana", "ben"}}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--LabApp.news_url=None", "--LabApp.expose_app_in_browser=True"]
c.Spawner.env_keep = ["PATH"]
c.LocalProcessSpawner.interrupt_timeout = 0
c.JupyterHub.services = [{{"name": "tests", "api_token": {secret!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "tests", "scopes": ["admin:servers", "access:servers", "read:users"], "services": ["tests"]}}
]
"""


@dataclass(frozen=True)
class Hub:
    """A JupyterHub that answers.

    Args:
        url: Its address.
        homes: Folder with the homes of its users.
    """

    url: str
    homes: Path

    def store(self, user: str) -> Path:
        """BentoML's home folder of a user."""
        return self.homes / user / "bentoml"

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask the hub, or a user's server behind its proxy."""
        headers = {"Authorization": f"token {_SECRET}"}
        return requests.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=60)

    def start(self, *users: str) -> None:
        """Start the servers of users, side by side."""
        for user in users:
            self.ask("POST", f"hub/api/users/{user}/server").raise_for_status()
        for user in users:
            wait_for(partial(self._serves, user))

    def _serves(self, user: str) -> bool:
        return self.ask("GET", f"user/{user}/api/status").ok


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A JupyterHub with two users and nobody's server running."""
    with jupyterhub(tmp_path) as running:
        yield running


@contextmanager
def jupyterhub(folder: Path) -> Iterator[Hub]:
    """Run JupyterHub with its own proxy."""
    ports = {name: free_port() for name in ("port", "hub_port", "api_port")}
    homes = folder / "homes"
    text = _CONFIG.format(
        **ports, proxy=str(PROXY), homes=str(homes / "{username}"), python=sys.executable, secret=_SECRET
    )
    (folder / "config.py").write_text(text)
    hub = Hub(f"http://127.0.0.1:{ports['port']}", homes)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(folder / "config.py")],
            env={**environment(folder / "unused"), "HOME": str(folder), "CONFIGPROXY_AUTH_TOKEN": "x" * 32},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            wait_for(lambda: process.poll() is None and hub.ask("GET", "hub/api/").ok)
            for user in ("ana", "ben"):
                (homes / user).mkdir(parents=True, exist_ok=True)
            yield hub
        finally:
            process.terminate()
            process.wait(30)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        try:
            if condition():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not come to be in time")


def test_two_users_of_a_hub_share_a_registry_and_nothing_else(
    hub: Hub, registry: RegistryProcess, name: str, open_page: Callable[..., Page]
) -> None:
    for user in ("ana", "ben"):
        api.login(registry.url, TOKEN, name="team", home=hub.store(user))
    hub.start("ana", "ben")
    with api.create(f"{name}:v1", home=hub.store("ana")) as making:
        (making.path / "weights.bin").write_bytes(b"w" * 1000)
    ana = open_page(
        Lab(f"{hub.url}/", hub.homes, hub.store("ana"), hub.homes), path="hub/login", wait="input#username_input"
    )
    ana.get_by_label("Username").fill("ana")
    ana.locator("input[type=submit]").click()
    ana.locator(".jp-Launcher").wait_for(timeout=60_000)
    sidebar = Sidebar(ana).open()
    sidebar.look_for(name)
    sidebar.act(f"{name}:v1", f"Push {name}:v1")
    expect(sidebar.row(f"{name}:v1")).to_contain_text("in sync")

    wanted = {"refresh": name, "search": name, "open": [name]}
    row = hub.ask("POST", "user/ben/modelsync/api/list", wanted).json()["items"][1]
    assert (row["tag"], row["state"], row["local"]) == (f"{name}:v1", "remote only", None)
    assert hub.ask("GET", "user/ben/modelsync/api/transfers").json()["transfers"] == []
    assert ana.request.get(f"{hub.url}/user/ben/modelsync/api/status").status == 403
