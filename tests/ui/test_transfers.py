"""Transfers in the sidebar, whoever starts them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from modelsync_jupyter import client as api
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.processes import environment, modelsync

from .jupyter import Lab
from .notebook import open_notebook, run
from .sidebar import Sidebar

Make = Callable[..., api.Model]
BIG = 30_000_000
MOVING = re.compile(r"[1-9].* of .*MB/s|kB/s.* left")


def begin_push(make: Make, sidebar: Sidebar, tag: str) -> Locator:
    """Push a new model that takes a while; returns its transfer, whose bytes move."""
    make(tag, BIG)
    sidebar.refresh()
    sidebar.button(f"Push {tag}").click()
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text(MOVING)
    return transfer


def test_progress_is_shown_and_cancelled_and_resumed(
    signed_in: str, crawl: FaultyProxy, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    transfer = begin_push(make, sidebar, tag)
    expect(transfer.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]"))
    expect(sidebar.tab).to_have_class(re.compile("jp-mod-busy"))
    expect(sidebar.page.locator(".jp-ModelSync-status")).to_contain_text("1 transfer")

    sidebar.button(f"Cancel {tag}", transfer).click()
    expect(transfer).to_contain_text("cancelled")
    expect(sidebar.tab).not_to_have_class(re.compile("jp-mod-busy"))
    expect(sidebar.page.get_by_role("alert")).to_have_count(0)
    assert api.list_remote(name=name, home=home) == []

    crawl.heal()
    sidebar.button(f"Resume {tag}", transfer).click()
    expect(transfer).to_contain_text("done")
    expect(sidebar.row(sidebar.remote, tag)).to_be_visible()


def test_a_failure_says_why_and_is_tried_again(
    signed_in: str, line: FaultyProxy, make: Make, name: str, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    make(tag)
    line.script(Fault.reply(403, b"{}", method="PATCH", path="start", times=None))
    sidebar.refresh()
    sidebar.button(f"Push {tag}").click()
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text("failed")
    expect(transfer).to_contain_text("Ask an admin of the registry")
    expect(sidebar.root.get_by_role("status")).to_have_text(f"Push of {tag} failed")
    line.heal()
    sidebar.button(f"Retry {tag}", transfer).click()
    expect(transfer).to_contain_text("done")
    expect(sidebar.root.get_by_role("status")).to_have_text(f"Pushed {tag}")


def test_a_registry_that_is_away_is_an_error_and_no_empty_list(
    signed_in: str, line: FaultyProxy, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    make(f"{name}:v1")
    api.push(f"{name}:v1", home=home)
    line.script(Fault.reply(400, b"{}", method="GET", path="/models", times=None))
    sidebar.refresh()
    problem = sidebar.remote.get_by_role("alert")
    expect(problem).to_be_visible()
    expect(sidebar.remote).not_to_contain_text("The registry is empty")
    expect(sidebar.group(sidebar.local, name)).to_be_visible()
    line.heal()
    problem.get_by_role("button", name="Retry").click()
    expect(problem).to_have_count(0)
    expect(sidebar.group(sidebar.remote, name)).to_be_visible()


def test_a_transfer_of_a_cell_is_seen_and_cancelled(
    signed_in: str, crawl: FaultyProxy, make: Make, name: str, page: Page, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    make(tag, BIG)
    open_notebook(page)
    run(page, 0, "%load_ext modelsync_jupyter")
    run(page, 1, f"%modelsync push {tag} --background")
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text(MOVING)
    sidebar.button(f"Cancel {tag}", transfer).click()
    expect(transfer).to_contain_text("cancelled")
    run(page, 2, "%modelsync transfers")
    expect(page.locator(".jp-OutputArea-output").last).to_contain_text("cancelled")


def test_a_transfer_of_a_shell_is_seen(
    signed_in: str, crawl: FaultyProxy, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    make(tag, BIG)
    assert modelsync("push", tag, "--background", env=environment(home)).returncode == 0
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text(MOVING, timeout=20_000)  # it looks every ten seconds
    sidebar.button(f"Cancel {tag}", transfer).click()
    expect(transfer).to_contain_text("cancelled")


def test_progress_is_there_after_a_reload(
    signed_in: str, crawl: FaultyProxy, make: Make, name: str, page: Page, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    begin_push(make, sidebar, tag)
    page.reload()
    page.locator(".jp-Launcher").wait_for()
    if not sidebar.root.is_visible():
        sidebar.open()
    expect(sidebar.transfer(tag)).to_contain_text(MOVING)
    crawl.heal()
    sidebar.button(f"Cancel {tag}").click()
    expect(sidebar.transfer(tag)).to_contain_text(re.compile("cancelled|done"))


def test_a_hidden_sidebar_is_quiet(signed_in: str, lab: Lab, page: Page, sidebar: Sidebar) -> None:
    expect(sidebar.local).to_be_visible()
    sidebar.tab.click()
    expect(sidebar.root).to_be_hidden()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/modelsync/" in request.url else None)
    page.wait_for_timeout(12_000)  # longer than the interval at which an open one looks
    assert len(asked) <= 1, asked
