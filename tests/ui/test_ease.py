"""Keyboard, screen readers, themes, and lists that are long."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.processes import TOKEN, RegistryProcess

from .jupyter import Lab, jupyterlab
from .sidebar import SIDEBAR, Sidebar

Make = Callable[..., api.Model]
BIG = 30_000_000
AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")


@pytest.fixture(scope="module", params=THEMES)
def themed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in each theme."""
    with jupyterlab(tmp_path_factory.mktemp("themed"), theme=request.param) as running:
        yield running


def violations(page: Page, selector: str) -> list[str]:
    """What axe-core finds wrong with a part of the page."""
    page.add_script_tag(path=AXE)
    found: dict[str, list[dict[str, Any]]] = page.evaluate(f"axe.run('{selector}')")
    assert found["passes"], "axe-core has looked at nothing"
    return [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}" for each in found["violations"]]


def shoot(page: Page, lab: Lab, name: str) -> None:
    """Keep a picture where somebody wants to look at it: in $UI_SHOTS."""
    if folder := os.environ.get("UI_SHOTS"):
        theme = json.loads(next(lab.root.parent.rglob("themes.jupyterlab-settings")).read_text())["theme"]
        page.screenshot(path=Path(folder) / f"{theme.replace(' ', '-')}-{name}.png")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: `cd labextension && jlpm install`")
