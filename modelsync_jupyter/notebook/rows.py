"""Transfers as live rows of widgets: what is done, a bar, and buttons to pause, resume and forget.

A thread looks at the records twice a second, so a row shows a transfer that was started in this kernel, another one,
a shell or the sidebar. Only core widgets are used, which every notebook has. Clicks may run in any thread: they ask for
something, and return.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any

from modelsync_jupyter.client import Client, Feed, Record
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.marked import as_html
from modelsync_jupyter.core.states import CANCELLED, FAILED, INTERRUPTED, PAUSED, PLANNED, RESUMABLE, RUNNING, SUCCEEDED
from modelsync_jupyter.core.units import format_size

#: Seconds between two looks; each changes at most two values of a row.
_LOOK = 0.5
#: Rows at most: all that are active, then the latest of the others.
_MOST = 20
#: What a state is called, and its mark: never colour alone.
WORDS = {
    PLANNED: ("…", "waiting"),
    RUNNING: ("▶", "running"),
    SUCCEEDED: ("✓", "done"),
    FAILED: ("✗", "failed"),
    PAUSED: ("⏸", "paused"),
    CANCELLED: ("■", "cancelled"),
    INTERRUPTED: ("✗", "interrupted"),
}


def describe(record: Record) -> str:
    """Say in a line what a transfer does and how far it is."""
    mark, word = WORDS.get(record.state, ("", record.state))
    size = f", {format_size(record.done)} of {format_size(record.total)}" if record.total else ""
    if record.state == SUCCEEDED and record.total:
        size = f", {format_size(record.total)}"
    rate = f", {format_size(record.rate)}/s" if record.state == RUNNING and record.rate else ""
    step = f", {record.step}" if record.state == RUNNING else ""
    if record.state == PLANNED and record.step != "planning":  # it waits for something, and says for what
        word, step = record.step, ""
    reason = str((record.error or {}).get("message", "")) if record.state == FAILED else ""
    return f"{mark} {record.direction} {record.tag}: {word}{size}{rate}{step}{f'. {reason}' if reason else ''}"


class Rows:
    """A box of rows, one for each transfer that is shown.

    Args:
        client: Whose transfers.
        only: The id of the one transfer to show; by default all that are active or new.
        ended: Called with a record when a transfer has ended since the look before.

    Attributes:
        box: The widget.
        records: What is shown.
    """

    def __init__(self, client: Client, only: str = "", ended: Callable[[Record], None] | None = None) -> None:
        import ipywidgets

        self._widgets: Any = ipywidgets
        self._client, self._only, self._ended = client, only, ended
        self._feed, self._since = Feed(client.home), ""
        self._rows: dict[str, _Row] = {}
        self.records: dict[str, Record] = {}
        self.box: Any = ipywidgets.VBox([])
        self._stop = threading.Event()
        self._first = True
        self.look()

    def watch(self) -> None:
        """Keep the rows up to date from now on, in a thread; it ends with `close`, or with the one that is shown."""
        threading.Thread(target=self._watch, name="modelsync-rows", daemon=True).start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()

    def look(self) -> None:
        """Look once."""
        self._since, changed, gone = self._feed.look(self._since)
        for id in gone:
            self.records.pop(id, None)
        for record in reversed(changed):
            if self._only not in ("", record.id):
                continue
            before = self.records.get(record.id)
            if not self._first or record.active or self._only:
                self.records[record.id] = record
            # A short transfer starts and ends between two looks, and nobody saw it run.
            news = before.ended != record.ended or before.active if before else not self._first
            if news and not record.active and self._ended:
                self._ended(record)
        self._first = False
        self._draw()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK):
            with suppress(OSError):
                self.look()
            if self._only and not any(record.active for record in self.records.values()):
                return

    def _draw(self) -> None:
        order = sorted(self.records.values(), key=lambda each: (not each.active, -each.started))[:_MOST]
        for record in order:
            if record.id not in self._rows:
                self._rows[record.id] = _Row(self._widgets, self._client, record, self._forget)
            self._rows[record.id].show(record)
        children = tuple(self._rows[record.id].box for record in order)
        if children != self.box.children:
            self.box.children = children

    def _forget(self, id: str) -> None:
        self.records.pop(id, None)
        self._rows.pop(id, None)
        self._draw()


class _Row:
    """One transfer."""

    def __init__(self, widgets: Any, client: Client, record: Record, forget: Callable[[str], None]) -> None:
        self._client, self._id, self._gone = client, record.id, forget
        self._text = widgets.HTML(layout={"flex": "1 1 auto", "min_width": "0"})
        self._bar = widgets.FloatProgress(max=1.0, layout={"width": "120px", "flex": "0 0 auto"})

        def button(text: str, tip: str, click: Callable[[], object]) -> Any:
            made = widgets.Button(description=text, tooltip=tip, layout={"width": "auto", "flex": "0 0 auto"})
            made.on_click(lambda _: self._try(click))
            return made

        self._pause = button("Pause", "Stop for now; what was transferred is kept", self._stop_for_now)
        self._cancel = button("Cancel", "Stop; it can still be resumed", self._stop)
        self._resume = button("Resume", "Resume where it stopped", lambda: client.resume_in_background(record.id))
        self._forget = button("Forget", "Remove it from the list", self._remove)
        self.box = widgets.HBox([self._text, self._bar, self._pause, self._resume, self._cancel, self._forget])
        self._problem = ""

    def show(self, record: Record) -> None:
        problem = f"<br>{as_html(self._problem)}" if self._problem else ""
        text = f"<span title='transfer {escape(record.id)}'>{as_html(describe(record))}</span>{problem}"
        if text != self._text.value:
            self._text.value = text
        done = 1.0 if record.state == SUCCEEDED else record.done / record.total if record.total else 0.0
        if done != self._bar.value:
            self._bar.value = done
        for made, wanted in (
            (self._pause, record.active),
            (self._resume, record.state in RESUMABLE),
            (self._cancel, record.active),
            (self._forget, not record.active),
        ):
            display = None if wanted else "none"
            if made.layout.display != display:
                made.layout.display = display

    def _stop_for_now(self) -> None:
        self._client.transfer(self._id).pause()

    def _stop(self) -> None:
        self._client.transfer(self._id).cancel()

    def _remove(self) -> None:
        self._client.forget(self._id)
        self._gone(self._id)

    def _try(self, click: Callable[[], object]) -> None:
        """Do what a button asks for; an error stands in the row."""
        try:
            self._problem = ""
            click()
        except ModelSyncError as error:
            self._problem = f"{error.message} {CELL.step(error.step)}"


class LiveTransfer:
    """One transfer as a row that keeps itself up to date; where no widgets are drawn, as text.

    Args:
        client: Whose transfer.
        id: Its id.
    """

    def __init__(self, client: Client, id: str) -> None:
        self._rows = Rows(client, only=client.transfer(id).id, ended=self._end)
        self._handle: Any = None

    def display(self) -> None:
        """Show it under the cell that runs now; what it shows in the end stays in a saved notebook."""
        from IPython.display import display

        self._handle = display(self._bundle(live=True), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        self._rows.watch()

    def _bundle(self, *, live: bool) -> dict[str, Any]:
        text = "\n".join(map(describe, self._rows.records.values()))
        bundle: dict[str, Any] = dict(self._rows.box._repr_mimebundle_()) if live else {}
        return {**bundle, "text/plain": text, "text/html": f"<div>{as_html(text)}</div>"}

    def _end(self, record: Record) -> None:
        """Leave what came of it; only what can be resumed keeps its buttons."""
        if record.state == SUCCEEDED and self._handle is not None:
            with suppress(Exception):  # a kernel may not let a thread change an output
                self._handle.update(self._bundle(live=False), raw=True)
