"""A face: how a command talks to the person who typed it. The shell has one, the notebook has another."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from modelsync_jupyter.core.progress import Sink

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


def bar(title: str, wish: bool | None = None) -> AbstractContextManager[Sink | None]:
    """Return a bar as this place can draw it.

    Args:
        title: What stands before it.
        wish: Whether one is wanted; by default where somebody can see it.
    """
    from modelsync_jupyter.client.bar import shown  # imported when a bar is drawn: `modelsync --help` must not wait

    return shown(title, wish)
