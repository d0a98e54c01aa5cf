"""Commands that look: how two versions differ, and what keeps models from being synced."""

from __future__ import annotations

import argparse
import json
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.plain import one_line
from modelsync_jupyter.core.states import State
from modelsync_jupyter.core.units import format_size

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_context, add_output
from .tables import Table, blocks_text
from .words import CELL, Words

if TYPE_CHECKING:
    from modelsync_jupyter.client import Change, Check, Diff

MARKS = {"ok": "✓ ok", "warning": "! warning", "failed": "✗ failed", "skipped": "- skipped"}
CHECK_HEAD = ("CHECK", "RESULT", "WHAT WAS FOUND", "WHAT TO DO")
_SHORT = 60
#: Columns before what was found, and of the narrowest terminal that lines are broken for.
_INDENT, _NARROW = 29, 60
_STATES = {State.IN_SYNC: "The files are the same", State.DIFFERENT: "The files differ", State.UNKNOWN: ""}


def add_commands(add: Any) -> None:
    """Add the commands of this module to a parser."""
    parser = add("diff", "compare two versions: files, tensors, labels, metadata", diff_command)
    parser.add_argument("old", metavar="TAG", help="a version; with --remote and no other, its two copies are compared")
    parser.add_argument(
        "new", nargs="?", metavar="TAG", help="another version, taken from the registry where it is not local"
    )
    parser.add_argument("--remote", action="store_true", help="compare what the registry has")
    parser.add_argument("--no-tensors", action="store_true", help="do not look into files")
    add_context(parser)
    add_output(parser)

    what = "check the store, the sign-in, the network, the registry and Jupyter"
    parser = add("doctor", what, doctor_command)
    add_context(parser)
    add_output(parser)

    parser = add("panel", "show both sides in a cell, with buttons (notebook only)", panel_command)
    parser.add_argument("name", nargs="?", metavar="TEXT", help="what to search for: a name, or `label:K=V`")
    add_context(parser)


def panel_command(args: argparse.Namespace, face: Face) -> Answer:
    """`panel`: the models of both sides in a cell."""
    if face.words.prefix != CELL.prefix:
        raise UsageError("The panel needs a notebook.", "Write `%modelsync panel` in a cell.")
    from modelsync_jupyter import panel

    return Answer(panel(args.name, home=args.home, context=args.context), "")


def diff_command(args: argparse.Namespace, face: Face) -> Answer:
    """`diff A [B]`: what changed from one version to another."""
    with face.progress(f"diff {args.old}") as bar:
        found = client_of(args).diff(args.old, args.new, remote=args.remote, tensors=not args.no_tensors, progress=bar)
    return Answer(found, diff_text(found), data=found.to_dict())


def doctor_command(args: argparse.Namespace, face: Face) -> Answer:
    """`doctor`: every check with its mark, and what to do about it."""
    checks = client_of(args).doctor()
    table = Table(checks, CHECK_HEAD, lambda check: check_row(check, face.words))
    bad = sum(each.mark == "failed" for each in checks)
    lines = [line for check in checks for line in _check_lines(check, face.words)]
    summary = f"{bad} of {len(checks)} checks failed." if bad else "Everything needed works."
    text = "\n".join([*lines, "", summary])
    return Answer(table, text, data=[each.to_dict() for each in checks], failed=bad > 0)


def diff_text(found: Diff) -> str:
    """Show a diff as text."""
    return blocks_text(diff_blocks(found))


def diff_blocks(found: Diff) -> list[str | Table[Any]]:
    """Show a diff: a sentence, the differences old beside new, and what could not be compared."""
    return [diff_summary(found), Table(found.changes, diff_head(found), change_row, ""), *found.remarks]


def diff_head(found: Diff) -> tuple[str, ...]:
    """Return the titles of a diff's columns: the old version stands left of the new one."""
    return "WHAT", "NAME", "CHANGE", *(f"{side.tag} ({side.where})" for side in (found.old, found.new))


def diff_summary(found: Diff) -> str:
    """Say in a sentence how two versions differ."""
    if found.equal and found.old.tag == found.new.tag:
        sides = f"{found.old.where} and {found.new.where}"
        return f"Both copies of `{found.old.tag}` are equal ({sides}): files, labels, metadata and environment."
    if found.equal:
        return f"`{found.old.tag}` and `{found.new.tag}` are equal: files, labels, metadata and environment."
    sizes = f"{format_size(found.old.size)} | {format_size(found.new.size)}"
    state = _STATES[found.state] or "Not all files could be compared"
    counts = {kind: len(found.of(kind)) for kind in ("file", "tensor", "label", "metadata", "metric")}
    plural = {kind: kind if kind == "metadata" or counts[kind] == 1 else f"{kind}s" for kind in counts}
    many = ", ".join(f"{count} {plural[kind]}" for kind, count in counts.items() if count)
    return f"{state} ({sizes}). Changed: {many or 'facts about the model only'}."


def change_row(change: Change) -> tuple[str, ...]:
    """Return a difference as a row of a table."""
    name = f"{change.file}: {change.name}" if change.file else change.name
    how = {"unknown": "not known"}.get(change.how, change.how)
    return change.kind, name, how, _value(change.kind, change.old), _value(change.kind, change.new)


def check_row(check: Check, words: Words) -> tuple[str, ...]:
    """Return a check as a row: a mark and a word, so that neither colour nor symbol is needed to read it."""
    return check.name, MARKS[check.mark], check.text, words.step(check.step) if check.step.text else ""


def _check_lines(check: Check, words: Words) -> list[str]:
    """Write a check for a terminal, what to do on a line of its own: a row of both is wider than most windows."""
    name, mark, text, step = check_row(check, words)
    width = max(_NARROW, get_terminal_size().columns) - _INDENT
    lines = [line for said in (text, f"→ {step}" if step else "") for line in wrap(said, width, break_on_hyphens=False)]
    return [f"{mark:<11}{name:<18}{lines[0]}", *(f"{'':{_INDENT}}{line}" for line in lines[1:])]


def _value(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == "file":
        digest = (value["digest"] or "").partition(":")[2][:8]
        link = f"→ {value['link']}" if value["link"] else ""
        return link or f"{format_size(value['size'])} {digest}".rstrip()
    if kind == "tensor":
        return f"{value['dtype']} {' x '.join(map(str, value['shape'])) or 'scalar'}"
    text = one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
