"""The parser class: words in, a namespace or a `UsageError` out, never an exit; and the types of its values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from modelsync_jupyter.core.config import MAX_THREADS, MIN_RATE
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.units import format_size, parse_rate


class HelpShown(Exception):
    """`-h` or `--version` has printed what was asked for."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises where the standard library's exits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a whole line; an unknown option is compared with those of the command that was typed.

        Raises:
            UsageError: The words do not fit the grammar.
            HelpShown: Help was asked for, and printed.
        """
        args, rest = self.parse_known_args(words)
        if not rest:
            return args
        parser = self.commands.get(args.command, self)
        option = next((word.partition("=")[0] for word in rest if word.startswith("-")), "")
        near = get_close_matches(option, parser.options, n=1)
        parser.error(f"unrecognized arguments: {' '.join(rest)}" + (f". Did you mean `{near[0]}`?" if near else ""))

    def error(self, message: str) -> NoReturn:
        raise UsageError(_explain(message), step=f"See `{self.prog} --help`.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown

    @property
    def options(self) -> list[str]:
        """Every option string, such as `--force`."""
        return sorted(self._option_string_actions)

    def values(self, option: str) -> list[str] | None:
        """Return the values that an option may have, [] for any; None where no value follows."""
        action = self._option_string_actions.get(option)
        return None if action is None or action.nargs == 0 else list(action.choices or ())

    @property
    def commands(self) -> dict[str, Parser]:
        """The parser of each command."""
        return next((dict(a.choices) for a in self._actions if isinstance(a, argparse._SubParsersAction)), {})


class ShowVersion(argparse.Action):
    """Print the version; it is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from modelsync_jupyter import __version__

        print(f"modelsync {__version__}")
        raise HelpShown


def threads(text: str) -> int:
    """Read a number of threads."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise argparse.ArgumentTypeError(f"threads must be between 1 and {MAX_THREADS}")
    return int(text)


def rate(text: str) -> int:
    """Read bytes per second, as `20MB` or `20MB/s`."""
    try:
        number = parse_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if number < MIN_RATE:
        raise argparse.ArgumentTypeError(f"`{text}` is less than {format_size(MIN_RATE)}/s")
    return number


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number above 0")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """Read `KEY=VALUE` as key and value."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form KEY=VALUE")
    return key, value


def _explain(message: str) -> str:
    """Turn the standard library's message into a sentence; a mistyped command gets its nearest neighbour."""
    wrong = re.match(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if not wrong:
        return message[0].upper() + message[1:] + ("" if message.endswith((".", "?")) else ".")
    near = get_close_matches(wrong[1], re.findall(r"[a-z]+", wrong[2]), n=1)
    return f"There is no command `{wrong[1]}`." + (f" Did you mean `{near[0]}`?" if near else "")