def test_nothing_is_in_anybodys_way(
    themed: Lab, registry: RegistryProcess, line: FaultyProxy, name: str, open_page: Callable[..., Page]
) -> None:
    home = themed.home
    home.mkdir()
    page = open_page(themed)
    sidebar = Sidebar(page).open()
    expect(sidebar.root.get_by_role("heading", name="Sign in to a registry")).to_be_visible()
    assert violations(page, SIDEBAR) == []
    shoot(page, themed, "1-sign-in")

    api.login(line.url, TOKEN, name="team", home=home)
    for version, size in (("v1", 2_000), ("v2", BIG)):
        with api.create(f"{name}:{version}", labels={"stage": version}, metadata={"seed": 42}, home=home) as making:
            (making.path / "weights.bin").write_bytes(os.urandom(16) * (size // 16))
    api.push(f"{name}:v1", home=home)
    line.script(Fault.throttle(250_000, method="PUT"))
    line.script(Fault.reply(403, b"{}", method="PATCH", path="absent", times=None))
    sidebar.refresh()
    sidebar.row(sidebar.remote, f"{name}:v1")
    sidebar.row(sidebar.local, f"{name}:v2").get_by_role("button", name=f"Push {name}:v2").click()
    expect(sidebar.transfer(f"{name}:v2")).to_contain_text("left")
    assert violations(page, SIDEBAR) == []
    assert violations(page, ".jp-ModelSync-status") == []
    shoot(page, themed, "2-running")

    sidebar.button(f"Cancel {name}:v2").click()
    expect(sidebar.transfer(f"{name}:v2")).to_contain_text("cancelled")
    line.heal()
    line.script(Fault.reply(403, b"{}", method="PATCH", path="start", times=None))
    line.script(Fault.reply(400, b"{}", method="GET", path="/models", times=None))
    sidebar.button(f"Resume {name}:v2").click()
    expect(sidebar.transfer(f"{name}:v2")).to_contain_text("failed")
    sidebar.refresh()
    expect(sidebar.remote.get_by_role("alert")).to_be_visible()
    assert violations(page, SIDEBAR) == []
    shoot(page, themed, "3-failed")

    line.heal()
    sidebar.menu(sidebar.local, f"{name}:v2", "Details")
    details = page.get_by_role("region", name=f"{name}:v2")
    details.get_by_label("Compare with").select_option(f"{name}:v1")
    expect(details).to_contain_text("labels.stage")
    assert violations(page, ".jp-ModelSync-details") == []
    shoot(page, themed, "4-details")

    sidebar.menu(sidebar.local, f"{name}:v2", "Overwrite…")
    expect(page.get_by_role("dialog")).to_contain_text("publish")
    assert violations(page, ".jp-ModelSync-plan") == []
    shoot(page, themed, "5-plan")


def test_keyboard_only(signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar) -> None:
    tag = f"{name}:v1"
    make(tag)
    sidebar.refresh()
    expect(sidebar.group(sidebar.local, name)).to_be_visible()
    sidebar.root.get_by_role("searchbox").focus()
    page.keyboard.type(name)
    tab_to(page, name)
    page.keyboard.press("Enter")
    tab_to(page, f"Push {tag}")
    page.keyboard.press("Enter")
    expect(sidebar.transfer(tag)).to_contain_text("done")
    tab_to(page, f"More for {tag}")
    page.keyboard.press("Enter")
    expect(page.locator(".lm-Menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sidebar.button(f"More for {tag}", sidebar.local)).to_be_focused()
    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Delete {tag}?")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(sidebar.row(sidebar.local, tag)).to_be_visible()


def test_the_focus_stays_when_the_list_is_refreshed(
    signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar
) -> None:
    make(f"{name}:v1")
    sidebar.refresh()
    more = sidebar.row(sidebar.local, f"{name}:v1").get_by_role("button", name="More for")
    more.focus()
    make(f"{name}:v2")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    make(f"{name}-other:v1")
    page.wait_for_timeout(5_100)  # it refreshes at most every five seconds
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(sidebar.group(sidebar.local, f"{name}-other")).to_be_visible()
    expect(more).to_be_focused()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a control of that name has the focus."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        held = page.evaluate("document.activeElement.ariaLabel || document.activeElement.title")
        seen.append(held)
        if held.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name!r}; it went to {seen}")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """A registry with 10,000 versions: copies, in its catalog, of one that was pushed."""
    folder = tmp_path_factory.mktemp("crowded")
    running = RegistryProcess(folder / "data").start()
    api.login(running.url, TOKEN, home=folder)
    with api.create("crowd:v0", labels={"stage": "test"}, home=folder) as making:
        (making.path / "weights.bin").write_bytes(b"x" * 1000)
    api.push("crowd:v0", home=folder)
    multiply(folder / "data" / "catalog.db", 10_000)
    yield running
    running.kill()


def multiply(catalog: Path, count: int) -> None:
    """Copy the only model until there are so many."""
    with sqlite3.connect(catalog) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(models)") if row[1] != "id"]
        made = {"uid": "printf('%032x', n)", "version": "'v' || n"}
        values = ", ".join(made.get(column, column) for column in columns)
        database.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count - 1}) "
            f"INSERT INTO models ({', '.join(columns)}) SELECT {values} FROM numbers, models WHERE models.id = 1"
        )
    database.close()


def test_ten_thousand_versions(crowded: RegistryProcess, home: Path, make: Make, name: str, page: Page) -> None:
    make(f"{name}:v1", BIG)
    with FaultyProxy(crowded.url) as line:
        api.login(line.url, TOKEN, home=home)
        line.script(Fault.throttle(250_000, method="PUT"))
        page.evaluate(
            "window.long = []; new PerformanceObserver(list => list.getEntries().forEach("
            "entry => window.long.push(Math.round(entry.duration)))).observe({type: 'longtask'})"
        )
        sidebar = Sidebar(page)
        took = page.evaluate(OPEN_AND_WAIT, [SIDEBAR, "crowd"])
        expect(sidebar.remote.get_by_role("heading")).to_contain_text("10000")
        assert took < 500, f"the sidebar opened in {took:.0f} ms"
        sidebar.row(sidebar.remote, "crowd:v9999")
        sidebar.remote.get_by_role("button", name="Show all 200 versions").click()
        expect(sidebar.remote.locator("[data-ms-tag]")).to_have_count(200)
        sidebar.button(f"Push {name}:v1").click()
        expect(sidebar.transfer(name)).to_contain_text("left")
        page.evaluate("window.long.length = 0")
        page.wait_for_timeout(6_000)  # some eight looks at the transfer
        assert page.evaluate("window.long") == []
        sidebar.button(f"Cancel {name}:v1").click()
        expect(sidebar.transfer(name)).to_contain_text("cancelled")


#: Clicks the tab, and returns how many milliseconds later a name is on the sidebar.
OPEN_AND_WAIT = """([sidebar, name]) => new Promise(done => {
  const start = performance.now();
  const look = () => document.querySelector(`${sidebar} [data-ms-name="${name}"]`)
    ? done(performance.now() - start) : requestAnimationFrame(look);
  const tab = document.querySelector(`.lm-TabBar-tab[data-id="${sidebar.slice(1)}"]`);
  for (const type of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click'])
    tab.dispatchEvent(new MouseEvent(type, {bubbles: true, button: 0, clientX: tab.getBoundingClientRect().x + 5,
      clientY: tab.getBoundingClientRect().y + 5}));
  look();
})"""
