"""Progress where people see it: a bar of text in a terminal, a line that updates itself under a notebook's cell."""

from __future__ import annotations

import builtins
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from html import escape
from types import TracebackType
from typing import Any

from modelsync_jupyter.core.errors import Paused
from modelsync_jupyter.core.progress import Progress, Sink
from modelsync_jupyter.core.units import format_seconds, format_size
from modelsync_jupyter.transfer.work import Counter

_COLUMNS = 80
#: Seconds between two updates: at most 10 a second.
_PAUSE = 0.1


def shown(title: str, wanted: Sink | bool | None = None) -> AbstractContextManager[Sink | None]:
    """Return what shows progress.

    Args:
        title: What is done to what, such as `push iris:v1`.
        wanted: A sink to use as it is; True or False for a bar or none; None for a bar where it can be seen: in a
            notebook, or on a terminal.
    """
    if callable(wanted):
        return nullcontext(wanted)
    if wanted is False:
        return nullcontext()
    find = getattr(builtins, "get_ipython", None)  # IPython puts it there while it runs a cell
    if find is not None and hasattr(find(), "kernel"):  # its cells can show more than text
        return Line(title)
    if not wanted and not sys.stderr.isatty():
        return nullcontext()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm import tqdm
    columns = 0
    with suppress(OSError, ValueError):  # 0 also in a terminal that nobody has sized
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    return Bar(title, partial(tqdm, dynamic_ncols=True) if columns else partial(tqdm, ncols=_COLUMNS))


class Watched(Counter):
    """A counter that shows its own progress, where no thread waits for the work: one of those that count does it.

    Args:
        sink: What shows it, or None.
    """

    def __init__(self, sink: Sink | None) -> None:
        super().__init__()
        self._sink, self._shown, self._showing = sink, 0.0, threading.Lock()

    def add(self, size: int, *, reused: bool = False) -> None:
        """Add bytes, and show them if they are the last ones or nothing was shown for a while."""
        super().add(size, reused=reused)
        if not self._sink or not self._showing.acquire(blocking=False):
            return
        try:
            now, look = time.monotonic(), self.look()
            if look.done == look.total or now - self._shown >= _PAUSE:
                self._shown = now
                self._sink(look)
        finally:
            self._showing.release()


class Line:
    """A line under the cell that says what is done now, and in the end what was done; it stays in a saved notebook.

    It needs no widgets: every notebook can replace an output that it has shown. A line that cannot be drawn is dropped.

    Args:
        title: What stands before the bar.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._handle: Any = None
        self._last = Progress()
        self._drawn = 0.0
        self._started = time.monotonic()

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is None:
            return
        last = self._last
        if error is None:
            taken = format_seconds(time.monotonic() - self._started)
            self._draw(Progress("done", last.total, last.total, last.reused), f"done in {taken}")
        else:
            word = "paused" if isinstance(error, Paused) else f"stopped while {last.step}"
            self._draw(last, word)

    def __call__(self, progress: Progress) -> None:
        due = time.monotonic() - self._drawn >= _PAUSE or progress.step != self._last.step
        self._last = progress
        if progress.total and due:
            self._draw(progress, progress.step)

    def _draw(self, progress: Progress, word: str) -> None:
        self._drawn = time.monotonic()
        with suppress(Exception):  # whatever a notebook cannot show, the transfer goes on
            bundle = {"text/plain": self._text(progress, word), "text/html": self._html(progress, word)}
            if self._handle is None:
                from IPython.display import display

                self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
            else:
                self._handle.update(bundle, raw=True)

    def _text(self, progress: Progress, word: str) -> str:
        percent = 100 * progress.done // max(progress.total, 1)
        rate = ""
        if word == progress.step and (seconds := time.monotonic() - self._started) > 1:
            rate = f", {format_size((progress.done - progress.reused) / seconds)}/s"
        reused = f", {format_size(progress.reused)} reused" if progress.reused else ""
        size = f"{format_size(progress.done)} of {format_size(progress.total)}"
        return f"{self._title}: {percent} %, {size}{rate}, {word}{reused}"

    def _html(self, progress: Progress, word: str) -> str:
        text = escape(self._text(progress, word).removeprefix(f"{self._title}: "))
        bar = f'<progress value="{progress.done}" max="{progress.total}" aria-label="{escape(self._title)}"></progress>'
        return f"<div><code>{escape(self._title)}</code> {bar} <span>{text}</span></div>"


class Bar(AbstractContextManager["Bar"]):
    """A bar that appears when there is something to count; it is called at most 10 times a second.

    A bar that cannot be drawn is dropped: it never stops a transfer.

    Args:
        title: What stands before the bar.
        tqdm: The tqdm class of the place: text in a terminal, widgets in a notebook.
    """

    def __init__(self, title: str, tqdm: Callable[..., Any]) -> None:
        self._title = title
        self._tqdm: Callable[..., Any] | None = tqdm
        self._bar: Any = None
        self._last = Progress()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None and error is None:  # what stays on the screen tells how it ended
            self(Progress("done", self._last.total, self._last.total, self._last.reused))
        with suppress(Exception):
            if self._bar is not None:
                self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if not progress.total or self._tqdm is None:
            return
        try:
            if self._bar is None:
                units = {"unit": "B", "unit_scale": True, "unit_divisor": 1000}
                self._bar = self._tqdm(desc=self._title, total=progress.total, miniters=1, **units)
            bar = self._bar
            if progress.total != bar.total or (progress.step != self._last.step and progress.done < bar.n):
                bar.reset(progress.total)
            self._last = progress
            bar.initial = min(progress.reused, progress.done)  # what did not travel does not count as speed
            bar.n = progress.done
            reused = f", {format_size(progress.reused)} reused" if progress.reused else ""
            bar.set_postfix_str(progress.step + reused, refresh=False)
            bar.refresh()
        except Exception:
            self._tqdm = self._bar = None
