"""Models in the sidebar: one list of both sides, searched, pushed, pulled, compared, overwritten, deleted, saved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Request, expect

from modelsync_jupyter import client as api

from .jupyter import EVERY, TOKEN, Lab
from .sidebar import Sidebar

Make = Callable[..., api.Model]


def differ(make: Make, tag: str, home: Path, size: int = 20_000) -> None:
    """Make a version whose copy in the registry has other bytes of the same size."""
    make(tag, size, stage="old")
    api.push(tag, home=home)
    api.delete(tag, home=home)
    make(tag, size, stage="old")
    api.status(tag, hash=True, home=home)


def test_states_are_told_apart_by_bytes(signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar) -> None:
    for version in ("gone", "same", "edited"):
        make(f"{name}:{version}", 20_000)
        api.push(f"{name}:{version}", home=home)
    api.delete(f"{name}:gone", home=home)
    differ(make, f"{name}:other", home)
    make(f"{name}:new", 20_000)
    weights = home / "models" / name / "edited" / "weights.bin"
    weights.write_bytes(weights.read_bytes()[::-1])
    sidebar.refresh()
    wanted = {
        "same": ("in sync", None),
        "other": ("different", f"Compare {name}:other"),
        "new": ("local only", f"Push {name}:new"),
        "gone": ("remote only", f"Pull {name}:gone"),
        "edited": ("unknown", f"Read the files of {name}:edited"),
    }
    for version, (state, action) in wanted.items():
        row = sidebar.row(f"{name}:{version}")
        expect(row).to_contain_text(state)
        expect(row).to_have_attribute("aria-label", re.compile(f"^{version} of {name}, {state}, 20.3 kB"))
        row.hover()
        buttons = row.locator(".jp-ModelSync-actions").get_by_role("button").all()
        actions = [each.get_attribute("aria-label") or "" for each in buttons]
        assert [each.startswith(action or "More") for each in actions] == ([True, False] if action else [True])
    expect(sidebar.group(name)).to_contain_text("5 versions")
    sidebar.act(f"{name}:edited", f"Read the files of {name}:edited")
    expect(sidebar.row(f"{name}:edited")).to_contain_text("different")


def test_the_list_is_searched_by_words_and_labels(
    signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    make(f"{name}-rose:v1", 2_000, stage="prod")
    make(f"{name}-lily:v1", 9_000)
    api.push(f"{name}-lily:v1", home=home)
    sidebar.look_for(name)
    for flower in ("rose", "lily"):
        expect(sidebar.group(f"{name}-{flower}")).to_be_visible()
    sidebar.show("Changed")
    expect(sidebar.group(f"{name}-lily")).to_have_count(0)
    sidebar.show("Registry")
    expect(sidebar.group(f"{name}-rose")).to_have_count(0)
    sidebar.show("All")
    sidebar.sort("size")
    expect(sidebar.tree.locator("[data-ms-name]").first).to_have_attribute("data-ms-name", f"{name}-lily")
    sidebar.row(f"{name}-rose:v1").get_by_role("button", name="stage=prod").click()
    expect(sidebar.search).to_have_value("stage=prod")
    expect(sidebar.group(f"{name}-lily")).to_have_count(0)
    sidebar.look_for("nothing-is-called-so")
    expect(sidebar.root.get_by_text("No models match “nothing-is-called-so”.")).to_be_visible()
    sidebar.button("Clear the search").first.click()
    expect(sidebar.group(f"{name}-lily")).to_be_visible()


def test_push_then_pull_elsewhere(signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar) -> None:
    tag = f"{name}:v1"
    before = (make(tag, 300_000).path / "weights.bin").read_bytes()
    sidebar.look_for(name)
    sidebar.act(tag, f"Push {tag}")
    expect(sidebar.row(tag)).to_contain_text("in sync")
    dialog = sidebar.page.get_by_role("dialog")
    for permanently in (False, True):
        sidebar.menu(tag, "Delete…")
        expect(dialog).to_contain_text("The registry keeps its copy.")
        dialog.get_by_label("Delete permanently").set_checked(permanently)
        dialog.get_by_role("button", name="Delete", exact=True).click()
        expect(sidebar.row(tag)).to_contain_text("remote only")
        if not permanently:
            sidebar.page.locator(".jp-toast-button").filter(has_text="Undo").click()
            expect(sidebar.row(tag)).to_contain_text("in sync")
    assert api.Client(home).deleted(name) == []
    sidebar.group(name).click()  # folded, the name acts for its newest version
    expect(sidebar.group(name)).to_have_attribute("aria-expanded", "false")
    sidebar.group(name).hover()
    sidebar.button(f"Pull {tag} (the newest, v1)").click()
    expect(sidebar.group(name)).to_contain_text("in sync")
    assert (api.get(tag, home=home).path / "weights.bin").read_bytes() == before


def test_overwriting_says_what_differs_and_is_not_offered_where_nothing_does(
    signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    differ(make, tag, home, 40_000)
    digest = api.status(tag, home=home)[0].digest or ""
    sidebar.look_for(name)
    expect(sidebar.row(tag)).to_contain_text("different")
    sidebar.menu(tag, "Overwrite in the Registry…")
    dialog = sidebar.page.get_by_role("dialog")
    expect(dialog).to_contain_text("copy is replaced by the local one, for everybody")
    expect(dialog).to_contain_text("to upload")
    expect(dialog).to_contain_text("1 file differs: weights.bin.")
    expect(dialog.get_by_role("row", name="Content")).to_contain_text(digest[:19])
    dialog.get_by_role("button", name="Cancel").click()
    assert api.list_remote(name=name, home=home)[0].digest != digest
    sidebar.menu(tag, "Overwrite in the Registry…")
    dialog.get_by_role("button", name="Overwrite").click()
    expect(sidebar.row(tag)).to_contain_text("in sync")
    assert api.list_remote(name=name, home=home)[0].digest == digest
    sidebar.act(tag, f"More for {tag}")
    menu = sidebar.page.locator(".jp-ModelSync-menu")
    expect(menu).to_contain_text("Delete…")
    expect(menu).not_to_contain_text("Overwrite")
    expect(menu).not_to_contain_text("Push")
    sidebar.page.keyboard.press("Escape")


def test_details_and_differences(signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar) -> None:
    make(f"{name}-other:v9", 9_000)
    api.push(f"{name}-other:v9", home=home)
    api.delete(f"{name}-other:v9", home=home)
    differ(make, f"{name}:v1", home)
    make(f"{name}:v2", 20_000, stage="new")
    sidebar.look_for(name)
    sidebar.act(f"{name}:v1", f"Compare {name}:v1 with the registry")
    details = sidebar.page.get_by_role("region", name=f"{name}:v1")
    expect(details).to_contain_text("The contents of the files differ.")
    expect(details.get_by_role("columnheader")).to_contain_text(["Registry", "Local"])
    expect(details.get_by_role("row", name="weights.bin changed")).to_be_visible()
    details.get_by_label("with", exact=True).select_option("v2")
    expect(details.get_by_role("row", name="stage changed old new")).to_be_visible()
    expect(details.get_by_role("columnheader")).to_contain_text(["v1", "v2"])
    details.get_by_label("Compare", exact=True).select_option("remote")
    expect(details.get_by_role("row", name="stage changed old new")).to_be_visible()
    details.get_by_label("with", exact=True).select_option("another model…")
    details.get_by_label("Name and version").fill(f"{name}-other:v9")
    expect(details.get_by_role("columnheader")).to_contain_text([f"{name}-other:v9", f"{name}:v1"])
    expect(details.get_by_role("row", name="weights.bin changed")).to_be_visible()
    details.get_by_role("button", name="v2").click()
    details = sidebar.page.get_by_role("region", name=f"{name}:v2")
    expect(details.get_by_role("definition").first).to_contain_text("local only")
    expect(details.get_by_role("table").first).to_contain_text("0.97")
    details.get_by_role("button", name="Push", exact=True).click()
    expect(details.get_by_role("definition").first).to_contain_text("in sync")


def test_labels_aliases_and_deleting_in_the_registry(
    signed_in: str, make: Make, name: str, home: Path, page: Page, sidebar: Sidebar
) -> None:
    for version in ("v1", "v2"):
        make(f"{name}:{version}", 9_000, stage="test", kept="as, it=was")
        api.push(f"{name}:{version}", home=home)
    api.Client(home).catalog.move_alias(f"{name}:v1", "production")
    api.delete(f"{name}:v2", home=home)
    sidebar.look_for(name)
    tag, dialog = f"{name}:v2", page.get_by_role("dialog")
    sidebar.menu(tag, "Edit Labels and Description…")
    details = page.get_by_role("region", name=tag)
    expect(details.get_by_role("row", name="weights.bin")).to_contain_text("9.0 kB")
    form = details.get_by_role("form")
    form.get_by_label("Value of stage").fill("prod")
    form.get_by_role("button", name="Add a label").click()
    page.keyboard.type("team")
    page.keyboard.press("Tab")
    page.keyboard.type("nlp")
    form.get_by_label("Description").fill("the good one")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(sidebar.row(tag)).to_have_accessible_name(re.compile("team=nlp"))  # narrow, it shows one label and "+2"
    expect(details.get_by_role("definition").filter(has_text="the good one")).to_be_visible()
    found = api.get_remote(tag, home=home)
    assert dict(found.labels) == {"stage": "prod", "kept": "as, it=was", "team": "nlp"}

    sidebar.menu(tag, "Point an Alias Here…")
    expect(dialog).to_contain_text("production → v1")
    dialog.get_by_label("Alias").fill("production")
    dialog.get_by_role("button", name="Point Here").click()
    expect(sidebar.row(tag).get_by_role("button", name="production")).to_be_visible()
    expect(sidebar.row(f"{name}:v1").get_by_role("button", name="production")).to_have_count(0)
    details.get_by_role("button", name="Remove the alias production").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(sidebar.row(tag).get_by_role("button", name="production")).to_have_count(0)

    details.get_by_text("Who changed it in the registry").click()
    expect(details.get_by_role("row", name="alias production moved here from v1")).to_contain_text("admin")
    details.get_by_role("button", name="Delete in the registry…").click()
    accept = dialog.get_by_role("button", name="Delete for Everybody")
    expect(accept).to_be_disabled()
    dialog.get_by_label(f"Type {tag} to confirm").fill(tag)
    accept.click()
    expect(sidebar.group(name)).to_contain_text("1 version")
    expect(details.get_by_role("button", name=f"Restore {tag} in the registry")).to_be_visible()
    page.locator(".jp-toast-button").filter(has_text="Undo").click()
    expect(sidebar.row(tag)).to_contain_text("remote only")
    assert dict(api.get_remote(tag, home=home).labels) == dict(found.labels)


def test_view_folds_scroll_and_details_come_back_with_the_page(
    signed_in: str, make: Make, name: str, home: Path, lab: Lab, open_page: Callable[..., Page]
) -> None:
    for number in range(30):
        make(f"{name}:v{number:02}", 16)
    page = open_page(lab, path=f"lab/workspaces/{name}?token={TOKEN}&reset")  # of its own: pages overwrite them
    sidebar = Sidebar(page).open()
    sidebar.show("Local")
    sidebar.look_for(name)
    sidebar.row(f"{name}:v29").dblclick()  # before the code of details is there: they open once nevertheless
    heading = page.get_by_role("heading", name=f"{name}:v29")
    expect(heading).to_be_visible()
    expect(page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab")).to_have_text(["Launcher", f"{name}:v29"])

    def is_kept(asked: Request) -> bool:
        """JupyterLab saves the layout of a workspace, and all that extensions keep in it, a while after a change."""
        data = (asked.post_data_json or {})["data"] if asked.method == "PUT" and "/workspaces/" in asked.url else {}
        layout = json.dumps(data.get("layout-restorer:data"))
        return f"{name}:v29" in layout and data.get("modelsync-jupyter:view", {}).get("first") == 10

    with page.expect_request_finished(is_kept, timeout=30_000):
        sidebar.tree.evaluate("node => node.scrollTop = 400")
    page.goto(page.url.partition("?")[0])
    expect(heading).to_be_visible()
    expect(sidebar.search).to_have_value(name)
    expect(sidebar.button("Local", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(sidebar.tree.locator('[data-ms-version="v12"]')).to_be_in_viewport()


def test_files_are_revealed_and_a_hidden_sidebar_is_quiet(
    signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar
) -> None:
    make(f"{name}:v1")
    sidebar.look_for(name)
    sidebar.row(f"{name}:v1").click(button="right")
    page.locator(".lm-Menu").get_by_text("Reveal Files", exact=True).click()
    expect(page.locator(".jp-DirListing").get_by_text("weights.bin")).to_be_visible()
    expect(sidebar.root).to_be_hidden()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/modelsync/" in request.url else None)
    page.wait_for_timeout(2_500 * EVERY)  # longer than the interval at which an open one looks
    assert len(asked) <= 1, asked
    # The next test deletes that folder: JupyterLab would say so in a dialog over everything.
    page.evaluate("window.jupyterapp.commands.execute('filebrowser:go-to-path', {path: '/'}).then(() => null)")


def test_a_folder_is_saved_as_a_model(
    signed_in: str, lab: Lab, name: str, home: Path, page: Page, sidebar: Sidebar
) -> None:
    folder = lab.root / f"{name} Run.1"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"bytes")
    page.locator('.lm-TabBar-tab[data-id="filebrowser"]').click()
    page.evaluate("window.jupyterapp.commands.execute('filebrowser:go-to-path', {path: '/'})")
    page.locator(".jp-DirListing-item").filter(has_text=folder.name).click(button="right")
    page.locator(".lm-Menu").get_by_text("Save as Model…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name, or name:version")).to_have_value(f"{name}-run.1")
    dialog.get_by_label("Name, or name:version").fill(f"{name}:first")
    dialog.get_by_label("Labels").fill("stage=test")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"Saved as {name}:first")).to_be_visible()
    saved = api.get(f"{name}:first", home=home)
    assert dict(saved.info.labels) == {"stage": "test"}
    assert (saved.path / "model.pkl").read_bytes() == b"bytes"
    sidebar.open()
    sidebar.look_for(name)
    expect(sidebar.group(name)).to_be_visible()


def test_commands_are_in_the_palette(signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar) -> None:
    make(f"{name}:v1")
    sidebar.look_for(name)
    expect(sidebar.group(name)).to_be_visible()
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill("push model")
    page.locator(".lm-CommandPalette-item").get_by_text("Push Model…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill(f"{name}:v1")
    dialog.get_by_role("button", name="Push").click()
    sidebar.open()
    expect(sidebar.group(name)).to_contain_text("in sync")
