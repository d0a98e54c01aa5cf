"""Exports and imports."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.config import DEFAULT_THREADS, MAX_THREADS
from modelsync_jupyter.core.errors import UsageError

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_background, add_output
from .parser import Parser, rate, threads
from .transfer import ended, handle
from .views import plan_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import FilePlan

_EXPORTS = """\
`bentomodel` is BentoML's own format, a tar.xz: small and slow. `tar` is the fastest, `zst` nearly as fast and smaller.
Passwords of URLs come from the environment: AWS_*, GOOGLE_*, AZURE_*, HF_TOKEN, else FSSPEC_<PROTOCOL>_PASSWORD."""
_IMPORTS = """\
PATH may be what `export` or BentoML wrote, in any format; a snapshot of Hugging Face; a model of MLflow; or any other
file or folder, which becomes a model."""


def add_commands(add: Any) -> None:
    """Add `export` and `import`."""
    what = "write a model to a file, a folder or a URL, without a registry"
    parser = add("export", what, export_command, epilog=_EXPORTS)
    parser.add_argument("tag", metavar="TAG", help="NAME:VERSION, or NAME for its latest version")
    path = "file, folder to put it into, or URL such as s3://bucket/dir/ (default: this folder)"
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help=path)
    formats = "bentomodel, tar, gz, bz2, xz, zst, zip or folder (default: by PATH, else bentomodel)"
    parser.add_argument("--format", metavar="FORMAT", help=formats)
    _add_options(parser)

    what = "take a model from a file, a folder or a URL"
    parser = add("import", what, import_command, epilog=_IMPORTS)
    parser.add_argument("path", metavar="PATH", help="file, folder, or URL such as hf://org/name@revision")
    parser.add_argument("--as", dest="name", metavar="NAME[:VERSION]", help="import it under this tag")
    _add_options(parser, "path")


def _add_options(parser: Parser, *outputs: str) -> None:
    parser.add_argument("-f", "--force", action="store_true", help="replace what is there")
    parser.add_argument(
        "-t", "--threads", type=threads, default=DEFAULT_THREADS, metavar="N", help=f"1 to {MAX_THREADS} (default 10)"
    )
    parser.add_argument("--rate-limit", type=rate, metavar="RATE", help="maximum bytes per second, such as `20MB`")
    add_background(parser)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be done, and do nothing")
    add_output(parser, *outputs)


def export_command(args: argparse.Namespace, face: Face) -> Answer:
    """`export TAG [PATH]`: the outcome; a plan; or a transfer."""
    client, force, threads, rate = client_of(args), args.force, args.threads, args.rate_limit
    tag, path, format = args.tag, args.path, args.format
    if args.dry_run:
        return _planned(client.plan_export(tag, path, format=format, force=force, threads=threads, rate_limit=rate))
    if args.background:
        started = client.export_in_background(tag, path, format=format, force=force, threads=threads, rate_limit=rate)
        return handle(started, face)
    with face.progress(f"export {tag}") as bar:
        outcome = client.run_export(
            tag,
            path,
            format=format,
            force=force,
            threads=threads,
            rate_limit=rate,
            progress=bar or False,
            on_wait=face.note,
        )
    return ended(outcome, args, client, face)


def import_command(args: argparse.Namespace, face: Face) -> Answer:
    """`import PATH`: the model; a plan; or a transfer."""
    client, force, threads, rate = client_of(args), args.force, args.threads, args.rate_limit
    if args.output == "path" and (args.dry_run or args.background):
        raise UsageError("`--output path` needs a transfer that has ended.", step="Use `--output json` instead.")
    if args.dry_run:
        return _planned(client.plan_import(args.path, name=args.name, force=force, threads=threads, rate_limit=rate))
    if args.background:
        started = client.import_in_background(args.path, name=args.name, force=force, threads=threads, rate_limit=rate)
        return handle(started, face)
    with face.progress("import") as bar:
        outcome = client.run_import(
            args.path,
            name=args.name,
            force=force,
            threads=threads,
            rate_limit=rate,
            progress=bar or False,
            on_wait=face.note,
        )
    return ended(outcome, args, client, face)


def _planned(plan: FilePlan) -> Answer:
    return Answer(plan, plan_text(plan), data=plan.to_dict())
