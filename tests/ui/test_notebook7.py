"""The sidebar in Jupyter Notebook 7, where JupyterLab's tokens are optional."""

from __future__ import annotations

from collections.abc import Callable

import nbformat
import pytest
from nbformat.v4 import new_notebook
from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api

from .jupyter import TOKEN, Lab
from .notebook import wait_for_kernel
from .sidebar import Sidebar

pytest.importorskip("notebook", minversion="7")


def test_models_are_pushed_beside_a_notebook(
    signed_in: str, make: Callable[..., api.Model], name: str, lab: Lab, open_page: Callable[..., Page]
) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(metadata={"kernelspec": kernel}), lab.root / f"{name}.ipynb")
    make(f"{name}:v1", stage="production", data="2026-11-27T18:00:00")
    page = open_page(lab, path=f"notebooks/{name}.ipynb?token={TOKEN}", wait=".jp-Notebook")
    wait_for_kernel(page)
    page.evaluate("window.jupyterapp.commands.execute('modelsync:open').then(() => null)")
    sidebar = Sidebar(page)
    sidebar.look_for(name)
    sidebar.act(f"{name}:v1", f"Push {name}:v1")
    expect(sidebar.row(f"{name}:v1")).to_contain_text("in sync")
    sidebar.row(f"{name}:v1").click()
    sidebar.menu(f"{name}:v1", "Insert Code to Load Model")
    expect(page.locator(".jp-Notebook")).to_contain_text(f'load("{name}:v1")')
    sidebar.menu(f"{name}:v1", "Details")
    details = page.get_by_role("region", name=f"{name}:v1")
    expect(details).to_contain_text("The local store and the registry have the same files.")
    assert details.evaluate("node => node.scrollWidth <= node.clientWidth")
