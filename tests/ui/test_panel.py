"""The panel in a real browser: in JupyterLab and in Notebook 7, light and dark."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

from modelsync_jupyter import client as api
from tests.harness.processes import TOKEN as REGISTRY_TOKEN

from .jupyter import TOKEN, Lab
from .notebook import wait_for_kernel

pytestmark = pytest.mark.processes
_CODE = "from modelsync_jupyter import panel\np = panel('label:stage=prod')\np"
_OPEN = "path => window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'}).then(() => null)"
_CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme}).then(() => null)"
#: Where to put pictures to look at; none are taken where it is not set.
_PICTURES = os.environ.get("MODELSYNC_PICTURES", "")


@pytest.fixture
def notebook(lab: Lab) -> Path:
    """A notebook with the panel in its one cell, not run yet."""
    path = lab.root / "panel.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=[new_code_cell(_CODE)], metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture
def in_lab(page: Page, notebook: Path) -> Page:
    """The shared page of JupyterLab, with that notebook in front."""
    page.evaluate(_OPEN, notebook.name)
    wait_for_kernel(page)
    return page


@pytest.fixture(params=["notebook light", "lab dark"])
def face(request: pytest.FixtureRequest, lab: Lab, notebook: Path, open_page: Callable[..., Page]) -> Iterator[Page]:
    """A page with that notebook, in one of the applications and themes."""
    if request.param == "notebook light":
        page = open_page(lab, path=f"notebooks/{notebook.name}?token={TOKEN}", wait=".jp-Notebook")
        wait_for_kernel(page)
        yield page
        return
    page = request.getfixturevalue("in_lab")
    page.evaluate(_CHANGE_THEME, "JupyterLab Dark")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    yield page
    page.evaluate(_CHANGE_THEME, "JupyterLab Light")


def open_panel(page: Page) -> Locator:
    """Run the cell, and wait for the panel."""
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    found = page.locator(".jp-OutputArea-output").filter(has=page.locator("select[multiple]")).first
    found.wait_for()
    return found


def select(options: Locator, first: str, *more: str) -> None:
    """Select versions as people do: a click, and further clicks with the control key."""
    options.filter(has_text=first).click()
    for tag in more:
        options.filter(has_text=tag).click(modifiers=["Control"])


def picture(page: Page, name: str) -> None:
    if _PICTURES:
        page.wait_for_timeout(500)
        page.screenshot(path=Path(_PICTURES) / f"{name}.png")


def test_search_push_pull_and_overwrite(
    face: Page, request: pytest.FixtureRequest, home: Path, signed_in: str, make: Callable[..., api.Model], name: str
) -> None:
    for version, stage in (("v1", "prod"), ("v2", "prod"), ("v3", "dev")):
        make(f"{name}:{version}", stage=stage)
    api.push(f"{name}:v1", home=home, progress=False)
    page, title = face, request.node.callspec.id
    shown = open_panel(page)
    options = shown.locator("select[multiple] option")
    expect(options.filter(has_text=name)).to_have_count(2)  # the search says label:stage=prod
    expect(options.filter(has_text=f"{name}:v1")).to_contain_text("= in sync")
    shown.get_by_placeholder("Search names").fill("")
    expect(options.filter(has_text=f"{name}:v3")).to_contain_text("↑ local only")
    select(options, f"{name}:v2", f"{name}:v3")
    expect(shown.get_by_role("button", name="Pull")).to_be_disabled()
    shown.get_by_role("button", name="Push", exact=True).click()
    expect(shown.get_by_text(f"✓ push {name}:v3: done")).to_be_visible()
    expect(options.filter(has_text=f"{name}:v2")).to_contain_text("= in sync")
    picture(page, f"panel-{title}")

    api.delete(f"{name}:v1", home=home)
    make(f"{name}:v1", 2000, stage="prod")
    shown.get_by_role("button", name="Refresh").click()
    expect(options.filter(has_text=f"{name}:v1")).to_contain_text("≠ different")
    select(options, f"{name}:v1")
    shown.get_by_role("button", name="Overwrite in the registry…").click()
    expect(shown.get_by_text("It replaces the registry's copy.")).to_be_visible()
    picture(page, f"question-{title}")
    shown.get_by_role("button", name="Overwrite", exact=True).click()
    expect(options.filter(has_text=f"{name}:v1")).to_contain_text("= in sync", timeout=20_000)


def test_signing_in_leaves_no_token_in_the_notebook(in_lab: Page, notebook: Path, home: Path, signed_in: str) -> None:
    endpoint = api.contexts(home=home)[0].endpoint
    (home / ".yatai.yaml").unlink()
    page, shown = in_lab, open_panel(in_lab)
    shown.get_by_placeholder("https://registry.example.com").fill(endpoint)
    shown.get_by_placeholder("API token").fill(REGISTRY_TOKEN)
    shown.get_by_role("button", name="Sign in").click()
    expect(shown.get_by_text(f"on this computer and at {endpoint}")).to_be_visible()
    expect(shown.get_by_placeholder("API token")).to_be_hidden()
    with page.expect_response(lambda reply: reply.request.method == "PUT" and notebook.name in reply.url):
        page.keyboard.press("Control+s")
    saved = notebook.read_text()
    assert REGISTRY_TOKEN not in saved
    (output,) = json.loads(saved)["cells"][0]["outputs"]
    assert {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"} <= set(output["data"])
