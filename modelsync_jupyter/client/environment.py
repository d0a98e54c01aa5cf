"""What is around a client: the proxy, and the Jupyter in which it runs. Nothing is started to find out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata as packages
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

#: Name, whether all is well, what was seen, and what to do where it is not.
Seen = tuple[str, bool, str, str]

_EXTENSION, _SIDEBAR = "modelsync_jupyter", "modelsync-jupyter"
_ENABLE = f"jupyter server extension enable {_EXTENSION}"


def proxy_of(url: str) -> str:
    """Return the proxy that requests to a URL go through, without user and password, or ""."""
    proxy = select_proxy(url, get_environ_proxies(url)) or ""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
    if parts is None or not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def server_extension() -> Seen:
    """Look whether Jupyter's server loads the sidebar's other half."""
    name = "server extension"
    if not _installed("jupyter_server"):
        return name, True, "Not needed: Jupyter's server is not in this environment.", ""
    for path in _jupyter("etc/jupyter"):
        for file in sorted((path / "jupyter_server_config.d").glob("*.json")):
            enabled = _json(file).get("ServerApp", {}).get("jpserver_extensions", {}).get(_EXTENSION)
            if enabled is False:
                return (
                    name,
                    False,
                    f"It is switched off in `{file}`.",
                    f"Run `{_ENABLE}`.",
                )
            if enabled:
                return name, True, "Enabled. A server that was running before it was installed must be restarted.", ""
    return (
        name,
        False,
        "It is not enabled.",
        f"Run `{_ENABLE}`, and restart Jupyter.",
    )


def sidebar() -> Seen:
    """Look whether JupyterLab has the sidebar, in the version of this package."""
    name = "sidebar"
    if not _installed("jupyterlab"):
        return name, True, "Not needed: JupyterLab is not in this environment.", ""
    step = "Install the package again where JupyterLab runs, with `pip install --force-reinstall modelsync_jupyter`."
    for path in _jupyter("share/jupyter"):
        file = path / "labextensions" / _SIDEBAR / "package.json"
        if file.exists():
            version, own = str(_json(file).get("version")), packages.version(_EXTENSION)
            if version != own:
                return name, False, f"It has version {version}, this package {own}.", step
            return name, True, f"Installed, version {version}.", ""
    return name, False, "It is not installed.", step


def widgets() -> Seen:
    """Look whether the panel and the rows of transfers can be drawn."""
    name = "widgets"
    version = _installed("ipywidgets")
    if not version or int(version.partition(".")[0]) < 8:
        return name, False, f"ipywidgets {version or 'is missing'}.", "Run `pip install 'ipywidgets>=8.1'`."
    if _installed("jupyterlab") and not _installed("jupyterlab_widgets"):
        step = "Run `pip install jupyterlab_widgets`, and reload the page."
        return name, False, "JupyterLab lacks the package that draws them.", step
    return name, True, f"ipywidgets {version}.", ""


def _installed(name: str) -> str:
    with suppress(packages.PackageNotFoundError):
        return packages.version(name)
    return ""


def _jupyter(folder: str) -> Iterator[Path]:
    """Yield the places where Jupyter looks, those of the user first."""
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    yield from map(Path, jupyter_config_path() if folder.startswith("etc") else jupyter_path())
    yield Path(sys.prefix) / folder


def _json(file: Path) -> dict[str, dict[str, dict[str, object]]]:
    with suppress(OSError, ValueError):
        data = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(data, dict):
            return data
    return {}
