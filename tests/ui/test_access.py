"""Who may see what: signing in and out, tokens that expire, servers that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api
from modelsync_jupyter.wire import TOKEN_HEADER
from tests.harness.clock import wait_until
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.nginx import MISSING
from tests.harness.processes import TOKEN

from .conftest import HEIGHT, WIDTH
from .jupyter import Lab, behind_nginx
from .looks import STICKS_OUT, shoot
from .sidebar import SIDEBAR, Sidebar


def sign_in(page: Page, endpoint: str, token: str) -> None:
    page.get_by_label("Address").fill(endpoint)
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_sign_in(home: Path, line: FaultyProxy, lab: Lab, page: Page, sidebar: Sidebar) -> None:
    expect(sidebar.root.get_by_role("heading", name="Sign in to a registry")).to_be_visible()
    expect(sidebar.root.get_by_role("form")).to_contain_text("modelsync serve")
    expect(sidebar.root.get_by_role("alert")).to_have_count(0)
    sign_in(page, line.url, "wr0ng-t0ken")
    expect(sidebar.root.get_by_role("alert")).to_contain_text("refuses this token")
    expect(sidebar.root.get_by_role("link", name="Get a token")).to_have_attribute("href", f"{line.url}/tokens")
    expect(page.get_by_label("API token")).to_have_value("")
    expect(page.get_by_label("API token")).to_be_focused()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if TOKEN in (request.post_data or "") else None)
    sign_in(page, line.url, TOKEN)
    expect(sidebar.root.get_by_role("form")).to_have_count(0)
    expect(sidebar.registry).to_have_value("default")
    assert [url.partition("?")[0] for url in sent] == [f"{lab.url}modelsync/api/login"]
    assert TOKEN not in page.content()
    assert TOKEN not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert TOKEN not in lab.log.read_text()


def test_a_second_registry_and_back_and_out_after_a_question(
    signed_in: str, line: FaultyProxy, page: Page, sidebar: Sidebar
) -> None:
    with FaultyProxy(line.backend) as other:
        sidebar.button("Sign in to another registry").click()
        expect(page.get_by_label("Address")).to_be_focused()
        page.keyboard.press("Escape")
        expect(sidebar.root.get_by_role("form")).to_have_count(0)
        expect(sidebar.button("Sign in to another registry")).to_be_focused()
        sidebar.button("Sign in to another registry").click()
        sign_in(page, other.url, TOKEN)
        expect(sidebar.registry).to_have_value(other.url.removeprefix("http://"))
        sidebar.registry.select_option("team")
        expect(sidebar.registry).to_have_value("team")
    for answer in ("Cancel", "Sign Out"):
        expect(sidebar.registry).to_have_value("team")
        sidebar.button("More actions").click()
        page.locator(".jp-ModelSync-menu").get_by_text("Sign out of Registry…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Sign out of team?")
        dialog.get_by_role("button", name=answer).click()
    expect(sidebar.registry).not_to_have_value("team")


def test_a_revoked_token_asks_for_a_new_one(
    home: Path, line: FaultyProxy, make: Callable[..., api.Model], name: str, page: Page, sidebar: Sidebar
) -> None:
    admin, tokens = {TOKEN_HEADER: TOKEN}, f"{line.url}/api/v1/api_tokens"
    made = requests.post(tokens, json={"name": name}, headers=admin, timeout=30).json()
    api.login(line.url, made["token"], name="team", home=home)
    make(f"{name}:v1")
    sidebar.look_for(name)
    sidebar.refresh()
    expect(sidebar.group(name)).to_contain_text("local only")
    requests.delete(f"{tokens}/{made['uid']}", headers=admin, timeout=30).raise_for_status()
    sidebar.refresh()
    expect(sidebar.root.get_by_role("heading", name="Sign in again")).to_be_visible()
    expect(sidebar.group(name)).to_be_visible()
    expect(page.get_by_label("Address")).to_have_value(line.url)
    page.get_by_label("API token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(sidebar.root.get_by_role("form")).to_have_count(0)
    expect(sidebar.group(name)).to_contain_text("local only")
    assert [context.name for context in api.contexts(home=home)] == ["team"]


def test_a_registry_that_stops_is_said_at_the_top_and_comes_back_by_itself(
    signed_in: str, line: FaultyProxy, make: Callable[..., api.Model], name: str, home: Path, sidebar: Sidebar
) -> None:
    make(f"{name}:v1")
    api.push(f"{name}:v1", home=home)
    sidebar.look_for(name)
    sidebar.refresh()
    expect(sidebar.group(name)).to_contain_text("in sync")
    line.script(Fault.reset(times=None))

    def is_said() -> bool:
        sidebar.refresh()  # where the list is just being read, this reads nothing
        return sidebar.problem.is_visible()

    wait_until(is_said, "the problem")
    expect(sidebar.problem).to_be_in_viewport()
    expect(sidebar.problem).not_to_contain_text("/api/")
    expect(sidebar.problem).to_contain_text("The list shows what it had at")
    expect(sidebar.group(name)).to_contain_text("in sync")
    sidebar.button("Diagnose…", sidebar.problem).click()
    dialog = sidebar.page.get_by_role("dialog")
    expect(dialog.get_by_role("row").first).to_contain_text("ok")
    expect(dialog).to_contain_text("failed")
    dialog.get_by_role("button", name="Close").click()
    line.heal()
    expect(sidebar.problem).to_have_count(0, timeout=30_000)


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_it_works_behind_nginx_and_zoomed_to_200_percent(
    signed_in: str, make: Callable[..., api.Model], name: str, lab: Lab, open_page: Callable[..., Page]
) -> None:
    """Zoomed, a browser has half the pixels of a style sheet in each direction, and draws each with four of its own."""
    tag = f"{name}:2026-05-01"
    make(tag)
    zoomed = {"viewport": {"width": WIDTH // 2, "height": HEIGHT // 2}, "device_scale_factor": 2}
    with behind_nginx(lab) as front:
        page = open_page(front, **zoomed)
        sidebar = Sidebar(page).open()
        sidebar.look_for(name)
        sidebar.act(tag, f"Push {tag}")
        expect(sidebar.row(tag)).to_contain_text("in sync")
        expect(sidebar.row(tag)).to_be_in_viewport()
        assert page.evaluate(STICKS_OUT, SIDEBAR) == []
        shoot(page, "zoom-200")
        sidebar.menu(tag, "Details")
        details = page.get_by_role("region", name=tag)
        expect(details.get_by_role("row", name="weights.bin")).to_be_attached()
        assert details.evaluate("node => node.scrollWidth <= node.clientWidth")
        shoot(page, "zoom-200-details")


def test_without_the_server_extension_it_says_what_to_do(lab: Lab, page: Page, sidebar: Sidebar) -> None:
    """Jupyter answers where the extension is not loaded as it does where it never was."""
    assert lab.get("nobody/api/status").status_code == 404
    ours = "**/modelsync/api/**"
    page.route(ours, lambda route: route.continue_(url=route.request.url.replace("/modelsync/", "/nobody/")))
    sidebar.refresh()
    problem = sidebar.root.get_by_role("alert")
    expect(problem).to_contain_text("server extension of modelsync_jupyter is not running")
    expect(problem).to_contain_text("jupyter server extension list")
    page.unroute(ours)
    problem.get_by_role("button", name="Retry").click()
    expect(sidebar.search).to_be_visible()
    expect(problem).to_have_count(0)
