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
from .views import plan_text, sync_plan_text, sync_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import FilePlan

_EXPORTS = """\
`bentomodel` is BentoML's own format, a tar.xz: small and slow. `tar` is the fastest, `zst` nearly as fast and smaller.
Passwords of URLs come from the environment: AWS_*, GOOGLE_*, AZURE_*, HF_TOKEN, else FSSPEC_<PROTOCOL>_PASSWORD."""
_SYNCS = """\
Content digests alone decide what is new, the same or different. What is different is left alone and reported; --force
replaces it. A sync that was interrupted is resumed by running it again."""
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

    what = "make one end have the models that another has"
    parser = add("sync", what, sync_command, epilog=_SYNCS)
    parser.add_argument("source", metavar="FROM", help="`local`, a context, or a folder or URL of exports")
    parser.add_argument("target", metavar="TO", help="the same")
    parser.add_argument("--query", default="", metavar="Q", help="only what the registry FROM finds with this query")
    parser.add_argument("--delete", action="store_true", help="delete at TO what FROM does not have, in the end")
    parser.add_argument("-k", "--keep-going", action="store_true", help="go on past versions that fail")
    _add_options(parser)


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


def sync_command(args: argparse.Namespace, face: Face) -> Answer:
    """`sync FROM TO`: the report; a plan; or a transfer."""
    client, source, target = client_of(args), args.source, args.target
    chosen: dict[str, Any] = {"query": args.query, "delete": args.delete}
    how: dict[str, Any] = {"force": args.force, "threads": args.threads, "rate_limit": args.rate_limit}
    if args.dry_run:
        plan = client.plan_sync(source, target, **chosen, **how)
        return Answer(plan, sync_plan_text(plan), data=plan.to_dict())
    if args.background:
        return handle(client.sync_in_background(source, target, keep_going=args.keep_going, **chosen, **how), face)
    with face.progress(f"sync {args.source} {args.target}") as bar:
        report = client.sync(source, target, keep_going=args.keep_going, progress=bar, **chosen, **how)
    return Answer(report, sync_text(report), report.to_dict(), live=True)


def _planned(plan: FilePlan) -> Answer:
    return Answer(plan, plan_text(plan), data=plan.to_dict())
