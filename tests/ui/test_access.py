"""Who may see what: signing in and out, tokens that expire, servers that are not there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api
from tests.harness.faults import FaultyProxy
from tests.harness.processes import TOKEN

from .jupyter import Lab, behind_nginx, jupyterlab
from .sidebar import Sidebar


def sign_in(page: Page, endpoint: str, token: str) -> None:
    page.get_by_label("Address").fill(endpoint)
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_sign_in(home: Path, line: FaultyProxy, lab: Lab, page: Page, sidebar: Sidebar) -> None:
    expect(sidebar.root.get_by_role("heading", name="Sign in to a registry")).to_be_visible()
    expect(sidebar.root.get_by_role("alert")).to_have_count(0)
    sign_in(page, line.url, "wr0ng-t0ken")
    expect(sidebar.root.get_by_role("alert")).to_contain_text("refuses this token")
    expect(page.get_by_label("API token")).to_have_value("")
    expect(page.get_by_label("API token")).to_be_focused()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if TOKEN in (request.post_data or "") else None)
    sign_in(page, line.url, TOKEN)
    expect(sidebar.root.get_by_role("form")).to_have_count(0)
    expect(sidebar.remote).to_be_visible()
    expect(sidebar.root.get_by_label("Registry", exact=True).first).to_have_value("default")
    assert [url.partition("?")[0] for url in sent] == [f"{lab.url}modelsync/api/login"]
    assert TOKEN not in page.content()
    assert TOKEN not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert TOKEN not in lab.log.read_text()


def test_a_second_registry_and_back(signed_in: str, line: FaultyProxy, page: Page, sidebar: Sidebar) -> None:
    with FaultyProxy(line.backend) as other:
        sidebar.button("Sign in to another registry").click()
        sign_in(page, other.url, TOKEN)
        select = sidebar.root.get_by_label("Registry", exact=True).first
        expect(select).to_have_value(other.url.removeprefix("http://"))
        select.select_option("team")
        expect(select).to_have_value("team")
    sidebar.button("Sign out of team").click()
    expect(select).not_to_have_value("team")


def test_an_expired_token_asks_for_a_new_one(home: Path, signed_in: str, page: Page) -> None:
    contexts = home / ".yatai.yaml"
    contexts.write_text(contexts.read_text().replace(TOKEN, "an-expired-token"))
    sidebar = Sidebar(page).open()
    expect(sidebar.root.get_by_role("heading", name="Sign in again")).to_be_visible()
    expect(page.get_by_label("Address")).to_have_value(signed_in)
    page.get_by_label("API token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(sidebar.root.get_by_role("form")).to_have_count(0)
    assert [context.name for context in api.contexts(home=home)] == ["team"]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx: `apt-get install nginx-light`")
def test_it_works_behind_nginx(
    signed_in: str, make: Callable[..., api.Model], name: str, lab: Lab, open_page: Callable[..., Page]
) -> None:
    make(f"{name}:v1")
    with behind_nginx(lab) as front:
        sidebar = Sidebar(open_page(front)).open()
        sidebar.button(f"Push {name}:v1").click()
        expect(sidebar.transfer(f"{name}:v1")).to_contain_text("done")
        expect(sidebar.row(sidebar.remote, f"{name}:v1")).to_be_visible()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A JupyterLab on which the server extension is switched off."""
    off = "--ServerApp.jpserver_extensions={'modelsync_jupyter': False}"
    with jupyterlab(tmp_path_factory.mktemp("bare"), off) as running:
        yield running


def test_without_the_server_extension_it_says_what_to_do(bare: Lab, open_page: Callable[..., Page]) -> None:
    assert bare.get("modelsync/api/status").status_code == 404
    sidebar = Sidebar(open_page(bare)).open()
    problem = sidebar.root.get_by_role("alert")
    expect(problem).to_contain_text("server extension of modelsync_jupyter is not running")
    expect(problem).to_contain_text("jupyter server extension list")
    expect(problem.get_by_role("button", name="Retry")).to_be_visible()
