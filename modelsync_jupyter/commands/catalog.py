"""Versions in the registry: `alias`, `label`, `history`, `restore`, and what `delete --remote` does.

With `--local`, `label` changes a local model, whose labels are in its model.yaml, and `restore` undoes a local
`delete`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.units import format_age, format_size, short_digest

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_context, add_output
from .parser import pair, positive
from .tables import Table
from .views import labels_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import Alias, Deed, Deleted, Trashed

_ALIASES = ("ALIAS", "VERSION", "SINCE", "BY")
_DEEDS = ("TIME (UTC)", "ACTION", "VERSION", "BY", "FROM", "SIZE", "DIGEST", "DETAILS")
_DELETED = ("TAG", "SIZE", "DELETED", "BY", "UNTIL (UTC)")
_TRASHED = ("TAG", "ON DISK", "DELETED", "UNTIL (UTC)")
_ALIAS_EXAMPLES = """\
examples:
  alias sentiment                              its aliases
  alias sentiment:v2 production                point it at v2; it is created if it does not exist
  alias sentiment:v2 production --expect v1    only if it points at v1 now
  alias --delete sentiment:production          remove it; the version stays
  history sentiment --alias production         who moved it, and when"""
_LABEL_EXAMPLES = """\
examples:
  label sentiment:v2 stage=prod team=nlp       in the registry; the files stay as they are
  label sentiment:v2 --remove team --description 'trained on May'
  label sentiment:v2 stage=prod --local        in the local model.yaml: that is a file of the model, so a
                                               copy in the registry is `different` afterwards"""
_HISTORY_EXAMPLES = """\
examples:
  history sentiment
  history sentiment:v2 -n 20 --output json
  history sentiment --alias production"""
_RESTORE_EXAMPLES = """\
examples:
  restore                                      what can be restored, and until when
  restore sentiment:v1
  restore sentiment                            the whole model, with what was deleted together with it
  restore --local                              what was deleted from this computer within a week
  restore --local sentiment:v1"""


def alias_command(args: argparse.Namespace, face: Face) -> Answer:
    """`alias NAME`, `alias NAME:VERSION ALIAS`, `alias --delete NAME:ALIAS`."""
    catalog = client_of(args).catalog
    if args.delete:
        gone = catalog.drop_alias(args.tag)
        return Answer(gone, f"Removed `{args.tag}`, which was version `{gone.version}`.", gone.to_dict())
    if args.alias is None:
        if ":" in args.tag:
            raise UsageError("An alias is missing.", step="Write `alias NAME:VERSION ALIAS`, or `alias NAME` to list.")
        table = Table(catalog.aliases(args.tag), _ALIASES, _alias_row, f"`{args.tag}` has no aliases.")
        return Answer(table, str(table), [alias.to_dict() for alias in table])
    expected = {"expected": args.expect or None} if args.expect is not None else {}
    moved = catalog.move_alias(args.tag, args.alias, **expected)
    name = args.tag.partition(":")[0]
    return Answer(moved, f"`{name}:{moved.name}` is now version `{moved.version}`.", moved.to_dict())


def label_command(args: argparse.Namespace, face: Face) -> Answer:
    """`label NAME:VERSION K=V ...`: change labels and description in the registry, or with `--local` here."""
    if not (args.labels or args.remove or args.description is not None):
        raise UsageError("There is nothing to change.", step="Give `KEY=VALUE`, `--remove` or `--description`.")
    client, change = client_of(args), {"labels": dict(args.labels), "description": args.description}
    if args.local:
        if args.context:
            raise UsageError("`--context` is for a registry.", "Leave out `--local` or `--context`.")
        model = client.edit(args.tag, remove=args.remove, **change)
        said = _changed(f"`{model.tag}` on this computer", model.info.labels)
        return Answer(model, f"{said} A copy in the registry stays as it is.", model.to_dict())
    record = client.catalog.change(args.tag, remove=tuple(args.remove), **change)
    return Answer(record, _changed(f"`{record.tag}` in the registry", record.labels), record.details())


def history_command(args: argparse.Namespace, face: Face) -> Answer:
    """`history NAME[:VERSION]`: who did what to it in the registry, and when."""
    found = client_of(args).catalog.history(args.tag, alias=args.alias or "", limit=args.limit)
    table = Table(found, _DEEDS, _deed_row, "Nothing was done yet.")
    return Answer(table, str(table), [deed.to_dict() for deed in table])


def restore_command(args: argparse.Namespace, face: Face) -> Answer:
    """`restore`: what can be restored; `restore TAG`: do it."""
    if args.local:
        return _restore_local(args)
    catalog = client_of(args).catalog
    if args.tag is None:
        table = Table(catalog.deleted(), _DELETED, _deleted_row, "There is nothing to restore.")
        return Answer(table, str(table), [model.to_dict() for model in table])
    catalog.restore(args.tag)
    return Answer(None, f"Restored `{args.tag}` in the registry.", {"tag": args.tag})


def _restore_local(args: argparse.Namespace) -> Answer:
    client = client_of(args)
    if args.tag is None:
        table = Table(client.deleted(), _TRASHED, _trashed_row, "There is nothing to restore.")
        return Answer(table, str(table), [item.to_dict() for item in table])
    back = [str(tag) for tag in client.restore(args.tag)]
    return Answer(None, f"Restored {', '.join(f'`{tag}`' for tag in back)}.", back)


def delete_remote(args: argparse.Namespace, face: Face) -> Answer:
    """`delete --remote TAG ...`: delete in the registry, after what is to go was typed once more."""
    catalog = client_of(args).catalog
    for word in args.tags:
        what = f"version `{word}`" if ":" in word else f"all versions of `{word}`"
        if not args.yes and not face.confirm(f"Delete {what} from the registry, for everybody?", typed=word):
            return Answer(None, "Nothing was deleted.", data=[])
    for word in args.tags:
        catalog.delete(word)
    said = ", ".join(f"`{word}`" for word in args.tags)
    undo = " and ".join(face.words.command("restore", tag=word) for word in args.tags)
    return Answer(None, f"Deleted {said} from the registry. For a while {undo} undoes that.", data=args.tags)


def add_commands(add: Any) -> None:
    """Add the commands of this module to a grammar."""
    parser = add(
        "alias", "list the aliases of a model in the registry, or move one", alias_command, epilog=_ALIAS_EXAMPLES
    )
    parser.add_argument("tag", metavar="TAG", help="NAME to list its aliases; NAME:VERSION to point one at it")
    parser.add_argument("alias", nargs="?", metavar="ALIAS", help="the alias, such as `production`")
    what = "move it only if it points at this version now; '' if it does not exist yet"
    parser.add_argument("--expect", metavar="VERSION", help=what)
    parser.add_argument("--delete", action="store_true", help="remove the alias NAME:ALIAS")
    _finish(parser)

    what = "change labels and description of a version, in the registry or locally"
    parser = add("label", what, label_command, epilog=_LABEL_EXAMPLES)
    parser.add_argument("tag", metavar="TAG", help="NAME:VERSION")
    parser.add_argument("labels", nargs="*", type=pair, metavar="K=V", help="labels to set")
    parser.add_argument("--remove", action="append", default=[], metavar="K", help="a label to remove")
    parser.add_argument("--description", metavar="TEXT", help="a text about it; '' removes the one there is")
    parser.add_argument("--local", action="store_true", help="change the local model, not the registry's")
    _finish(parser)

    what = "show what was done to a model in the registry, newest first"
    parser = add("history", what, history_command, epilog=_HISTORY_EXAMPLES)
    parser.add_argument("tag", metavar="TAG", help="NAME, or NAME:VERSION for one version")
    parser.add_argument("--alias", metavar="ALIAS", help="only changes of this alias")
    parser.add_argument("-n", "--limit", type=positive, default=100, metavar="N", help="at most N (default 100)")
    _finish(parser)

    what = "restore what was deleted in the registry or locally, or list it"
    parser = add("restore", what, restore_command, epilog=_RESTORE_EXAMPLES)
    parser.add_argument("tag", nargs="?", metavar="TAG", help="NAME:VERSION, or NAME for a whole model")
    parser.add_argument("--local", action="store_true", help="what was deleted from this computer within a week")
    _finish(parser)


def _changed(what: str, labels: Mapping[str, str]) -> str:
    return f"Changed {what}. Labels: {labels_text(labels) or 'none'}."


def _finish(parser: Any) -> None:
    add_context(parser)
    add_output(parser)


def _alias_row(alias: Alias) -> tuple[str, ...]:
    return alias.name, alias.version, format_age(alias.moved) if alias.moved else "", alias.user


def _deleted_row(gone: Deleted) -> tuple[str, ...]:
    deleted = format_age(gone.time) if gone.time else ""
    until = f"{gone.until:%Y-%m-%d %H:%M}" if gone.until else ""
    return str(gone.model.tag), format_size(gone.model.size), deleted, gone.user, until


def _trashed_row(item: Trashed) -> tuple[str, ...]:
    return str(item.tag), format_size(item.size), format_age(item.deleted), f"{item.until:%Y-%m-%d %H:%M}"


def _deed_row(deed: Deed) -> tuple[str, ...]:
    moved = (
        f"{deed.alias}: {deed.earlier or 'new'} -> {deed.version}" if deed.operation == "aliased" else deed.alias or ""
    )
    return (
        f"{deed.time:%Y-%m-%d %H:%M:%S}" if deed.time else "",
        deed.operation,
        deed.version,
        deed.user,
        deed.address,
        format_size(deed.size) if deed.size is not None else "",
        short_digest(deed.digest),
        moved or deed.client,
    )
