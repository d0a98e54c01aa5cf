"""The sidebar as its user sees it: what is on it, found by role and name."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

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
        self.tab.click()
        expect(self.root).to_be_visible()
        return self

    @property
    def tab(self) -> Locator:
        """Its tab in the side bar."""
        return self.page.locator(f'.lm-TabBar-tab[data-id="{SIDEBAR[1:]}"]')

    @property
    def local(self) -> Locator:
        """Section of the local store."""
        return self.root.get_by_role("region", name="Local")

    @property
    def remote(self) -> Locator:
        """Section of the registry."""
        return self.root.get_by_role("region", name="Registry")

    @property
    def transfers(self) -> Locator:
        """Section of the transfers."""
        return self.root.get_by_role("region", name="Transfers")

    def transfer(self, tag: str) -> Locator:
        """One transfer."""
        return self.transfers.locator("[data-ms-transfer]").filter(has_text=tag)

    def button(self, name: str, within: Locator | None = None, **options: Any) -> Locator:
        """A button by its name."""
        return (within or self.root).get_by_role("button", name=name, **options)

    def group(self, section: Locator, name: str) -> Locator:
        """The row of a name."""
        return section.locator(f'.jp-ModelSync-row[data-ms-name="{name}"]')

    def row(self, section: Locator, tag: str) -> Locator:
        """The row of a version; its name is unfolded if need be."""
        group = self.group(section, tag.partition(":")[0]).locator(".jp-ModelSync-fold")
        expect(group).to_be_visible()
        if group.get_attribute("aria-expanded") == "false":
            group.click()
        return section.locator(f'.jp-ModelSync-row[data-ms-tag="{tag}"]')

    def refresh(self) -> None:
        """Ask anew."""
        self.button("Refresh", exact=True).click()

    def menu(self, section: Locator, tag: str, item: str) -> None:
        """Choose from the menu of a version."""
        self.row(section, tag).get_by_role("button", name=f"More for {tag}").click()
        self.page.locator(".lm-Menu").get_by_text(item, exact=True).click()
