"""The magic `%modelsync`: the words of the command `modelsync`, with Python objects as results.

    %modelsync push sentiment:v1
    model = %modelsync pull sentiment

What fails fails the cell, so that `Run all` stops there, but shows only what happened and what to do next.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import Any

from modelsync_jupyter.commands import run
from modelsync_jupyter.commands.answers import Answer
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.parser import HelpShown
from modelsync_jupyter.commands.tables import Table
from modelsync_jupyter.core.errors import Cancelled, ModelSyncError, UsageError

from .completion import remember
from .face import NotebookFace

NAME = "modelsync"


def load(ip: Any) -> None:
    """Register the magic."""
    ip.register_magic_function(Magic(ip), "line", NAME)


def unload(ip: Any) -> None:
    """Take the magic away."""
    magic = ip.magics_manager.magics["line"].pop(NAME, None)
    if isinstance(magic, Magic):
        magic.forget()


class Magic:
    """`%modelsync COMMAND ...` does what `modelsync COMMAND ...` does in a shell; `%modelsync -h` lists the commands.

    Args:
        ip: The IPython shell.
    """

    def __init__(self, ip: Any) -> None:
        self._ip = ip
        self._shown: tuple[int, Any] = (0, None)
        self._types: set[type] = set()

    def __call__(self, line: str) -> Any:
        """Run one line and return its value."""
        try:
            return self._run(line)
        except HelpShown:
            return None
        except KeyboardInterrupt:
            raise _without_traceback(Cancelled("Cancelled.")) from None
        except ModelSyncError as error:
            raise _without_traceback(error) from error.__cause__

    def forget(self) -> None:
        """Leave the shell's display as it was."""
        for kind in self._types:
            self._ip.display_formatter.ipython_display_formatter.pop(kind, None)

    def _run(self, line: str) -> Any:
        parser = build_parser(f"%{NAME}")
        args = parser.parse_args(_split(line))
        if args.command is None:
            parser.print_help()
            return None
        _check(args)
        answer = run(args, NotebookFace(args.quiet))
        if args.command == "list" and args.remote:
            remember(answer.value)
        return self._show(answer, getattr(args, "output", "table"))

    def _show(self, answer: Answer, output: str) -> Any:
        """Show it now, wherever in the cell the magic stands; the same value at the cell's end is not shown again."""
        if output != "table":
            print(answer.render(output))
            return None
        if isinstance(answer.value, Table):
            _display(answer.value)
        elif answer.text:
            print(_as_magic(answer.text))
        if answer.value is not None:
            self._shown = (self._ip.execution_count, answer.value)
            self._types.add(type(answer.value))
            self._ip.display_formatter.ipython_display_formatter.for_type(type(answer.value), self._once)
        return answer.value

    def _once(self, value: Any) -> None:
        """A display function that swallows what this cell has shown and leaves the rest to other formatters."""
        count, shown = self._shown
        if value is not shown or count != self._ip.execution_count:
            raise NotImplementedError


def _display(value: Any) -> None:
    from IPython.display import display

    show: Callable[[Any], Any] = display
    show(value)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"The line cannot be split into words: {error}.", step="Close the quotes.") from error


def _check(args: argparse.Namespace) -> None:
    """Refuse what a notebook must not do.

    Raises:
        UsageError: A token would be stored in the notebook, or the cell would never end.
    """
    if args.command == "login" and (args.token or args.token_stdin):
        hint = f"Delete the token from the cell and write `%{NAME} login ENDPOINT`: it asks, and stores nothing here."
        raise UsageError("A notebook keeps what is written in it, tokens too.", step=hint)
    if args.command == "serve":
        raise UsageError("A registry would keep this cell busy for ever.", step="Run the same words in a terminal.")


def _without_traceback(error: ModelSyncError) -> ModelSyncError:
    """The same error, for which IPython shows a message and the next step."""
    text = _as_magic("\n".join(filter(None, (error.message, error.hint))))
    vars(error)["_render_traceback_"] = lambda: text.splitlines()
    return error


def _as_magic(text: str) -> str:
    """Commands in a message, as they are typed in a cell."""
    return text.replace(f"`{NAME} ", f"`%{NAME} ")
