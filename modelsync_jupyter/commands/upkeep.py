"""`registry gc`, `verify`, `backup`, `migrate`: upkeep on the machine of a registry, which may serve all the while."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import IntegrityError, UsageError
from modelsync_jupyter.core.units import format_size

from . import needs_server
from .answers import Answer
from .face import Face
from .options import add_output

if TYPE_CHECKING:
    from modelsync_jupyter.registry.service import Registry
    from modelsync_jupyter.registry.space import Bad


def gc_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry gc --data DIR`: free what nobody needs, or with `--dry-run` say what that is."""
    from modelsync_jupyter.registry.space import collect_garbage

    registry = _open(args)
    try:
        found = collect_garbage(registry, dry_run=args.dry_run)
    finally:
        registry.database.close()
    verb = "Would free" if args.dry_run else "Freed"
    size = format_size(found.bytes + found.half_received)
    text = (
        f"{verb} {size}: {found.blobs} blobs. Expired uploads: {found.uploads}; "
        f"purged versions: {found.versions}; archives without a version: {found.archives}."
    )
    return Answer(found, text, asdict(found))


def verify_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry verify --data DIR`: read every blob; quarantine what has rotted, and name what it breaks."""
    from modelsync_jupyter.registry.space import verify_blobs

    registry = _open(args)
    try:
        found = verify_blobs(registry)
    finally:
        registry.database.close()
    text = f"Read {found.blobs} blobs, {format_size(found.bytes)}: "
    if not found.bad:
        return Answer(found, f"{text}all are as they were received.", asdict(found))
    face.note(_faults(found.bad))
    step = "Push these versions again with force: what is missing is sent and the rest stays."
    raise IntegrityError(f"{text}{len(found.bad)} are damaged or missing.", step)


def backup_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry backup FOLDER --data DIR`: copy a registry into a folder, which `serve --data` takes as it is."""
    return _copy((args.data, args.db, args.blobs), os.environ, (args.folder, None, None), {}, face)


def migrate_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry migrate --from-data DIR --to-data DIR`: copy a registry to another database and store of blobs."""
    sides = [{"MODELSYNC_DB": os.environ.get(name, "")} for name in ("MODELSYNC_FROM_DB", "MODELSYNC_TO_DB")]
    source = (args.from_data, args.from_db, args.from_blobs)
    return _copy(source, sides[0], (args.to_data, args.to_db, args.to_blobs), sides[1], face)


def _copy(
    source: tuple[Path, str | None, str | None],
    source_environment: Mapping[str, str],
    target: tuple[Path, str | None, str | None],
    target_environment: Mapping[str, str],
    face: Face,
) -> Answer:
    with needs_server():
        from modelsync_jupyter.registry.migrate import migrate
        from modelsync_jupyter.registry.settings import Settings
    here, there = (
        Settings.from_environment(data, db, blobs=blobs, environ=environment)
        for (data, db, blobs), environment in ((source, source_environment), (target, target_environment))
    )
    found = migrate(here, there, face.note)
    text = (
        f"The copy is whole. Versions: {found.versions}; blobs: {found.blobs}; "
        f"copied now: {found.copied}, {format_size(found.bytes)}."
    )
    if found.bad:
        face.note(_faults(found.bad))
        step = "Push these versions again with force, then run this again; all else was copied."
        raise IntegrityError(f"{len(found.bad)} blobs of the source are damaged or missing.", step)
    return Answer(found, text, asdict(found))


def add_commands(add: Any) -> None:
    """Add the commands of this module to the group `registry`."""
    for verb, what, run in (
        ("gc", "free unused space, on the machine of the registry; it may serve meanwhile", gc_command),
        ("verify", "read all bytes, on the machine of the registry; exits with 1 if some are damaged", verify_command),
    ):
        parser = add(verb, what, run)
        _add_registry(parser)
        if verb == "gc":
            parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be freed")
        add_output(parser)

    what = "copy a registry, which may serve meanwhile, into a folder; run it again to copy what is new"
    parser = add("backup", what, backup_command)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder, or that of an earlier backup")
    _add_registry(parser)
    add_output(parser)

    what = "copy a registry to another database and store of blobs; after a break, or to bring it up to date, once more"
    parser = add("migrate", what, migrate_command)
    for side, word in (("from", "the registry"), ("to", "the copy")):
        variable = f"MODELSYNC_{side.upper()}_DB"
        parser.add_argument(f"--{side}-data", type=Path, required=True, metavar="DIR", help=f"folder of {word}")
        what = f"its catalog (default: ${variable}, else SQLite in the folder)"
        parser.add_argument(f"--{side}-db", metavar="URL", help=what)
        parser.add_argument(f"--{side}-blobs", metavar="URL", help="its bucket (default: in the folder)")
    add_output(parser)


def _add_registry(parser: Any) -> None:
    """Let a command find the registry on this machine."""
    parser.add_argument("--data", type=Path, default=Path("modelsync-registry"), metavar="DIR", help="as for serve")
    parser.add_argument("--db", metavar="URL", help="as for serve")
    parser.add_argument("--blobs", metavar="URL", help="as for serve")


def _faults(bad: Sequence[Bad]) -> str:
    return "\n".join(f"{each.fault}: {each.digest} ({', '.join(each.versions) or 'no version'})" for each in bad)


def _open(args: argparse.Namespace) -> Registry:
    with needs_server():
        from modelsync_jupyter.registry.service import Registry
        from modelsync_jupyter.registry.settings import Settings
    if not args.data.is_dir():
        raise UsageError(f"`{args.data}` is not the folder of a registry.", step="Give the `--data` that it serves.")
    return Registry.open(Settings.from_environment(args.data, args.db, blobs=args.blobs))
