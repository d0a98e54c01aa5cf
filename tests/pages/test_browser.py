"""The pages in a real browser: by keyboard, in light and dark, on a desk and on a phone, checked by axe-core."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from modelsync_jupyter import client as api
from modelsync_jupyter.registry.pages.show import ways_to_pull
from tests.harness.browser import MISSING, chromium
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync
from tests.ui.looks import AXE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]
#: How people look at it.
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1200, "height": 800}},
    "dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}, "has_touch": True},
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """A registry with some models in it, pushed by our client; the last push by a shell."""
    with RegistryProcess(tmp_path_factory.mktemp("registry")) as registry:
        home = tmp_path_factory.mktemp("home")
        api.login(registry.url, TOKEN, name="team", home=home)
        for version, value in (("v1", b"a"), ("v2", b"b")):
            header = json.dumps({"head": {"dtype": "U8", "shape": [2, 3], "data_offsets": [0, 6]}}).encode()
            with api.create(f"churn:{version}", labels={"run": version}, metadata={"auc": 0.9}, home=home) as draft:
                (draft.path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + value * 6)
            done = modelsync("push", f"churn:{version}", env=environment(home))
            assert done.stdout.splitlines()[-1] == f"{registry.url}/models/churn/{version}"
        with api.create("churn-of-old:v1", home=home) as draft:
            (draft.path / "w.bin").write_bytes(b"w")
        api.push("churn-of-old:v1", home=home)
        api.Client(home).catalog.move_alias("churn-of-old:v1", "kept")
        yield registry


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def open_page(browser: Browser, address: str, look: str, problems: list[str]) -> Page:
    """Open an address, sign in by keyboard, and note whatever the browser complains about."""
    page = browser.new_context(**LOOKS[look]).new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(address)
    expect(page.get_by_label("API token")).to_be_focused()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


#: What axe-core looks at: in the dark only colours differ; a phone has those of a desk, and they take longest.
RULES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": ["color-contrast"]},
    "phone": {"rules": {"color-contrast": {"enabled": False}}},
}


def check(page: Page, look: str, name: str) -> None:
    """Hold a page to what every page must be: no fault that axe-core knows, nothing wider than the screen."""
    if AXE.exists():
        page.evaluate(AXE.read_text())  # as a developer's console would: the page itself lets no script in
        found = page.evaluate("options => axe.run('html', options)", RULES[look])
        assert found["passes"], "axe-core has looked at nothing"
        wrong = [(each["id"], each["help"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
        assert wrong == [], (look, name)
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{look}-{name} is {width} pixels wider than the screen"
    if folder := os.environ.get("UI_SHOTS"):
        page.screenshot(path=Path(folder) / f"registry-{look}-{name}.png", full_page=True)


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_accessible_and_fits(browser: Browser, registry: RegistryProcess, look: str) -> None:
    problems: list[str] = []
    page = open_page(browser, f"{registry.url}/", look, problems)
    places = {
        "home": "/",
        "search": "/?q=churn",
        "model": "/models/churn",
        "version": "/models/churn/v2",
        "tensors": "/models/churn/v2?path=w.safetensors",
        "compare": "/compare?old=churn:v1&new=churn:v2",
        "history": "/models/churn/-/history",
        "access": "/models/churn/-/access",
        "deleted": "/deleted",
        "disk": "/disk",
        "tokens": "/tokens",
        "users": "/users",
        "activity": "/activity",
    }
    if look == "dark":  # only colours differ, and these pages have all of them
        places = {name: places[name] for name in ("model", "version", "compare", "access", "tokens", "activity")}
    for name, place in places.items():
        page.goto(registry.url + place)
        check(page, look, name)
    assert problems == []
    page.goto(f"{registry.url}/models/none")
    check(page, look, "error")
    page.get_by_role("button", name="Sign out").click()
    check(page, look, "sign-in")


def test_somebody_follows_a_push_compares_and_deletes(browser: Browser, registry: RegistryProcess) -> None:
    problems: list[str] = []
    page = open_page(browser, f"{registry.url}/models/churn/v2", "light", problems)
    expect(page.get_by_role("heading", level=1)).to_contain_text("churn:v2")  # signing in led back to what was asked
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for Shell").click()
    assert page.evaluate("navigator.clipboard.readText()") == f"modelsync login {registry.url}\nmodelsync pull churn:v2"
    expect(page.locator("#said")).to_have_text("Copied")

    page.get_by_role("link", name="tensors in w.safetensors").click()
    expect(page.get_by_role("row", name=re.compile("head U8"))).to_be_visible()
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="churn").click()
    choose = page.get_by_role("button", name="Compare the two chosen")
    expect(choose).to_be_disabled()
    for version in ("v1", "v2"):
        page.get_by_role("checkbox", name=f"Compare {version}").press("Space")
    choose.press("Enter")
    expect(page.get_by_role("region", name="Tensors")).to_contain_text("head")

    page.goto(f"{registry.url}/models/churn/v1")
    page.get_by_text("Delete this version").click()
    button = page.get_by_role("button", name="Delete churn:v1")
    expect(button).to_be_disabled()
    page.get_by_label("Type churn:v1 to confirm").fill("churn:v1")
    button.click()
    expect(page.get_by_role("status")).to_contain_text("Deleted")
    page.get_by_role("button", name="Restore churn:v1").click()
    expect(page.get_by_role("status")).to_contain_text("Restored")
    expect(page.get_by_role("heading", level=1)).to_contain_text("churn:v1")
    assert problems == []


def test_somebody_fills_in_the_forms(browser: Browser, registry: RegistryProcess) -> None:
    problems: list[str] = []
    page = open_page(browser, f"{registry.url}/models/churn", "light", problems)
    done = page.get_by_role("status")
    page.get_by_label("New alias").fill("production")
    page.get_by_label("for", exact=True).select_option("v1")
    page.get_by_role("button", name="Make alias").click()
    expect(done).to_have_text("The alias points there now.")
    page.get_by_label("Version for production").select_option("v2")
    page.get_by_role("button", name="Move production", exact=True).click()
    expect(page.get_by_role("region", name="Aliases").get_by_role("link", name="v2")).to_be_visible()
    page.get_by_role("link", name="history of production").click()
    expect(page.get_by_role("row", name=re.compile("aliased production from v1 to v2"))).to_be_visible()

    page.goto(f"{registry.url}/models/churn/v2")
    page.get_by_text("Edit description and labels").click()
    page.get_by_label("Labels").fill("run=v2\nstage=live")
    page.get_by_role("button", name="Save").click()
    expect(done).to_have_text("Saved.")
    expect(page.locator(".label", has_text="stage")).to_have_text("stagelive")

    page.goto(f"{registry.url}/users")
    page.get_by_label("Name").fill("bob")
    page.get_by_label("Role", exact=True).select_option("none")
    page.get_by_role("button", name="Make user").click()
    page.goto(f"{registry.url}/models/churn/-/access")
    page.get_by_label("User").fill("bob")
    page.get_by_label("Right", exact=True).select_option("writer")
    page.get_by_role("button", name="Grant").click()
    expect(done).to_have_text("Granted.")
    page.get_by_role("button", name="Withdraw the right of bob").click()
    expect(done).to_have_text("The grant is withdrawn.")

    page.goto(f"{registry.url}/tokens")
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Can").select_option("read")
    page.get_by_label("Your own token").fill(TOKEN)
    page.get_by_role("button", name="Make token").click()
    headers = {"X-YATAI-API-TOKEN": page.locator("#made").inner_text()}
    assert page.request.get(f"{registry.url}/api/v1/auth/current", headers=headers).status == 200
    page.goto(f"{registry.url}/tokens")
    page.get_by_role("button", name="Revoke laptop").click()
    expect(done).to_contain_text("revoked")
    assert page.request.get(f"{registry.url}/api/v1/auth/current", headers=headers).status == 401
    assert problems == []


def test_every_way_to_pull_works_as_copied(registry: RegistryProcess, tmp_path: Path) -> None:
    """What the copy buttons give, run where it says, each with a store of its own."""
    ways = {way.name: way.code for way in ways_to_pull(registry.url, "churn:v2")}
    runners = {
        "Shell": ["sh", "-e", "-c", ways["Shell"]],
        "BentoML": ["sh", "-e", "-c", ways["BentoML"].replace("TOKEN", TOKEN)],
        "Python": [sys.executable, "-c", ways["Python"]],
        "Notebook": [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", ways["Notebook"]],
    }
    assert runners.keys() == ways.keys()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for name, argv in runners.items():
        home = tmp_path / name
        signed_in = registry.url if name in ("Python", "Notebook") else ""
        env = environment(home, signed_in, PATH=path, MODELSYNC_TOKEN=TOKEN, IPYTHONDIR=str(tmp_path / "ipython"))
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        assert (home / "models" / "churn" / "v2" / "w.safetensors").is_file(), (name, done.stdout, done.stderr)


def test_pages_work_without_script(browser: Browser, registry: RegistryProcess) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{registry.url}/models/churn")
    page.get_by_label("API token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Edit description and labels").click()
    page.get_by_label("Description").fill("Who leaves.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_text("Who leaves.").first).to_be_visible()
