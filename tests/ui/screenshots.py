"""Take the pictures of the README: `make screenshots`. A real JupyterLab, a real registry, a real browser."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from modelsync_jupyter import client as api
from tests.harness.processes import TOKEN, RegistryProcess

from .conftest import _ARGUMENTS
from .jupyter import Lab, chromium, jupyterlab
from .notebook import open_notebook, run
from .sidebar import Sidebar

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_MODELS: Mapping[str, int] = {"churn:2026-05": 4_200_000, "churn:2026-06": 4_300_000, "sentiment:v1": 18_000_000}
_PUSHED = ("churn:2026-05", "sentiment:v1")


def main() -> None:
    """Take both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "registry").mkdir()
        registry = RegistryProcess(folder / "registry").start()
        stack.callback(registry.kill)
        lab = stack.enter_context(jupyterlab(folder / "lab"))
        prepare(lab, registry)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium(), args=_ARGUMENTS)
        stack.callback(browser.close)
        page = browser.new_page(viewport={"width": 1100, "height": 640})
        page.set_default_timeout(60_000)
        page.goto(lab.page)
        page.locator(".jp-Launcher").wait_for()
        take_cell(page)
        take_sidebar(page)


def prepare(lab: Lab, registry: RegistryProcess) -> None:
    """Make some models, and push some of them."""
    api.login(registry.url, TOKEN, name="team", home=lab.home)
    for tag, size in _MODELS.items():
        labels = {"stage": "production" if tag in _PUSHED else "test"}
        with api.create(tag, labels=labels, metadata={"auc": 0.91}, home=lab.home) as making:
            (making.path / "model.pkl").write_bytes(bytes(range(256)) * (size // 256))
    for tag in _PUSHED:
        api.push(tag, home=lab.home)
        api.status(tag, hash=True, home=lab.home)


def take_cell(page: Page) -> None:
    """Push in a cell."""
    open_notebook(page)
    run(page, 0, "%load_ext modelsync_jupyter")
    run(page, 1, "%modelsync push churn:2026-06")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_000)
    page.locator(".jp-Notebook .jp-Cell").nth(1).screenshot(path=IMAGES / "cell.png")


def take_sidebar(page: Page) -> None:
    """Show the models on both sides."""
    sidebar = Sidebar(page).open()
    for section in (sidebar.local, sidebar.remote):
        expect(sidebar.row(section, "churn:2026-05")).to_be_visible()
    page.mouse.move(600, 600)
    page.wait_for_timeout(1_000)
    page.screenshot(path=IMAGES / "sidebar.png")


if __name__ == "__main__":
    sys.exit(main())
