"""A face: how a command talks to whoever typed it. The shell has one, the notebook has another."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from modelsync_jupyter.core.progress import Sink


class Face(Protocol):
    """What a command may ask of the person in front of it. Nothing here is the command's result."""

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
        """A progress bar, or None where none is wanted."""
        ...
