"""`registry gc` and `registry verify`: upkeep on the machine of a registry, which may serve all the while."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import IntegrityError, MissingDependency, UsageError
from modelsync_jupyter.core.units import format_size

from .answers import Answer
from .face import Face
from .options import add_output

if TYPE_CHECKING:
    from modelsync_jupyter.registry.service import Registry


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
    lines = [f"{bad.fault}: {bad.digest} ({', '.join(bad.versions) or 'no version'})" for bad in found.bad]
    text = f"Read {found.blobs} blobs, {format_size(found.bytes)}: "
    if not lines:
        return Answer(found, f"{text}all are as they were received.", asdict(found))
    face.note("\n".join(lines))
    step = "Push these versions again with force: what is missing is sent and the rest stays."
    raise IntegrityError(f"{text}{len(lines)} are rotten or missing.", step)


def add_commands(add: Any) -> None:
    """Add the commands of this module to the group `registry`."""
    for verb, what, run in (
        ("gc", "free what nobody needs, on the machine of the registry; it may serve all the while", gc_command),
        (
            "verify",
            "read all bytes, on the machine of the registry; fails if some are bad",
            verify_command,
        ),
    ):
        parser = add(verb, what, run)
        parser.add_argument("--data", type=Path, default=Path("modelsync-registry"), metavar="DIR", help="as for serve")
        parser.add_argument("--db", metavar="URL", help="as for serve")
        parser.add_argument("--blobs", metavar="URL", help="as for serve")
        if verb == "gc":
            parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be freed")
        add_output(parser)


def _open(args: argparse.Namespace) -> Registry:
    try:
        from modelsync_jupyter.registry.service import Registry
        from modelsync_jupyter.registry.settings import Settings
    except ImportError as error:
        raise MissingDependency(f"The registry needs `{error.name}`, which is not installed.") from error
    if not args.data.is_dir():
        raise UsageError(f"`{args.data}` is not the folder of a registry.", step="Give the `--data` that it serves.")
    return Registry.open(Settings.from_environment(args.data, args.db, blobs=args.blobs))
