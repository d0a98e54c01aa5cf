"""Exports, imports and syncs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import UsageError

from . import client_of
from .answers import Answer
from .face import Face
from .options import add_background, add_output, add_pace
from .parser import Parser
from .transfer import ended, handle, wants_background
from .views import plan_text, sync_plan_text, sync_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import FilePlan, Outcome, Transfer

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
    """Add `export`, `import` and `sync`."""
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

    what = "copy models between any two of: local, a registry, a folder or URL"
    parser = add("sync", what, sync_command, epilog=_SYNCS)
    parser.add_argument("source", metavar="FROM", help="`local`, a context, or a folder or URL of exports")
    parser.add_argument("target", metavar="TO", help="the same")
    parser.add_argument("--query", default="", metavar="Q", help="only what the registry FROM finds with this query")
    parser.add_argument("--delete", action="store_true", help="in the end, delete from TO what FROM does not have")
    parser.add_argument(
        "-k", "--keep-going", action="store_true", help="continue with the next version where one fails"
    )
    _add_options(parser)


def _add_options(parser: Parser, *outputs: str) -> None:
    parser.add_argument("-f", "--force", action="store_true", help="replace what is there")
    add_pace(parser)
    add_background(parser)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be done, and do nothing")
    add_output(parser, *outputs)


def export_command(args: argparse.Namespace, face: Face) -> Answer:
    """`export TAG [PATH]`: the outcome; a plan; or a transfer."""
    client, how = client_of(args), {"format": args.format, **_how(args)}
    plan, start, run = client.plan_export, client.export_in_background, client.run_export
    return _exchange(args, face, f"export {args.tag}", plan, start, run, args.tag, args.path, **how)


def import_command(args: argparse.Namespace, face: Face) -> Answer:
    """`import PATH`: the model; a plan; or a transfer."""
    if args.output == "path" and (args.dry_run or args.background):
        raise UsageError("`--output path` needs a transfer that has ended.", step="Use `--output json` instead.")
    client, how = client_of(args), {"name": args.name, **_how(args)}
    plan, start, run = client.plan_import, client.import_in_background, client.run_import
    return _exchange(args, face, "import", plan, start, run, args.path, **how)


def _exchange(
    args: argparse.Namespace,
    face: Face,
    what: str,
    plan: Callable[..., FilePlan],
    start: Callable[..., Transfer],
    run: Callable[..., Outcome],
    *given: str,
    **how: Any,
) -> Answer:
    """Plan, start or run an export or import, as the options say."""
    if args.dry_run:
        planned = plan(*given, **how)
        return Answer(planned, plan_text(planned), data=planned.to_dict())
    if wants_background(args, client_of(args), face):
        return handle(start(*given, **how), face)
    with face.progress(what) as bar:
        outcome = run(*given, **how, progress=bar or False, on_wait=face.note)
    return ended(outcome, args, client_of(args), face)


def sync_command(args: argparse.Namespace, face: Face) -> Answer:
    """`sync FROM TO`: the report; a plan; or a transfer."""
    client, ends = client_of(args), (args.source, args.target)
    chosen = {"query": args.query, "delete": args.delete, **_how(args)}
    if args.dry_run:
        plan = client.plan_sync(*ends, **chosen)
        return Answer(plan, sync_plan_text(plan), data=plan.to_dict())
    if wants_background(args, client, face):
        return handle(client.sync_in_background(*ends, keep_going=args.keep_going, **chosen), face)
    with face.progress(f"sync {args.source} {args.target}") as bar:
        report = client.sync(*ends, keep_going=args.keep_going, progress=bar or False, **chosen)
    return Answer(report, sync_text(report), report.to_dict(), live=True)


def _how(args: argparse.Namespace) -> dict[str, Any]:
    return {"force": args.force, "threads": args.threads, "rate_limit": args.rate_limit}
