"""A real JupyterLab as a process of its own, as JupyterHub would run it: below a base URL, with a token."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.harness.nginx import nginx
from tests.harness.ports import free_port
from tests.harness.processes import environment

TOKEN = "jupyter-token-of-the-tests"
_BASE_URL = "/user/ana/"
_START_SECONDS = 60
_FRONT = """
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{backend}; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Host $http_host; proxy_set_header X-Scheme $scheme;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
        }}
    }}
"""
#: Seconds between two looks at what others do: ten by default, too long for tests to wait.
EVERY = 1
_SETTINGS = {"notification": {"fetchNews": "false", "checkForUpdates": False}}


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that answers.

    Args:
        url: Its address, with the base URL.
        root: What its file browser shows.
        home: BentoML's home folder, below that.
        log: What the server writes.
    """

    url: str
    root: Path
    home: Path
    log: Path

    @property
    def page(self) -> str:
        """The page as somebody opens it who was sent a link, with a fresh workspace; tests find `jupyterapp` on it."""
        return f"{self.url}lab?token={TOKEN}&reset"

    def get(self, path: str) -> requests.Response:
        """Ask the server as a script would."""
        return requests.get(self.url + path, headers={"Authorization": f"token {TOKEN}"}, timeout=30)


@contextmanager
def jupyterlab(folder: Path, *options: str, module: str = "jupyterlab") -> Iterator[Lab]:
    """Run JupyterLab.

    Args:
        folder: An empty folder for all it keeps.
        options: More for its command line.
        module: "notebook" to run Jupyter Notebook instead.
    """
    root = folder / "root"
    root.mkdir(parents=True)
    _write_settings(folder / "settings" / "@jupyterlab" / "apputils-extension", _SETTINGS)
    _write_settings(folder / "settings" / "modelsync-jupyter", {"plugin": {"refreshSeconds": EVERY}})
    port = free_port()
    lab = Lab(f"http://127.0.0.1:{port}{_BASE_URL}", root, root / "bentoml", folder / "log")
    with lab.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *_options(port, root), *options],
            env=_environment(folder, lab.home),
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            _wait(lab, process)
            yield lab
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def behind_nginx(lab: Lab) -> Iterator[Lab]:
    """The same JupyterLab as seen through nginx, set up as Jupyter's own documentation says."""
    port, address = free_port(), urlsplit(lab.url)
    with nginx(port, _FRONT.format(port=port, backend=address.netloc)):
        yield replace(lab, url=f"http://127.0.0.1:{port}{address.path}")


def _options(port: int, root: Path) -> list[str]:
    return [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={_BASE_URL}",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.news_url=None",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]


def _environment(folder: Path, home: Path) -> dict[str, str]:
    """The installed extension is found as always; nothing of the user's own Jupyter is."""
    names = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "HOME": "user",
    }
    return environment(home, **{name: str(folder / part) for name, part in names.items()})


def _write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True)
    for name, value in settings.items():
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(value))


def _wait(lab: Lab, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if lab.get("api/status").ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{lab.log.read_text(errors='replace')[-3000:]}")
