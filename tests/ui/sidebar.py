"""The sidebar as its user sees it: what is on it, found by role and name."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TimedOut

SIDEBAR = "#modelsync-sidebar"


class Sidebar:
    """The sidebar of a page.

    Args:
        page: A page on which JupyterLab is open.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(SIDEBAR)

    def open(self) -> Sidebar:
        """Bring it to the front, by its tab."""
        if not self.root.is_visible():
            self.tab.click()
        expect(self.root).to_be_visible()
        return self

    @property
    def tab(self) -> Locator:
        """Its tab in the side bar."""
        return self.page.locator(f'.lm-TabBar-tab[data-id="{SIDEBAR[1:]}"]')

    @property
    def tree(self) -> Locator:
        """The list of names and versions."""
        return self.root.get_by_role("tree")

    @property
    def search(self) -> Locator:
        """The field to search in."""
        return self.root.get_by_role("searchbox")

    @property
    def registry(self) -> Locator:
        """The choice of the registry."""
        return self.root.get_by_label("Registry", exact=True)

    @property
    def problem(self) -> Locator:
        """What is wrong, at the top."""
        return self.root.locator(".jp-ModelSync-header").get_by_role("alert")

    def button(self, name: str, within: Locator | None = None, **options: Any) -> Locator:
        """A button by its name."""
        return (within or self.root).get_by_role("button", name=name, **options)

    def transfer(self, tag: str) -> Locator:
        """A transfer that is pinned above the list."""
        return self.root.locator(".jp-ModelSync-pinned [data-ms-transfer]").filter(has_text=tag)

    def past(self, tag: str) -> Locator:
        """A transfer in the history, which is unfolded if need be."""
        title = self._history
        if title.get_attribute("aria-expanded") == "false":
            title.click()
        return self.root.locator(".jp-ModelSync-history [data-ms-transfer]").filter(has_text=tag)

    @property
    def _history(self) -> Locator:
        return self.root.locator(".jp-ModelSync-history button[aria-expanded]")

    def group(self, name: str) -> Locator:
        """The row of a name."""
        return self.tree.locator(f'[data-ms-name="{name}"]')

    def row(self, tag: str) -> Locator:
        """The row of a version; its name is unfolded if need be."""
        name, _, version = tag.partition(":")
        group = self.group(name)
        expect(group).to_be_visible()
        if group.get_attribute("aria-expanded") == "false":
            try:
                group.click(timeout=5_000)
            except TimedOut:  # rows that arrived above it have pushed it out of the part that is drawn
                self.tree.focus()
                self.page.keyboard.type(name)
                group.click()
            expect(group).to_have_attribute("aria-expanded", "true")  # before anybody else finds it folded
        return self.tree.locator(f'[data-ms-tag="{tag}"][data-ms-version="{version}"]')

    def act(self, tag: str, name: str) -> None:
        """Click a button of a version, which shows where the mouse is."""
        row = self.row(tag)
        for attempts_left in reversed(range(10)):  # rows that arrive above it move it away from under the mouse
            row.hover()
            try:
                self.button(name, row).click(timeout=2_000)
                return
            except TimedOut:
                if not attempts_left:
                    raise

    def menu(self, tag: str, item: str) -> None:
        """Choose from the menu of a version."""
        self.act(tag, f"More for {tag}")
        self.page.locator(".jp-ModelSync-menu").get_by_text(item, exact=True).click()

    def show(self, view: str) -> None:
        """Show All, Local, Registry or Changed."""
        self.root.get_by_role("group", name="Show").get_by_role("button", name=view, exact=True).click()
        self._shows(show=view.lower())

    def sort(self, by: str) -> None:
        """Sort by name, time or size."""
        self.root.get_by_label("Sort by").select_option(by)
        self._shows(sort=by)

    def _shows(self, **wanted: str) -> None:
        """Wait until the rows are those of a view: others would slip away from under the mouse."""
        for key, value in wanted.items():
            expect(self.root.locator("[data-ms-show]")).to_have_attribute(f"data-ms-{key}", value)

    def refresh(self) -> None:
        """Read everything anew."""
        self.button("Refresh", exact=True).click()

    def look_for(self, text: str) -> None:
        """Show only what matches."""
        self.search.fill(text)
        self._shows(search=text)

    def reset(self) -> None:
        """Show everything, as at first."""
        self.look_for("")
        self.show("All")
        self.sort("name")
        history = self._history
        if history.count() and history.get_attribute("aria-expanded") == "true":
            history.click()
