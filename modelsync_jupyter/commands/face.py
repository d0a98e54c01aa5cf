"""A face: how a command talks to the person who typed it. The shell has one, the notebook has another.

Both draw progress with tqdm, each with a class of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any, Protocol

from modelsync_jupyter.core.progress import Progress, Sink
from modelsync_jupyter.core.units import format_size

from .words import Words


class Face(Protocol):
    """What a command may ask of the person in front of it. Nothing here is the command's result.

    Attributes:
        words: How commands are named here.
    """

    words: Words

    def note(self, text: str) -> None:
        """Show a remark."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask a yes-no question.

        Raises:
            UsageError: Nobody can be asked.
        """
        ...

    def secret(self, prompt: str) -> str:
        """Ask for a secret without echo.

        Raises:
            UsageError: Nobody can be asked.
        """
        ...

    def progress(self, title: str) -> AbstractContextManager[Sink | None]:
        """Show a progress bar; None where none is wanted."""
        ...


class Bar:
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

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            if self._bar is not None and error is None:  # what stays on the screen tells how it ended
                self._draw(Progress("done", self._last.total, self._last.total, self._last.reused))
            if self._bar is not None:
                self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if progress.total and self._tqdm is not None:
            try:
                self._draw(progress)
            except Exception:
                self._tqdm = self._bar = None

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            assert self._tqdm is not None
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
