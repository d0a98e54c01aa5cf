"""Care of the local store: gc, du and verify."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import Cancelled, IntegrityError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size, short_digest

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_context, add_output
from .parser import ago, positive
from .tables import Table

if TYPE_CHECKING:
    from modelsync_jupyter.client import Garbage, Usage, Verdict

#: Versions that a sentence names.
_NAMED = 10
_USAGE_HEAD = ("NAME", "VERSIONS", "SIZE", "ON DISK", "SHARED")
_VERDICT_HEAD = ("TAG", "STATE", "DIGEST", "DAMAGED FILES")


def add_commands(add: Any) -> None:
    """Add `gc`, `du` and `verify`."""
    parser = add("gc", "delete old versions from the local store, and what crashes left behind", gc_command)
    parser.add_argument("name", nargs="?", metavar="NAME", help="only versions of this name")
    parser.add_argument("--keep", type=positive, metavar="N", help="keep the newest N versions of each name")
    parser.add_argument("--older-than", type=ago, metavar="AGE", help="only versions older than this, such as 30d")
    what = "keep versions with this label, besides those with a label `keep`; may be repeated"
    parser.add_argument("--keep-label", action="append", default=[], metavar="K[=V]", help=what)
    what = "ask no registry, and also delete versions that aliases refer to"
    parser.add_argument("--ignore-aliases", action="store_true", help=what)
    what = "permanently delete what `delete` removed within the last week; `restore --local` cannot bring it back then"
    parser.add_argument("--trash", action="store_true", help=what)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be deleted, and delete nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_output(parser)

    parser = add("du", "show the disk space that each model takes in the local store", du_command)
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this name")
    add_output(parser)

    parser = add("verify", "read local models again, and check them against their digests", verify_command)
    parser.add_argument("tag", nargs="?", metavar="TAG", help="NAME:VERSION, or NAME for its latest version")
    parser.add_argument("--all", action="store_true", help="all models (the default without TAG)")
    what = "fetch the damaged parts from the registry"
    parser.add_argument("--repair", action="store_true", help=what)
    add_context(parser)
    add_output(parser)


def gc_command(args: argparse.Namespace, face: Face) -> Answer:
    """`gc`: what was deleted, after a question where versions are among it."""
    client = client_of(args)
    age = datetime.now(timezone.utc) - args.older_than if args.older_than else None
    rules: dict[str, Any] = {"keep": args.keep, "older_than": age, "labels": args.keep_label, "trash": args.trash}
    found = client.gc(args.name, dry_run=True, ignore_aliases=args.ignore_aliases, **rules)
    if args.dry_run:
        return Answer(found, _garbage_text(found, "Would delete"), found.to_dict())
    if found.models and not args.yes:
        listed = _name_first([model.tag for model in found.models])
        if not face.confirm(f"Delete {listed} ({format_size(found.freed)}) from this computer?"):
            return Answer(None, "Nothing was deleted.", data={"deleted": []})
    agreed = found  # the world went on meanwhile
    try:
        found = client.gc(args.name, ignore_aliases=args.ignore_aliases, agreed=agreed, **rules)
    except KeyboardInterrupt:
        gone = sum(not model.path.exists() for model in agreed.models)
        said = f"Cancelled: {gone} of {len(agreed.models)} versions were deleted."
        raise Cancelled(said, "Run it again to delete the rest.") from None
    return Answer(found, _garbage_text(found, "Deleted"), found.to_dict(), live=True)


def du_command(args: argparse.Namespace, face: Face) -> Answer:
    """`du`: a row for each name."""
    client = client_of(args)
    found = client.du(args.name)

    def row(usage: Usage) -> tuple[str, ...]:
        sizes = (format_size(size) for size in (usage.size, usage.disk, usage.shared))
        return usage.name, str(usage.versions), *sizes

    table = Table(found, _USAGE_HEAD, row, "There are no models here yet.")
    if not args.name and (trash := client.deleted()):
        size = format_size(sum(item.size for item in trash))
        what = f"{len(trash)} deleted {'version' if len(trash) == 1 else 'versions'}"
        free = face.words.command("gc --trash")
        face.note(f"Another {size} is kept so that {what} can be restored; {free} frees it.")
    return Answer(table, str(table), data=[usage.to_dict() for usage in found])


def verify_command(args: argparse.Namespace, face: Face) -> Answer:
    """`verify`: a row for each model; an error where one is damaged."""
    with face.progress("verify") as bar:
        found = client_of(args).verify(args.tag, repair=args.repair, progress=bar or False)

    def row(verdict: Verdict) -> tuple[str, ...]:
        return str(verdict.tag), verdict.state, short_digest(verdict.digest), ", ".join(verdict.files)

    table = Table(found, _VERDICT_HEAD, row, "There are no models here yet.")
    damaged = [verdict for verdict in found if verdict.state == "damaged"]
    if damaged and args.output == "table":
        names = "; ".join(f"`{each.tag}`: {', '.join(each.files[:5]) or 'its files'}" for each in damaged)
        raise IntegrityError(f"Damaged: {names}.", Step("repair", "Fetch the damaged parts from the registry."))
    return Answer(table, str(table), data=[verdict.to_dict() for verdict in found])


def _garbage_text(found: Garbage, verb: str) -> str:
    what = [_name_first([model.tag for model in found.models])] if found.models else []
    what += [_count(len(found.thrown), "version") + " deleted earlier"] if found.thrown else []
    what += [_count(len(found.leftovers), "leftover") + " of killed transfers"] if found.leftovers else []
    text = f"{verb} {' and '.join(what)}: {format_size(found.freed)}." if what else "There is nothing to delete."
    return "\n".join([text, *(f"Kept `{tag}`: {reason}." for tag, reason in found.kept.items())])


def _name_first(tags: Sequence[Tag]) -> str:
    """Name the first of many versions, and say how many more there are."""
    more = f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else ""
    return ", ".join(f"`{tag}`" for tag in tags[:_NAMED]) + more


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
