"""Care of the local store: gc, du and verify."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.units import format_size

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_context, add_output
from .parser import ago, positive
from .tables import Table

if TYPE_CHECKING:
    from modelsync_jupyter.client import Garbage, Usage, Verdict

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
    what = "ask no registry, and delete also what its aliases refer to"
    parser.add_argument("--ignore-aliases", action="store_true", help=what)
    what = "delete for good what `delete` put aside within the last week, which `restore --local` could bring back"
    parser.add_argument("--trash", action="store_true", help=what)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be deleted, and delete nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_output(parser)

    parser = add("du", "show the space that each name takes in the local store", du_command)
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this name")
    add_output(parser)

    parser = add("verify", "read local models again, and compare them with their digests", verify_command)
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
        listed = ", ".join(f"`{model.tag}`" for model in found.models[:10])
        more = f" and {len(found.models) - 10} more" if len(found.models) > 10 else ""
        if not face.confirm(f"Delete {listed}{more} ({format_size(found.freed)}) from this computer?"):
            return Answer(None, "Nothing was deleted.", data={"deleted": []})
    found = client.gc(
        args.name, ignore_aliases=args.ignore_aliases, agreed=found, **rules
    )  # the world went on meanwhile
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
        face.note(f"Besides, {size} are kept so that {what} can be restored; {free} frees that.")
    return Answer(table, str(table), data=[usage.to_dict() for usage in found])


def verify_command(args: argparse.Namespace, face: Face) -> Answer:
    """`verify`: a row for each model; an error where one is damaged."""
    with face.progress("verify") as bar:
        found = client_of(args).verify(args.tag, repair=args.repair, progress=bar or False)

    def row(verdict: Verdict) -> tuple[str, ...]:
        return str(verdict.tag), verdict.state, verdict.digest.partition(":")[2][:12], ", ".join(verdict.files)

    table = Table(found, _VERDICT_HEAD, row, "There are no models here yet.")
    damaged = [verdict for verdict in found if verdict.state == "damaged"]
    if damaged and args.output == "table":
        names = "; ".join(f"`{each.tag}`: {', '.join(each.files[:5]) or 'its files'}" for each in damaged)
        raise IntegrityError(f"Damaged: {names}.", Step("repair", "Fetch the damaged parts from the registry."))
    return Answer(table, str(table), data=[verdict.to_dict() for verdict in found])


def _garbage_text(found: Garbage, verb: str) -> str:
    versions = ", ".join(f"`{model.tag}`" for model in found.models) or "no versions"
    rest = f" and {len(found.leftovers)} leftovers of killed transfers" if found.leftovers else ""
    thrown = f" and {len(found.thrown)} that could be restored" if found.thrown else ""
    text = f"{verb} {versions}{rest}{thrown}: {format_size(found.freed)}."
    return "\n".join([text, *(f"Kept `{tag}`: {reason}." for tag, reason in found.kept.items())])
