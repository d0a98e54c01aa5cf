"""`config`: the defaults of all faces, shown and set."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.units import format_size

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_output
from .tables import Table

if TYPE_CHECKING:
    from modelsync_jupyter.client import Setting

CONFIG_HEAD = ("NAME", "VALUE", "FROM", "MEANING")
_NAMES = "threads, rate_limit, background or notifications"
_EPILOG = """\
A value is a number of threads, a rate such as `20MB` or `none`, `true` or `false`; `default` removes it from the file.
The file is `.modelsync/config.json` in BentoML's home. MODELSYNC_THREADS, MODELSYNC_RATE_LIMIT, MODELSYNC_BACKGROUND
and MODELSYNC_NOTIFICATIONS override it, and options of a command override both."""


def add_commands(add: Any) -> None:
    """Add the commands of this module to a parser."""
    parser = add("config", "show the defaults of all commands, or set one", config_command, epilog=_EPILOG)
    parser.add_argument("name", nargs="?", metavar="NAME", help=_NAMES)
    parser.add_argument("value", nargs="?", metavar="VALUE", help="its new value, or `default`")
    add_output(parser)


def config_command(args: argparse.Namespace, face: Face) -> Answer:
    """`config [NAME [VALUE]]`: all settings, or one, which is set first if a value is given."""
    client = client_of(args)
    if args.value is not None:
        setting = client.configure(args.name, args.value)
        text = f"`{setting.name}` is now {value_text(setting)}."
        if setting.source.startswith("$"):
            text = f"`{setting.name}` is saved, but {setting.source} overrides it: it is {value_text(setting)}."
        return Answer(setting, text, setting.to_dict(), live=True)
    found = [each for each in client.settings() if args.name in (None, each.name)] or [client.setting(args.name)]
    table = Table(found, CONFIG_HEAD, setting_row)
    return Answer(table, str(table), [each.to_dict() for each in found])


def setting_row(setting: Setting) -> tuple[str, ...]:
    """Return a setting as a row of a table."""
    return setting.name, value_text(setting), setting.source, setting.meaning


def value_text(setting: Setting) -> str:
    """Return the value of a setting as people write it."""
    if setting.name == "rate_limit":
        return f"{format_size(setting.value)}/s" if setting.value else "none"
    return str(setting.value).lower()
