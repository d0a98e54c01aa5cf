"""A real browser on a real JupyterLab, with a real registry behind a line on which things can go wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

import modelsync_jupyter
from tests.harness.browser import MISSING, chromium
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.fixtures import *  # noqa: F403  (fixtures that tests name as they need them)

from .jupyter import Lab, jupyterlab
from .sidebar import Sidebar

#: Bytes a second at which a test has time to look.
SLOW = 250_000
WIDTH, HEIGHT = 1280, 860
_SECONDS = 15_000
#: Milliseconds in which a page is loaded, the first one by a server that has just started.
_LOADING = 60_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser, or without the built sidebar, there is nothing to test here."""
    reason = MISSING
    if not (Path(modelsync_jupyter.__path__[0]) / "labextension" / "package.json").exists():
        reason = reason or "the sidebar is not built: install Node 20 or newer and run `make test`"
    for item in items:
        if reason and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with the extension."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def crawl(line: FaultyProxy) -> FaultyProxy:
    """The same line, on which models crawl."""
    line.script(Fault.throttle(SLOW, path="/(objects|parts|uploads|blobs|archives?)"))
    line.script(Fault.throttle(SLOW, method="PUT"))
    return line


@pytest.fixture
def home(lab: Lab) -> Path:
    """The home of that JupyterLab, with neither models, contexts nor transfers."""
    for name in ("models", ".yatai.yaml", ".modelsync/transfers"):
        path = lab.home / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    lab.home.mkdir(exist_ok=True)
    return lab.home


@pytest.fixture  # type: ignore[no-redef]  # in place of the one that was imported
def metadata() -> dict[str, float]:
    """What `make` notes with every model."""
    return {"accuracy": 0.97}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's browser."""
    with chromium() as running:
        yield running


class Pages:
    """Pages of JupyterLab, each of somebody with a browser of their own; errors that pass through our code are noted.

    JupyterLab has its own: it disposes of a session that is still starting, and Notebook misses schemas of plugins.

    Args:
        browser: The browser.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def open(self, lab: Lab, path: str = "", wait: str = ".jp-Launcher", **options: Any) -> Page:
        """Open JupyterLab, or another page of it, and wait until something is on it."""
        context = self._browser.new_context(**{"viewport": {"width": WIDTH, "height": HEIGHT}, **options})
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_SECONDS)
        page.on("pageerror", self._note)
        page.goto(lab.url + path if path else lab.page, timeout=_LOADING)
        page.locator(wait).wait_for(timeout=_LOADING)
        return page

    def _note(self, error: Error) -> None:
        stack = error.stack or str(error)
        if "modelsync" in stack:
            self.problems.append(stack)

    def close(self) -> None:
        """Close all of them."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open JupyterLab in a fresh browser; an error in the page fails the test."""
    pages = Pages(browser)
    yield pages.open
    pages.close()
    assert not pages.problems


@pytest.fixture(scope="session")
def shared(browser: Browser, lab: Lab) -> Iterator[tuple[Page, Pages]]:
    """The page that most tests share: loading it takes longer than most of them."""
    pages = Pages(browser)
    yield pages.open(lab), pages
    pages.close()


@pytest.fixture
def page(shared: tuple[Page, Pages], home: Path) -> Iterator[Page]:
    """The shared page as it was at first; ask for the models a test needs before it. An error in it fails the test."""
    page, pages = shared
    pages.problems.clear()
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    for _ in range(page.locator(".jp-Dialog, .lm-Menu").count()):
        page.keyboard.press("Escape")
    page.evaluate(_TIDY)
    yield page
    assert not pages.problems


#: Closes all documents, kernels and notifications.
_TIDY = """async () => {
  const { commands, serviceManager, shell } = window.jupyterapp;
  [...shell.widgets('main')].forEach(widget => widget.dispose());
  await serviceManager.sessions.shutdownAll();
  document.querySelectorAll('.Toastify__close-button').forEach(button => button.click());
  await commands.execute('launcher:create');
}"""


@pytest.fixture
def sidebar(page: Page) -> Sidebar:
    """The sidebar, opened, with all that is there now."""
    sidebar = Sidebar(page).open()
    sidebar.refresh()
    expect(sidebar.search).to_be_visible()
    sidebar.reset()
    return sidebar
