"""Models in the sidebar: listed, filtered, pushed, pulled, looked at, deleted, saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from modelsync_jupyter import client as api
from tests.harness.faults import FaultyProxy

from .jupyter import Lab
from .notebook import open_notebook
from .sidebar import Sidebar

Make = Callable[..., api.Model]


def test_models_are_grouped_and_compared(
    signed_in: str, make: Make, name: str, home: Path, open_page: object, lab: Lab
) -> None:
    for version in ("v1", "v2"):
        make(f"{name}:{version}", 20_000, stage="test")
    api.push(f"{name}:v1", home=home)
    page = open_page(lab)
    sidebar = Sidebar(page).open()
    expect(sidebar.group(sidebar.local, name)).to_contain_text("2 versions")
    pushed = sidebar.row(sidebar.local, f"{name}:v1")
    expect(pushed).to_contain_text("in sync")
    expect(sidebar.row(sidebar.local, f"{name}:v2")).to_contain_text("local only")
    expect(sidebar.row(sidebar.local, f"{name}:v2")).to_contain_text("kB · just now")
    expect(sidebar.local.get_by_text("stage=test")).to_have_count(2)
    expect(sidebar.row(sidebar.remote, f"{name}:v1")).to_contain_text("in sync")


def test_filter_asks_both_sides_by_name(signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar) -> None:
    for tag in (f"{name}-rose:v1", f"{name}-lily:v1"):
        make(tag)
        api.push(tag, home=home)
    sidebar.refresh()
    expect(sidebar.group(sidebar.remote, f"{name}-lily")).to_be_visible()
    sidebar.root.get_by_role("searchbox").fill(f"{name}-r")
    for section in (sidebar.local, sidebar.remote):
        expect(sidebar.group(section, f"{name}-rose")).to_be_visible()
        expect(sidebar.group(section, f"{name}-lily")).to_have_count(0)
    sidebar.root.get_by_role("searchbox").fill("nothing-is-called-so")
    expect(sidebar.root.get_by_text("No models match")).to_have_count(2)


def test_push_then_pull_elsewhere(signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar) -> None:
    tag = f"{name}:v1"
    made = make(tag, 300_000)
    before = (made.path / "weights.bin").read_bytes()
    sidebar.refresh()
    sidebar.row(sidebar.local, tag).get_by_role("button", name=f"Push {tag}").click()
    expect(sidebar.transfer(tag)).to_contain_text("done")
    expect(sidebar.row(sidebar.remote, tag)).to_be_visible()

    sidebar.menu(sidebar.local, tag, "Delete…")
    sidebar.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(sidebar.group(sidebar.local, name)).to_have_count(0)
    sidebar.row(sidebar.remote, tag).get_by_role("button", name=f"Pull {tag}").click()
    expect(sidebar.row(sidebar.local, tag)).to_be_visible()
    assert (api.get(tag, home=home).path / "weights.bin").read_bytes() == before


def test_pull_latest_takes_the_newest(signed_in: str, make: Make, name: str, home: Path, sidebar: Sidebar) -> None:
    for version in ("v1", "v2"):
        make(f"{name}:{version}")
        api.push(f"{name}:{version}", home=home)
        api.delete(f"{name}:{version}", home=home)
    sidebar.refresh()
    sidebar.button(f"Pull {name}:latest").click()
    expect(sidebar.group(sidebar.local, name)).to_contain_text("1 version")
    assert [str(model.tag) for model in api.list_models(name, home=home)] == [f"{name}:v2"]


def test_force_shows_its_plan_first(
    signed_in: str, make: Make, name: str, home: Path, line: FaultyProxy, sidebar: Sidebar
) -> None:
    tag = f"{name}:v1"
    make(tag, 20_000)
    api.push(tag, home=home)
    api.delete(tag, home=home)
    make(tag, 40_000)
    api.status(tag, hash=True, home=home)
    sidebar.refresh()
    row = sidebar.row(sidebar.local, tag)
    expect(row).to_contain_text("different")
    row.get_by_role("button", name=f"Overwrite {tag} in the registry").click()
    dialog = sidebar.page.get_by_role("dialog")
    expect(dialog).to_contain_text("replaces the registry's copy")
    expect(dialog).to_contain_text("publish")
    dialog.get_by_role("button", name="Cancel").click()
    assert api.list_remote(name=name, home=home)[0].size < 30_000
    row.get_by_role("button", name=f"Overwrite {tag} in the registry").click()
    dialog.get_by_role("button", name="Overwrite").click()
    expect(sidebar.transfer(tag)).to_contain_text("done")
    assert api.list_remote(name=name, home=home)[0].size > 30_000


def test_details_and_differences(signed_in: str, make: Make, name: str, sidebar: Sidebar) -> None:
    make(f"{name}:v1", 20_000, stage="old")
    make(f"{name}:v2", 40_000, stage="new")
    sidebar.refresh()
    sidebar.row(sidebar.local, f"{name}:v2").get_by_role("button", name="v2").first.click()
    details = sidebar.page.get_by_role("region", name=f"{name}:v2")
    expect(details.get_by_role("heading", name=f"{name}:v2")).to_be_visible()
    expect(details.get_by_role("table").first).to_contain_text("0.97")
    details.get_by_label("Compare with").select_option(f"{name}:v1")
    expect(details).to_contain_text("weights.bin")
    expect(details.get_by_role("row", name="labels.stage new old")).to_be_visible()


def test_details_come_back_with_the_page(signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar) -> None:
    make(f"{name}:v1")
    sidebar.refresh()
    sidebar.menu(sidebar.local, f"{name}:v1", "Details")
    heading = page.get_by_role("heading", name=f"{name}:v1")
    expect(heading).to_be_visible()
    page.wait_for_timeout(1500)  # JupyterLab saves its layout a second after a change
    page.goto(page.url.partition("?")[0])
    expect(heading).to_be_visible()
    expect(sidebar.root).to_be_visible()


def test_code_is_inserted_into_the_notebook(
    signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar
) -> None:
    make(f"{name}:v1")
    open_notebook(page)
    sidebar.refresh()
    sidebar.menu(sidebar.local, f"{name}:v1", "Insert Code to Load Model")
    cell = page.locator(".jp-Notebook .jp-Cell").nth(1)
    expect(cell).to_contain_text(f'model = get("{name}:v1")')


def test_files_are_revealed(signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar) -> None:
    make(f"{name}:v1")
    sidebar.refresh()
    sidebar.menu(sidebar.local, f"{name}:v1", "Reveal Files")
    expect(page.locator(".jp-DirListing").get_by_text("weights.bin")).to_be_visible()


def test_a_folder_is_saved_as_a_model(
    signed_in: str, lab: Lab, name: str, home: Path, page: Page, sidebar: Sidebar
) -> None:
    folder = lab.root / f"{name} Run.1"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"bytes")
    page.locator('.lm-TabBar-tab[data-id="filebrowser"]').click()
    page.locator(".jp-DirListing-item").get_by_text(folder.name).click(button="right")
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
    expect(sidebar.group(sidebar.local, name)).to_be_visible()


def test_commands_are_in_the_palette(signed_in: str, make: Make, name: str, page: Page, sidebar: Sidebar) -> None:
    make(f"{name}:v1")
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill("push model")
    page.locator(".lm-CommandPalette-item").get_by_text("Push Model").click()
    page.get_by_role("dialog").get_by_role("button", name="Push").click()
    expect(sidebar.transfer(f"{name}:v1")).to_contain_text("done")
