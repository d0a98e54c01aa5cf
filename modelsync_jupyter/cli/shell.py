"""The shell's face: messages, questions and bars on stderr, so that stdout carries only the result."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, suppress

from modelsync_jupyter.commands.face import CONFIRM, Face, bar
from modelsync_jupyter.commands.words import SHELL
from modelsync_jupyter.core.errors import Cancelled, ModelSyncError, UsageError
from modelsync_jupyter.core.progress import Sink


class Shell(Face):
    """The face of a terminal, or of a script."""

    words = SHELL

    def confirm(self, question: str, typed: str = "") -> bool:
        """Ask on stderr; only `y` and `yes` mean yes, or only the text that has to be typed."""
        if not sys.stdin.isatty():
            raise UsageError(f"Can't ask for confirmation in a non-interactive run: {question}", CONFIRM)
        if typed:
            print(f"{question} Type `{typed}` to confirm: ", end="", file=sys.stderr, flush=True)
            return sys.stdin.readline().strip() == typed
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def secret(self, prompt: str) -> str:
        """Ask on the terminal without echo; Ctrl-D there is a no, as Ctrl-C is."""
        if not sys.stdin.isatty():
            message = "Can't ask for the token in a non-interactive run."
            raise UsageError(message, step="Use `--token-stdin`, or set MODELSYNC_TOKEN.")
        from getpass import getpass

        try:
            return getpass(prompt, stream=sys.stderr)
        except EOFError:
            raise Cancelled("Cancelled.", step="") from None

    def progress(self, title: str, *, follows: bool = False) -> AbstractContextManager[Sink | None]:
        """Draw a bar on stderr where that is a terminal."""
        return bar(title, False if self.quiet else None, follows=follows)


def write(text: str) -> None:
    """Print a result; a reader that has gone away (`| head`) is not an error.

    Raises:
        ModelSyncError: It could not be written, as to a full disk.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        with suppress(OSError):  # what is still buffered would fail once more when the process ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            said = f"The output could not be written: {error.strerror}."
            raise ModelSyncError(said, "The command itself was carried out.") from error
