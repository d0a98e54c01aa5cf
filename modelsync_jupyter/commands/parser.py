"""The parser class: words in, a namespace or a `UsageError` out, never an exit; and the types of its values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
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

        `help push` is `push --help`, as in other programs.

        Raises:
            UsageError: The words do not fit the grammar.
            HelpShown: Help was asked for, and printed.
        """
        if words and words[0] == "help":
            words = [*words[1:], "--help"]
        args, rest = self.parse_known_args(words)
        if rest and "--" not in words and not any(word.startswith("-") for word in rest):
            args, rest = self.parse_known_args(self._options_first(words))
        if not rest:
            return args
        from difflib import get_close_matches

        parser = self.deepest(words)
        option = next((word.partition("=")[0] for word in rest if word.startswith("-")), "")
        near = get_close_matches(option, parser.options, n=1)
        parser.error(f"unrecognized arguments: {' '.join(rest)}" + (f". Did you mean `{near[0]}`?" if near else ""))

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """Put a command's options before its arguments: `create NAME PATH --label K=V` may have its path at the end.

        Before Python 3.12.8 an argument that may be left out is, once an option stands before it.
        """
        parser, start = self, 0
        for index, word in enumerate(words, 1):
            if word in parser.commands:
                parser, start = parser.commands[word], index
        options: list[str] = []
        arguments: list[str] = []
        previous = ""
        for word in words[start:]:
            is_option = word.startswith("-") or parser.values(previous) is not None
            (options if is_option else arguments).append(word)
            previous = word
        return [*words[:start], *options, *arguments]

    def error(self, message: str) -> NoReturn:
        raise UsageError(_explain(message), step=f"See `{self.prog} --help`.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown

    @property
    def options(self) -> list[str]:
        """Every option string, such as `--force`."""
        return sorted(self._option_string_actions)

    @property
    def meanings(self) -> list[tuple[str, str]]:
        """Every option string that help shows, with what it means."""
        known = self._option_string_actions
        shown = [name for name in self.options if known[name].help != argparse.SUPPRESS]
        return [(name, (known[name].help or "") % {"default": known[name].default}) for name in shown]

    def values(self, option: str) -> list[str] | None:
        """Return the values that an option may have, [] for any; None where no value follows."""
        action = self._option_string_actions.get(option)
        return None if action is None or action.nargs == 0 else list(action.choices or ())

    def type_of(self, option: str) -> Any:
        """Return what reads the value of an option, None where that is a text."""
        action = self._option_string_actions.get(option)
        return action and action.type

    def argument(self, words: Sequence[str]) -> argparse.Action | None:
        """Return the argument that the next word would be, if it is not an option, or None where there is none left.

        Args:
            words: What stands behind the command.
        """
        given, previous = 0, ""
        for word in words:
            given += not (word.startswith("-") or self.values(previous) is not None)
            previous = word
        for action in self._get_positional_actions():
            if action.nargs in ("+", "*") or given == 0:
                return action
            given -= 1
        return None

    def deepest(self, words: Sequence[str]) -> Parser:
        """Return the parser of the command that stands in a line, or of the command of that command."""
        parser = self
        for word in words:
            parser = parser.commands.get(word, parser)
        return parser

    @property
    def commands(self) -> dict[str, Parser]:
        """The parser of each command; none for a command that has no commands of its own."""
        return next((dict(a.choices) for a in self._actions if isinstance(a, argparse._SubParsersAction)), {})

    @property
    def summaries(self) -> dict[str, str]:
        """What each command does, in a few words."""
        found = next((each for each in self._actions if isinstance(each, argparse._SubParsersAction)), None)
        return {each.dest: each.help or "" for each in found._choices_actions} if found else {}


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
    """Read bytes per second, as `20MB` or `20MB/s`; 0 and `none` are no limit."""
    if text in ("0", "none"):
        return 0
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


def ahead(text: str) -> datetime:
    """Read a time to come: `12h`, `30d` or `8w` from now, or a date."""
    return _time(text, 1)


def ago(text: str) -> datetime:
    """Read a time that has passed: `12h`, `30d` or `8w` before now, or a date."""
    return _time(text, -1)


def pair(text: str) -> tuple[str, str]:
    """Read `KEY=VALUE` as key and value."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form KEY=VALUE")
    return key, value


def _time(text: str, direction: int) -> datetime:
    """Read an age or a date as a time with a zone; a date without one is local."""
    age = re.fullmatch(r"(\d{1,4})([hdw])", text)
    try:
        if age:
            length = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[age[2]]
            return datetime.now(timezone.utc) + direction * int(age[1]) * length
        return datetime.fromisoformat(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"`{text}` is neither like `12h`, `30d` or `8w` nor a date") from None


def _explain(message: str) -> str:
    """Turn the standard library's message into a sentence; a mistyped command gets its nearest neighbour."""
    wrong = re.match(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if not wrong:
        return message[0].upper() + message[1:] + ("" if message.endswith((".", "?")) else ".")
    from difflib import get_close_matches

    near = get_close_matches(wrong[1], re.findall(r"[a-z]+", wrong[2]), n=1)
    return f"There is no command `{wrong[1]}`." + (f" Did you mean `{near[0]}`?" if near else "")
