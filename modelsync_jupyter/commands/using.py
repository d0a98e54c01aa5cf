"""Commands that use models: what loading one would run, and versions that are locked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_context, add_output
from .tables import Table

if TYPE_CHECKING:
    from modelsync_jupyter.client import Scanned

SCAN_HEAD = ("FILE", "KIND", "VERDICT", "IMPORTS")
_LOCK = "modelsync.lock"
_MARKS = {"safe": "✓ safe", "known": "✓ known", "unknown": "! unknown", "dangerous": "✗ dangerous"}


def add_commands(add: Any) -> None:
    """Add the commands of this module to a parser."""
    parser = add("scan", "show what loading a model would run, without running it", scan_command)
    parser.add_argument("tag", metavar="TAG", help="NAME:VERSION, or NAME for its latest version")
    parser.add_argument("--pull", action="store_true", help="fetch it if it is not here")
    add_context(parser)
    add_output(parser)
    parser = add("lock", "write the digests of versions into a lock file, for `pull --locked`", lock_command)
    parser.add_argument("tags", nargs="+", metavar="TAG", help="NAME:VERSION, or NAME for its latest version")
    parser.add_argument("--file", type=Path, default=Path(_LOCK), metavar="FILE", help="(default %(default)s)")
    add_context(parser)
    add_output(parser)


def add_locked(parser: Any) -> None:
    """Let `pull` take its versions from a lock file."""
    what = f"pull what FILE has locked (default {_LOCK}), and check it"
    parser.add_argument("--locked", nargs="?", type=Path, const=Path(_LOCK), metavar="FILE", help=what)


def scan_command(args: argparse.Namespace, face: Face) -> Answer:
    """`scan TAG`: what loading each file would run."""
    found = client_of(args).scan(args.tag, pull=args.pull)
    safe = "It has no pickle, nor another file that is known to run something when it is loaded."
    table = Table(found, SCAN_HEAD, scan_row, safe)
    text = str(table) if any(each.verdict != "safe" for each in found) or not found else f"{table}\n\n{safe}"
    return Answer(table, text, data=[each.to_dict() for each in found])


def lock_command(args: argparse.Namespace, face: Face) -> Answer:
    """`lock TAG ...`: digests into a lock file."""
    known = client_of(args).lock(*args.tags, path=args.file)
    return Answer(known, f"Locked {', '.join(f'`{tag}`' for tag in known)} in `{args.file}`.", data=known, live=True)


def pull_locked_command(args: argparse.Namespace, face: Face) -> Answer:
    """`pull --locked`: every version of a lock file, checked."""
    models = client_of(args).pull_locked(args.locked)
    names = ", ".join(f"`{model.tag}`" for model in models)
    text = f"The local store has {names} as locked." if models else "The lock file locks nothing."
    return Answer(models, text, data=[model.to_dict() for model in models], live=True)


def scan_row(scanned: Scanned) -> tuple[str, ...]:
    """Return a file as a row of a table; the verdict is a mark and a word."""
    shown = ", ".join(scanned.imports[:6]) + (f" and {len(scanned.imports) - 6} more" if scanned.imports[6:] else "")
    return scanned.path, scanned.kind, _MARKS[scanned.verdict], scanned.problem or shown
