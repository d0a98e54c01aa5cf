"""Progress where people see it: a bar of text in a terminal, a line that updates itself under a notebook's cell."""

from __future__ import annotations

import builtins
import os
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import Any

from modelsync_jupyter.core.errors import Paused
from modelsync_jupyter.core.progress import Progress, Sink
from modelsync_jupyter.core.units import format_left, format_part, format_seconds, format_size
from modelsync_jupyter.transfer.work import Counter

_COLUMNS, _ROWS = 80, 24
#: Columns of a title, so that its line fits into 80 of them whatever stands behind; at least, and before speed goes.
_TITLE, _SHORT, _SHORTEST = 27, 16, 8
#: Columns of a line for percents, the frame of a bar, and the shortest bar.
_FRAME = 11
#: Columns of it before the version, at least: `push sent…`.
_NAME = 10
#: Seconds of late by which speed is told; and looks at which more had moved, where bytes come in lumps.
_RECENT, _LUMPS = 5.0, 4
#: Steps that the title's own word tells, and those whose bytes have a speed.
_IMPLIED = frozenset({"sending", "receiving", "exporting", "importing", "syncing", "verifying"})
_MOVING = _IMPLIED | {"hashing"}
#: Seconds between two updates: at most 10 a second.
_PAUSE = 0.1


def shown(
    title: str, wanted: Sink | bool | None = None, *, follows: bool = False
) -> AbstractContextManager[Sink | None]:
    """Return what shows progress.

    Args:
        title: What is done to what, such as `push iris:v1`.
        wanted: A sink to use as it is; True or False for a bar or none; None for a bar where it can be seen: in a
            notebook, or on a terminal.
        follows: Whether the work is done elsewhere, and goes on when nobody follows it any more.
    """
    if callable(wanted):
        return nullcontext(wanted)
    if wanted is False:
        return nullcontext()
    find = getattr(builtins, "get_ipython", None)  # IPython puts it there while it runs a cell
    if find is not None and hasattr(find(), "kernel"):  # its cells can show more than text
        return Line(title, follows)
    if not wanted and not sys.stderr.isatty():
        return nullcontext()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm import tqdm
    columns = rows = 0
    with suppress(OSError, ValueError):  # 0 also in a terminal that nobody has sized
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    size = {"dynamic_ncols": True} if columns and rows else {"ncols": columns or _COLUMNS, "nrows": rows or _ROWS}
    return Bar(title, partial(tqdm, **size), follows)


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


