"""A notebook in the browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

#: Waits until the kernel of the notebook in front answers; JupyterLab may connect to a new one twice.
_READY = """async () => {
  const { sessionContext } = window.jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  const { kernel } = sessionContext.session;
  await kernel.info;
  await kernel.requestKernelInfo();
}"""


def open_notebook(page: Page) -> None:
    """Open a notebook, and wait for its kernel."""
    opened = "window.jupyterapp.commands.execute('notebook:create-new', {kernelName: 'python3'}).then(() => null)"
    page.evaluate(opened)  # not the widget itself, which is too much to be handed over
    wait_for_kernel(page)


def wait_for_kernel(page: Page) -> None:
    """Wait until the kernel of the notebook in front answers."""
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]:visible').wait_for(timeout=60_000)
    page.evaluate(_READY)


def run(page: Page, index: int, code: str) -> None:
    """Run code in a cell of the open notebook, and wait for it."""
    cell = page.locator(".jp-Notebook:visible .jp-Cell").nth(index)
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{index + 1}]:", timeout=60_000)
