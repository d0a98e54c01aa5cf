"""The sidebar in Jupyter Notebook 7, where JupyterLab's tokens are optional."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api
from tests.harness.processes import TOKEN, RegistryProcess

from .jupyter import TOKEN as JUPYTER_TOKEN
from .jupyter import jupyterlab
from .sidebar import Sidebar

pytest.importorskip("notebook", minversion="7")


def test_models_are_pushed_beside_a_notebook(
    tmp_path: Path, registry: RegistryProcess, name: str, open_page: Callable[..., Page]
) -> None:
    with jupyterlab(tmp_path / "notebook", module="notebook") as server:
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        empty = {"cells": [], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (server.root / "work.ipynb").write_text(json.dumps(empty))
        api.login(registry.url, TOKEN, home=server.home)
        with api.create(f"{name}:v1", home=server.home) as making:
            (making.path / "weights.bin").write_bytes(b"w" * 1000)
        page = open_page(server, path=f"notebooks/work.ipynb?token={JUPYTER_TOKEN}", wait=".jp-Notebook")
        page.evaluate("window.jupyterapp.commands.execute('modelsync:open').then(() => null)")
        sidebar = Sidebar(page)
        sidebar.look_for(name)
        sidebar.act(f"{name}:v1", f"Push {name}:v1")
        expect(sidebar.row(f"{name}:v1")).to_contain_text("in sync")
        sidebar.row(f"{name}:v1").click()
        sidebar.menu(f"{name}:v1", "Insert Code to Load Model")
        expect(page.locator(".jp-Notebook")).to_contain_text(f'load("{name}:v1")')
