"""A face: how a command talks to the person who typed it. The shell has one, the notebook has another."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from modelsync_jupyter.core.plain import printable
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.steps import Step

from .words import Words

CONFIRM = Step("yes", "Confirm it beforehand.")


class Face(ABC):
    """What a command may ask of the person in front of it. Nothing here is the command's result.

    Args:
        quiet: No messages beside the result, and no progress bar.

    Attributes:
        words: How commands are named here.
        stored: Whether what is shown is stored, as in a notebook: then no secret may be.
    """

    words: ClassVar[Words]
    stored: ClassVar[bool] = False

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def note(self, text: str) -> None:
        """Show a message on stderr: below a cell, or beside the result in a shell."""
        if not self.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    @abstractmethod
    def confirm(self, question: str, typed: str = "") -> bool:
        """Ask a yes-no question; only `y` and `yes` mean yes.

        Args:
            question: What to ask.
            typed: The text that has to be typed for yes, where that must not happen by habit.

        Raises:
            UsageError: Nobody can be asked.
        """

    @abstractmethod
    def secret(self, prompt: str) -> str:
        """Ask for a secret without echo.

        Raises:
            UsageError: Nobody can be asked.
        """

    @abstractmethod
    def progress(self, title: str, *, follows: bool = False) -> AbstractContextManager[Sink | None]:
        """Show a progress bar; None where none is wanted.

        Args:
            title: What stands before it.
            follows: Whether the work is done elsewhere, and goes on when nobody follows it any more.
        """


def bar(title: str, wanted: bool | None = None, *, follows: bool = False) -> AbstractContextManager[Sink | None]:
    """Return a bar as this place can draw it.

    Args:
        title: What stands before it.
        wanted: Whether to draw one; by default where it can be seen.
        follows: As for `Face.progress`.
    """
    from modelsync_jupyter.client.bar import shown  # imported when a bar is drawn: `modelsync --help` must not wait

    return shown(title, wanted, follows=follows)
