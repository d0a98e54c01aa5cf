"""Take the pictures of the README: `make screenshots`. A real JupyterLab, a real registry, a real browser.

`python -m tests.ui.screenshots registry` takes only that of the registry's page, and needs no sidebar; `... panel`
takes only that of the panel in a cell.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, expect

from modelsync_jupyter import client as api
from modelsync_jupyter.wire import TOKEN_HEADER
from tests.harness.browser import chromium
from tests.harness.processes import TOKEN, RegistryProcess

from .jupyter import Lab, jupyterlab
from .notebook import open_notebook, run
from .sidebar import Sidebar

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_MODELS: Mapping[str, int] = {"churn:2026-05": 4_200_000, "churn:2026-06": 4_300_000, "sentiment:v1": 18_000_000}
_PUSHED = ("churn:2026-05", "sentiment:v1")


def main() -> None:
    """Take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "registry").mkdir()
        registry = RegistryProcess(folder / "registry").start()
        stack.callback(registry.kill)
        browser = stack.enter_context(chromium())
        only = sys.argv[1:]
        if not only or only == ["registry"]:
            take_registry(browser, registry, folder / "home")
        if only == ["registry"]:
            return
        lab = stack.enter_context(jupyterlab(folder / "lab"))
        prepare(lab, registry)
        page = browser.new_page(viewport={"width": 1100, "height": 640})
        page.set_default_timeout(60_000)
        page.goto(lab.page)
        page.locator(".jp-Launcher").wait_for()
        if not only:
            take_cell(page)
            take_sidebar(page)
        take_panel(page, lab)


def prepare(lab: Lab, registry: RegistryProcess) -> None:
    """Make some models, and push some of them."""
    api.login(registry.url, TOKEN, name="team", home=lab.home)
    for tag, size in _MODELS.items():
        labels = {"stage": "production" if tag in _PUSHED else "test"}
        with api.create(tag, labels=labels, metadata={"auc": 0.91}, home=lab.home) as making:
            (making.path / "model.pkl").write_bytes(os.urandom(size))
    for tag in _PUSHED:
        api.push(tag, home=lab.home)
        api.status(tag, hash=True, home=lab.home)


def take_registry(browser: Browser, registry: RegistryProcess, home: Path) -> None:
    """Show a version in the registry's pages: what it is, how to pull it, what is in it."""
    api.login(registry.url, TOKEN, name="team", home=home)
    weights = b"".join(bytes([number]) * 4096 for number in range(48))
    header = {
        f"encoder.layers.{number}.weight": {
            "dtype": "F32",
            "shape": [64, 64],
            "data_offsets": [number * 16_384, number * 16_384 + 16_384],
        }
        for number in range(12)
    }
    text = json.dumps(header).encode()
    for version, stage in (("2026-05", "production"), ("2026-06", "candidate")):
        labels, metadata = {"stage": stage, "team": "reviews"}, {"accuracy": 0.934, "epochs": 12}
        with api.create(f"reviews:{version}", labels=labels, metadata=metadata, home=home) as making:
            (making.path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + weights)
            (making.path / "tokenizer.json").write_text(json.dumps({"stage": stage, "words": list(range(20_000))}))
        api.push(f"reviews:{version}", home=home)
        address = f"{registry.url}/api/v1/model_repositories/reviews/aliases/{stage}"
        requests.put(address, json={"version": version}, headers={TOKEN_HEADER: TOKEN}, timeout=30).raise_for_status()
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    page.goto(f"{registry.url}/models/reviews/2026-06")
    page.get_by_label("API token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="reviews:2026-06").wait_for()
    page.screenshot(path=IMAGES / "registry.png")


def take_cell(page: Page) -> None:
    """Push in a cell."""
    open_notebook(page)
    run(page, 0, "%load_ext modelsync_jupyter")
    run(page, 1, "%modelsync push churn:2026-06")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_000)
    page.locator(".jp-Notebook .jp-Cell").nth(1).screenshot(path=IMAGES / "cell.png")


def take_panel(page: Page, lab: Lab) -> None:
    """Show the panel in a cell, with an alias, and a version that is selected."""
    api.Client(lab.home).catalog.move_alias("churn:2026-05", "production")
    page.set_viewport_size({"width": 1100, "height": 900})
    open_notebook(page)
    run(page, 0, "from modelsync_jupyter import panel\npanel()")
    cell = page.locator(".jp-Notebook:visible .jp-Cell").first
    options = cell.locator("select[multiple] option")
    expect(options.filter(has_text="churn:2026-05")).to_contain_text("= in sync")
    options.filter(has_text="churn:2026-05").click()
    expect(cell.get_by_text("metadata.auc")).to_be_visible()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_000)
    cell.screenshot(path=IMAGES / "panel.png")


def take_sidebar(page: Page) -> None:
    """Show the models on both sides."""
    sidebar = Sidebar(page).open()
    expect(sidebar.row("churn:2026-05")).to_contain_text("in sync")
    page.mouse.move(600, 600)
    page.wait_for_timeout(1_000)
    page.screenshot(path=IMAGES / "sidebar.png")


if __name__ == "__main__":
    sys.exit(main())
