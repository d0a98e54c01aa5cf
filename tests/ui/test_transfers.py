"""Transfers in the sidebar, whoever starts them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from modelsync_jupyter import client as api
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.processes import environment, modelsync

from .notebook import open_notebook, run
from .sidebar import Sidebar

Make = Callable[..., api.Model]
MIB, BIG = 1 << 20, 60_000_000
MOVING = re.compile(r"[1-9].* of .*B/s.* left")


def begin_push(make: Make, sidebar: Sidebar, tag: str) -> Locator:
    """Push a new model that takes a while; returns its transfer, whose bytes move."""
    make(tag, BIG)
    sidebar.look_for(tag.partition(":")[0])
    sidebar.act(tag, f"Push {tag}")
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text(MOVING)
    return transfer


def test_progress_is_in_the_row_and_pinned_and_paused_and_resumed(
    signed_in: str, crawl: FaultyProxy, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    transfer = begin_push(make, sidebar, tag)
    for place in (transfer, sidebar.row(tag)):
        expect(place.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]"))
        expect(place).to_contain_text("left")
    expect(sidebar.tab).to_have_class(re.compile("jp-mod-busy"))
    expect(sidebar.page.locator(".jp-ModelSync-status")).to_contain_text("1 transfer")

    sidebar.button(f"Pause {tag}", transfer).click()
    expect(transfer).to_contain_text("Paused. It resumes where it left off.")
    expect(sidebar.tab).not_to_have_class(re.compile("jp-mod-busy"))
    expect(sidebar.root.get_by_role("alert")).to_have_count(0)
    expect(sidebar.row(tag)).to_contain_text("local only")
    assert api.list_remote(name=name, home=home) == []

    crawl.heal()
    sidebar.button(f"Resume {tag}", transfer).click()
    expect(sidebar.row(tag)).to_contain_text("in sync")
    expect(transfer).to_have_count(0)


def test_a_failure_says_why_is_tried_again_and_stays_in_the_history(
    signed_in: str, line: FaultyProxy, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    make(tag)
    line.script(Fault.reply(403, b"{}", method="PATCH", path="start", times=None))
    sidebar.look_for(name)
    sidebar.act(tag, f"Push {tag}")
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text("failed")
    expect(transfer).to_contain_text("Ask an admin of the registry")
    expect(sidebar.root.locator(".jp-ModelSync-announcer")).to_have_text(f"Push of {tag} failed")
    sidebar.button(f"Dismiss {tag}", transfer).click()
    expect(transfer).to_have_count(0)
    past = sidebar.past(tag)
    expect(past).to_contain_text(re.compile(r"failed\d?\d:\d\d"))
    line.heal()
    sidebar.button(f"Retry {tag}", past).click()
    expect(past).to_contain_text("done")
    expect(sidebar.root.locator(".jp-ModelSync-announcer")).to_have_text(f"Pushed {tag}")
    sidebar.button(f"Remove {tag} from the history", past).click()
    expect(past).to_have_count(0)
    assert api.transfers(home=home) == []


def test_a_lost_connection_is_said_while_it_is_tried_again(
    signed_in: str, line: FaultyProxy, make: Make, name: str, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    line.script(Fault.reset_request(after=MIB, method="PUT", times=None))
    make(tag, BIG)
    sidebar.look_for(name)
    sidebar.act(tag, f"Push {tag}")
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text("Connection lost, retrying…")
    sidebar.button(f"Cancel {tag}", transfer).click()
    expect(transfer).to_contain_text("cancelled")


def test_a_transfer_of_a_cell_is_seen_and_cancelled_and_code_inserted_there(
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
    sidebar.look_for(name)
    sidebar.menu(tag, "Insert Code to Load Model")
    expect(page.locator(".jp-Notebook .jp-Cell").last).to_contain_text(f'load("{tag}")')


def test_a_transfer_of_a_shell_is_seen_and_so_is_a_reload(
    signed_in: str, crawl: FaultyProxy, make: Make, name: str, home: Path, page: Page, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    make(tag, BIG)
    assert modelsync("push", tag, "--background", env=environment(home)).returncode == 0
    transfer = sidebar.transfer(tag)
    expect(transfer).to_contain_text(MOVING)
    page.reload()
    page.locator(".jp-Launcher").wait_for()
    sidebar.open()
    expect(transfer).to_contain_text(re.compile("[1-9].* of "))
    sidebar.button(f"Cancel {tag}", transfer).click()
    expect(transfer).to_contain_text("cancelled")
