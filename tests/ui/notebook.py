"""A notebook in the browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def open_notebook(page: Page) -> None:
    """Open a notebook, and wait for its kernel: JupyterLab may connect to a new one twice and lose what was asked."""
    page.locator(".jp-LauncherCard").filter(has_text="Python 3").first.click()
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=60_000)
    page.wait_for_timeout(3_000)


def run(page: Page, index: int, code: str) -> None:
    """Run code in a cell of the open notebook, and wait for it."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(index)
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{index + 1}]:", timeout=60_000)
