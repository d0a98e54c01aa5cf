"""The panel without a browser: what it looks at, and when it looks again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelsync_jupyter.client import Client, Statuses
from modelsync_jupyter.core.states import State
from modelsync_jupyter.notebook.panel import Panel
from modelsync_jupyter.notebook.rows import Rows
from tests.integration.scene import wait_for

from .conftest import Make

pytestmark = pytest.mark.processes


@pytest.fixture
def open_panel() -> Iterator[Callable[..., Panel]]:
    """Open panels that are closed in the end."""
    with ExitStack() as stack:

        def opened(client: Client, search: str = "") -> Panel:
            panel = Panel(client, search)
            stack.callback(panel.close)
            return panel

        yield opened


class HeldClient(Client):
    """A client whose first comparison of both sides is held back once it was made."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.made, self.gate = threading.Event(), threading.Event()

    def read_status(self) -> Iterator[Statuses]:
        found = list(super().read_status())
        if not self.made.is_set():
            self.made.set()
            assert self.gate.wait(60)
        yield from found


def test_a_transfer_that_nobody_saw_run_is_told_when_it_has_ended(client: Client, make: Make, name: str) -> None:
    client.push(make(f"{name}:old").tag, progress=False)
    ended: list[str] = []
    rows = Rows(client, ended=lambda record: ended.append(record.tag))
    client.push(make(f"{name}:v1").tag, progress=False)
    for _ in range(2):
        rows.look()
    assert ended == [f"{name}:v1"]


def test_a_look_from_before_a_push_is_not_what_is_shown_after_it(
    client: Client, make: Make, name: str, open_panel: Callable[..., Panel]
) -> None:
    held = HeldClient(client.home.path)
    model = make(f"{name}:v1")
    panel = open_panel(held, name)
    panel.rows.close()  # nobody else asks for a look
    assert held.made.wait(60)
    client.push(model.tag, progress=False)
    panel.refresh()
    wait_for(lambda: looks() == 1, "the other looks to end")
    held.gate.set()
    wait_for(lambda: looks() == 0, "all looks to end")
    assert (model.tag, State.IN_SYNC) in [(each.tag, each.state) for each in panel.versions.items]


def test_an_alias_moves_from_where_it_was_seen_and_nowhere_else(
    client: Client, make: Make, name: str, open_panel: Callable[..., Panel]
) -> None:
    for version in ("v1", "v2", "v3"):
        client.push(make(f"{name}:{version}").tag, progress=False)
    panel = open_panel(client, name)

    def point_at(version: str) -> None:
        wait_for(lambda: f"{name}:{version}" in dict(panel._list.options).values(), "the versions")
        panel._list.value = (f"{name}:{version}",)
        panel._alias.value = "production"
        panel._point_alias()

    def shown() -> list[str]:
        return [text for text, tag in panel._list.options if "@production" in text and tag.startswith(name)]

    point_at("v1")
    wait_for(lambda: [f"{name}:v1" in text for text in shown()] == [True], "the alias in the list")
    wait_for(lambda: ">production</span>" in panel._details.value, "the alias as a chip")
    client.catalog.move_alias(f"{name}:v2", "production")  # somebody else was quicker
    point_at("v3")
    wait_for(lambda: "role='status'" in panel._message.value and "v2" in panel._message.value, "the refusal")
    assert client.get_remote(f"{name}:production").tag.version == "v2"


def looks() -> int:
    """How many threads look at both sides now."""
    return [each.name for each in threading.enumerate()].count("modelsync-panel")