class Line(AbstractContextManager["Line"]):
    """A line under the cell that says what is done now, and in the end what was done; it stays in a saved notebook.

    It needs no widgets: every notebook can replace an output that it has shown. A line that cannot be drawn is dropped.

    Args:
        title: What stands before the bar.
        follows: As for `shown`.
    """

    def __init__(self, title: str, follows: bool = False) -> None:
        self._title = title
        self._handle: Any = None
        self._drawn = 0.0
        self._told = _Told(follows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._draw(self._told.end(error))

    def __call__(self, progress: Progress) -> None:
        due = time.monotonic() - self._drawn >= _PAUSE or progress.step != self._told.last.step
        text = self._told.tell(progress)
        if progress.total and due:
            self._draw(text)

    def _draw(self, text: str) -> None:
        self._drawn = time.monotonic()
        with suppress(Exception):  # whatever a notebook cannot show, the transfer goes on
            plain = f"{shorten(self._title, _TITLE)}: {self._told.percent}%, {text}"
            bundle = {"text/plain": plain, "text/html": self._html(text)}
            if self._handle is None:
                from IPython.display import display

                self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
            else:
                self._handle.update(bundle, raw=True)

    def _html(self, text: str) -> str:
        """Draw one row, however narrow the cell: first the bar gives way, then the name, and the version never."""
        from html import escape

        last, title = self._told.last, escape(self._title)
        name, colon, version = title.partition(":")
        cut = "overflow:hidden;text-overflow:ellipsis;white-space:pre"
        return (
            '<div style="display:flex;align-items:center;gap:8px;white-space:nowrap">'
            f'<code title="{title}" style="display:flex;flex:0 1 auto;min-width:6em">'
            f'<span style="flex:0 1 auto;min-width:3em;{cut}">{name}</span>'
            f'<span style="flex:none;max-width:14em;{cut}">{colon}{version}</span></code>'
            f'<progress value="{last.done}" max="{last.total}" aria-label="{title}"'
            ' style="flex:1 1000 120px;min-width:40px;max-width:200px"></progress>'
            f'<span style="flex:none;font-variant-numeric:tabular-nums">{self._told.percent}%, {escape(text)}</span>'
            "</div>"
        )


class Bar(AbstractContextManager["Bar"]):
    """A bar that appears when there is something to count; it is called at most 10 times a second.

    A bar that cannot be drawn is dropped: it never stops a transfer.

    Args:
        title: What stands before the bar.
        tqdm: The tqdm class, set to the width of the terminal.
        follows: As for `shown`.
    """

    def __init__(self, title: str, tqdm: Callable[..., Any], follows: bool = False) -> None:
        self._title = title
        self._tqdm: Callable[..., Any] | None = tqdm
        self._bar: Any = None
        self._told = _Told(follows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:  # what stays on the screen tells how it ended
            self._draw(self._told.end(error))
        with suppress(Exception):
            if self._bar is not None:
                self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if progress.total:
            self._draw(self._told.tell(progress))

    def _draw(self, text: str) -> None:
        if self._tqdm is None:
            return
        try:
            last, bar = self._told.last, self._bar
            columns = (bar.ncols if bar else 0) or _COLUMNS
            text = _fit(text, columns - _FRAME - min(len(self._title), _SHORT))
            room = max(_SHORTEST, columns - _FRAME - len(text))
            title = shorten(self._title, min(room, max(_TITLE, 2 * columns // 5)))
            said = f"{title}: {self._told.percent:3}% "
            if bar is None:
                # tqdm's own numbers have other units than ours, and count what was there already as speed: it is given
                # the text as its unit, which it prints as it is.
                look = {"desc": said, "unit": text, "bar_format": "{desc}|{bar}| {unit}"}
                self._bar = self._tqdm(total=last.total, initial=last.done, miniters=1, **look)
            else:
                bar.total, bar.n, bar.desc, bar.unit = last.total, last.done, said, text
                bar.refresh()
        except Exception:
            self._tqdm = self._bar = None


class _Told:
    """What a line says behind its bar: how much of how much, how fast, how long still, or what is being done.

    What was reused counts as done and not as speed; how much it was, the outcome says.

    Args:
        follows: As for `shown`.

    Attributes:
        last: The progress told last.
    """

    def __init__(self, follows: bool) -> None:
        self._follows = follows
        self.last = Progress()
        self._started = time.monotonic()
        self._looks: deque[tuple[float, int]] = deque()  # one for each time that more had moved

    @property
    def percent(self) -> int:
        """How much of the work is done; 100 only for all of it."""
        return 100 * self.last.done // max(self.last.total, 1)

    def tell(self, progress: Progress) -> str:
        """Say how far it is."""
        if (progress.step, progress.total) != (self.last.step, self.last.total):
            self._looks.clear()
        self.last = progress
        now, moved = time.monotonic(), progress.done - progress.reused
        if not self._looks or moved != self._looks[-1][1]:
            self._looks.append((now, moved))
        while len(self._looks) > _LUMPS and now - self._looks[0][0] > _RECENT:
            self._looks.popleft()
        amount = format_part(progress.done, progress.total)
        step = "" if progress.step in _IMPLIED else progress.step
        rate = self._rate() if progress.step in _MOVING else 0.0
        speed = f"{format_size(rate)}/s" if rate else ""
        left = f"{format_left((progress.total - progress.done) / rate)} left" if rate and not step else ""
        return ", ".join(filter(None, (amount, step, speed, left)))

    def end(self, error: BaseException | None) -> str:
        """Say how it ended."""
        last = self.last
        if error is None:
            self.last = last._replace(step="done", done=last.total)
            word = f"done in {format_seconds(time.monotonic() - self._started)}"
        elif self._follows and isinstance(error, KeyboardInterrupt):
            word = "not followed any more"
        else:
            word = "paused" if isinstance(error, Paused) else f"stopped while {last.step}"
        return f"{format_part(self.last.done, last.total)}, {word}"

    def _rate(self) -> float:
        """Bytes per second of late; 0.0 while it is too early to say."""
        (then, before), moved, now = self._looks[0], self._looks[-1][1], time.monotonic()
        return max(0.0, (moved - before) / (now - then)) if now - then >= 1 else 0.0


def _fit(text: str, width: int) -> str:
    """Leave out what stands behind the last comma until the rest fits: half of a figure would be another one."""
    while len(text) > width and ", " in text:
        text = text.rpartition(", ")[0]
    return text


def shorten(title: str, width: int) -> str:
    """Cut a title such as `push iris:v1` to a width; the version, which tells it from others, is cut last."""
    if len(title) <= width:
        return title
    name, colon, version = title.rpartition(":")
    room = max(1, width - len(colon) - min(len(name), _NAME))
    if len(version) > room:
        version = f"{version[: (room - 1) // 2]}…{version[len(version) - room // 2 :]}"
    room = width - len(colon) - len(version)
    return f"{name if len(name) <= room else f'{name[: room - 1]}…'}{colon}{version}"
