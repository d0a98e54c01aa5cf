"""The parser class: words in, a namespace or a `UsageError` out, never an exit; and the types of its values."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from typing import Any, NoReturn

from modelsync_jupyter.core.config import MAX_THREADS, MIN_RATE
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.units import format_size, parse_size


class HelpShown(Exception):
    """`-h` or `--version` has printed what was asked for."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises where the standard library's exits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(_explain(message), step=f"See `{self.prog} --help`.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown

    @property
    def options(self) -> list[str]:
        """Every option string, such as `--force`."""
        return sorted(self._option_string_actions)

    def values(self, option: str) -> list[str] | None:
        """The values that an option may have, [] for any; None where no value follows."""
        action = self._option_string_actions.get(option)
        return None if action is None or action.nargs == 0 else list(action.choices or ())

    @property
    def commands(self) -> dict[str, Parser]:
        """The parser of each command."""
        return next((dict(a.choices) for a in self._actions if isinstance(a, argparse._SubParsersAction)), {})


def threads(text: str) -> int:
    """A number of threads."""
    number = positive(text)
    if number > MAX_THREADS:
        raise argparse.ArgumentTypeError(f"`{text}` is more than {MAX_THREADS}")
    return number


def rate(text: str) -> int:
    """Bytes a second, as `20MB` or `20MB/s`."""
    try:
        number = parse_size(text.removesuffix("/s"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if number < MIN_RATE:
        raise argparse.ArgumentTypeError(f"`{text}` is less than {format_size(MIN_RATE)}/s")
    return number


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number above 0")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE` as key and value."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form KEY=VALUE")
    return key, value


def _explain(message: str) -> str:
    """The standard library's message as a sentence; a mistyped command gets its nearest neighbour."""
    wrong = re.match(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if not wrong:
        return message[0].upper() + message[1:].rstrip(".") + "."
    near = get_close_matches(wrong[1], re.findall(r"[a-z]+", wrong[2]), n=1)
    return f"There is no command `{wrong[1]}`." + (f" Did you mean `{near[0]}`?" if near else "")
