"""Keyboard, screen readers, themes, and lists that are long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from modelsync_jupyter import client as api
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.processes import TOKEN

from .looks import AXE, MOVING, STICKS_OUT, THEMES, UNLIMITED, drag_to, shoot, violations
from .sidebar import SIDEBAR, Sidebar

Make = Callable[..., api.Model]
BIG = 30_000_000


@pytest.fixture
def light(page: Page) -> Iterator[Callable[[str], None]]:
    """Changes the theme; afterwards it is the light one again."""

    def change(theme: str) -> None:
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)

    yield change
    change(THEMES[0])


@pytest.mark.timeout(300)  # nine states in three themes, on a machine that may be slow
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: `cd labextension && jlpm install`")
def test_nothing_is_in_anybodys_way(
    light: Callable[[str], None], line: FaultyProxy, make: Make, name: str, home: Path, page: Page, sidebar: Sidebar
) -> None:
    """Each state in each theme; in high contrast it is the colours that could differ from the dark one."""

    def check(picture: str, *more: str, themes: Sequence[str] = THEMES) -> None:
        for theme in themes:
            light(theme)
            found = violations(page, SIDEBAR, *more, colours=theme == THEMES[2])
            shoot(page, f"{picture}-{theme.replace(' ', '-')}")
            assert found == [], theme
        light(THEMES[0])

    dialog = page.get_by_role("dialog")
    expect(sidebar.root.get_by_role("heading", name="Sign in to a registry")).to_be_visible()
    check("1-sign-in", themes=THEMES[:1])  # the form comes again, in all of them

    api.login(line.url, TOKEN, name="team", home=home)
    for version, size in (("v1", 2_000), ("v2", BIG)):
        make(f"{name}:{version}", size, stage=version)
    api.push(f"{name}:v1", home=home)
    api.Client(home).catalog.move_alias(f"{name}:v1", "production")
    api.delete(f"{name}:v1", home=home)
    make(f"{name}:v1", 2_000, stage="v1")
    api.status(f"{name}:v1", hash=True, home=home)
    line.script(Fault.throttle(30_000, method="PUT"))  # axe takes seconds
    sidebar.refresh()
    sidebar.look_for(name)
    sidebar.act(f"{name}:v2", f"Push {name}:v2")
    expect(sidebar.transfer(f"{name}:v2")).to_contain_text("left")
    expect(sidebar.row(f"{name}:v1")).to_contain_text("different")
    check("2-running", ".jp-ModelSync-status")
    page.wait_for_function(f"({MOVING})().length")  # when the bar grows
    page.emulate_media(reduced_motion="reduce", forced_colors="active")
    assert page.evaluate(MOVING) == []
    bar = sidebar.transfer(f"{name}:v2").locator(".jp-ModelSync-bar > span")
    expect(bar).to_have_css("transition-property", "none")
    shoot(page, "2-running-forced-colors")
    page.emulate_media(reduced_motion="null", forced_colors="none")

    sidebar.button(f"Cancel {name}:v2", sidebar.transfer(f"{name}:v2")).click()
    expect(sidebar.transfer(f"{name}:v2")).to_contain_text("cancelled")
    line.heal()
    line.script(Fault.reply(403, b"{}", method="PATCH", path="start", times=None))
    line.script(Fault.reply(400, b"{}", method="GET", path="/models", times=None))
    sidebar.button(f"Resume {name}:v2", sidebar.transfer(f"{name}:v2")).click()
    expect(sidebar.transfer(f"{name}:v2")).to_contain_text("failed")
    sidebar.refresh()
    expect(sidebar.problem).to_be_visible()
    expect(sidebar.past(f"{name}:v2")).to_have_count(0)  # it is pinned already
    expect(sidebar.past(f"{name}:v1")).to_be_visible()
    check("3-failed")

    line.heal()
    sidebar.refresh()
    expect(sidebar.problem).to_have_count(0)
    sidebar.menu(f"{name}:v1", "Compare with Registry…")
    details = page.get_by_role("region", name=f"{name}:v1")
    expect(details).to_contain_text("The contents of the files differ.")
    sidebar.menu(f"{name}:v1", "Edit Labels and Description…")
    expect(details.get_by_role("form")).to_be_visible()
    check("4-details", ".jp-ModelSync-details")

    sidebar.act(f"{name}:v1", f"More for {name}:v1")
    check("5-menu", ".jp-ModelSync-menu")
    page.keyboard.press("Escape")
    sidebar.menu(f"{name}:v1", "Overwrite in the Registry…")
    expect(dialog).to_contain_text("to upload")
    check("5-overwrite", ".jp-ModelSync-plan")
    page.keyboard.press("Escape")
    sidebar.menu(f"{name}:v1", "Delete in the Registry…")
    expect(dialog).to_contain_text("for everybody")
    check("6-delete", ".jp-Dialog-content")
    page.keyboard.press("Escape")

    contexts = home / ".yatai.yaml"
    contexts.write_text(contexts.read_text().replace(TOKEN, "a-token-that-expired"))
    sidebar.look_for("nothing-is-called-so")
    sidebar.refresh()
    expect(sidebar.root.get_by_role("heading", name="Sign in again")).to_be_visible()
    expect(sidebar.root.get_by_text("No models match")).to_be_visible()
    check("7-expired")


def test_narrow_wide_and_large(signed_in: str, make: Make, name: str, home: Path, page: Page, sidebar: Sidebar) -> None:
    """From 200 to 600 pixels, and in large letters, nothing sticks out and versions stay whole."""
    tag = f"{name}-with-a-name-that-is-longer-than-the-sidebar-is-wide:2026-05-01"
    make(tag, 20_000, stage="production", team="growth")
    api.push(tag, home=home)
    sidebar.look_for(name)
    row = sidebar.row(tag)
    page.evaluate(UNLIMITED, "0px")
    for width, size in ((200, 13), (600, 13), (300, 20)):
        drag_to(page, width)
        box = sidebar.root.bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(width, abs=4)
        page.evaluate("size => document.body.style.setProperty('--jp-ui-font-size1', size)", f"{size}px")
        expect(row).to_be_visible()
        shoot(page, f"width-{width}-size-{size}")
        assert page.evaluate(STICKS_OUT, SIDEBAR) == [], width
        assert row.get_by_text("2026-05-01").evaluate("node => node.scrollWidth <= node.clientWidth + 1"), width
    page.evaluate("document.body.style.removeProperty('--jp-ui-font-size1')")
    page.evaluate(UNLIMITED, "")
    drag_to(page, 250)


def test_keyboard_only(signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar) -> None:
    for tag in (f"{name}-a:v1", f"{name}-b:v1", f"{name}-b:v2"):
        make(tag)
    sidebar.look_for(name)
    expect(sidebar.group(f"{name}-b")).to_be_visible()
    sidebar.search.focus()
    tab_to(page, "Models")
    page.keyboard.press("End")
    expect(current(sidebar)).to_have_attribute("data-ms-name", f"{name}-b")
    page.keyboard.type(f"{name}-a")  # each key acts on what the one before it brings, however late that comes
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(current(sidebar)).to_have_attribute("data-ms-version", "v2")
    page.keyboard.press("Shift+F10")
    menu = page.locator(".jp-ModelSync-menu")
    expect(menu).to_be_visible()
    page.keyboard.press("p")
    expect(menu.locator(".lm-mod-active")).to_have_text("Push")
    page.keyboard.press("Enter")
    expect(sidebar.row(f"{name}-b:v2")).to_contain_text("in sync")
    expect(sidebar.tree).to_be_focused()
    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Delete {name}-b:v2?")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"{name}-b:v2")).to_be_visible()
    sidebar.tree.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(sidebar.group(f"{name}-b")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Control+f")
    expect(sidebar.search).to_be_focused()


def current(sidebar: Sidebar) -> Locator:
    """The row that the keys are about."""
    return sidebar.tree.locator(".jp-mod-current")


def test_the_current_row_stays_when_others_come(
    signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar
) -> None:
    make(f"{name}-m:v1")
    sidebar.look_for(name)
    sidebar.row(f"{name}-m:v1")
    sidebar.tree.focus()
    make(f"{name}-a:v1")
    expect(sidebar.group(f"{name}-a")).to_be_visible()
    expect(current(sidebar)).to_have_attribute("data-ms-name", f"{name}-m")
    expect(sidebar.tree).to_be_focused()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a control of that name has the focus."""
    seen = []
    for _ in range(20):
        page.keyboard.press("Tab")
        held = page.evaluate("document.activeElement.ariaLabel || document.activeElement.title")
        seen.append(held)
        if held == name:
            return
    raise AssertionError(f"Tab does not lead to {name!r}; it went to {seen}")
