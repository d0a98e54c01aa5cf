"""Models that leave the sidebar as files, and come back as files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from modelsync_jupyter import client as api
from tests.harness.models import differences

from .jupyter import Lab
from .sidebar import Sidebar

Make = Callable[..., api.Model]


@pytest.fixture
def folder(lab: Lab, name: str, page: Page) -> Iterator[Path]:
    """A folder that the file browser shows, and leaves again before the next test."""
    (lab.root / name).mkdir()
    show_folder(page, f"/{name}")
    yield lab.root / name
    show_folder(page, "/")


def show_folder(page: Page, path: str) -> None:
    """Bring the file browser to the front, with a folder and what is in it now."""
    page.evaluate("path => window.jupyterapp.commands.execute('filebrowser:go-to-path', {path}).then(() => null)", path)


def drag(page: Page, source: Locator, tab: Locator, target: Locator) -> None:
    """Drag over a tab, which brings what it belongs to to the front, and drop there."""
    source.hover()
    page.mouse.down()
    move_to(page, tab)
    expect(target).to_be_visible()
    move_to(page, target)
    expect(target).to_have_class(re.compile("jp-mod-dropTarget"))
    page.mouse.up()


def move_to(page: Page, place: Locator) -> None:
    box = place.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)


def test_a_model_is_exported_imported_and_dropped(
    signed_in: str, make: Make, name: str, folder: Path, home: Path, page: Page, sidebar: Sidebar, tmp_path: Path
) -> None:
    tag, dialog = f"{name}:v1", page.get_by_role("dialog")
    said = sidebar.root.locator(".jp-ModelSync-announcer")
    kept = shutil.copytree(make(tag, 300_000).path, tmp_path / "v1")
    sidebar.look_for(name)
    sidebar.menu(tag, "Export…")
    expect(dialog.get_by_role("textbox", name="Folder")).to_have_value(f"/{name}")
    dialog.get_by_role("button", name="Export").click()
    expect(said).to_have_text(f"Exported {tag}")
    api.delete(tag, home=home)

    show_folder(page, f"/{name}")
    file = page.locator(".jp-DirListing-item").filter(has_text=f"{name}-v1.tar")
    file.click(button="right")
    page.locator(".lm-Menu").get_by_text("Import as Model…").click()
    expect(dialog.get_by_label("File or folder")).to_have_value(f"{name}/{name}-v1.tar")
    dialog.get_by_role("button", name="Import").click()
    expect(said).to_have_text(f"Imported {tag}")
    assert differences(kept, api.get(tag, home=home).path) == []

    show_folder(page, f"/{name}")
    drag(page, file, sidebar.tab, sidebar.root)
    expect(dialog.get_by_label("File or folder")).to_have_value(f"{name}/{name}-v1.tar")
    dialog.get_by_label("Import as name:version").fill(f"{name}:dropped")
    dialog.get_by_role("button", name="Import").click()
    expect(said).to_have_text(f"Imported {name}:dropped")
    expect(sidebar.row(f"{name}:dropped")).to_contain_text("local only")
    assert (api.get(f"{name}:dropped", home=home).path / "weights.bin").read_bytes() == (
        kept / "weights.bin"
    ).read_bytes()
