"""The commands, their options and the function of each: one grammar for the shell and the notebook."""

from __future__ import annotations

import argparse
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.config import DEFAULT_THREADS, MAX_THREADS

from . import access, models, transfer
from .parser import Parser, ShowVersion, pair, positive, rate, threads

_OUTPUTS = ("table", "json", "yaml")
_TAG_HELP = "NAME:VERSION, or NAME for its latest version"
_EXIT_CODES = """\
Exit codes: 0 done; 1 failed, with one line on stderr that says what happened and what to do next; 2 wrong usage;
130 cancelled."""


@lru_cache(maxsize=2)  # one for each face: a notebook reads many lines in one process
def build_parser(prog: str = "modelsync") -> Parser:
    """Build the parser of the whole command line.

    Args:
        prog: What the user types: `modelsync` in a shell, `%modelsync` in a notebook.
    """
    start = f"Start with:  {prog} login ENDPOINT,  then  {prog} push NAME:VERSION.  See it work:  {prog} demo"
    parser = Parser(
        prog=prog,
        description="Move models between the notebook where they are made and the registry where a team keeps them.",
        epilog=start if prog.startswith("%") else f"{start}\n\n{_EXIT_CODES}",
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version")
    _add_global(parser, home=None, quiet=False)
    add = partial(_command, parser.add_subparsers(dest="command", metavar="COMMAND", title="commands"))
    _add_transfer_commands(add)
    _add_model_commands(add)
    _add_access_commands(add)
    return parser


def _add_transfer_commands(add: Any) -> None:
    for verb, what in (("push", "send a model to the registry"), ("pull", "fetch a model from the registry")):
        parser = add(verb, what, transfer.move_command)
        parser.add_argument("tag", metavar="TAG", help=_TAG_HELP)
        parser.add_argument("-f", "--force", action="store_true", help="replace what is there under the same tag")
        parser.add_argument(
            "-t",
            "--threads",
            type=threads,
            default=DEFAULT_THREADS,
            metavar="N",
            help=f"parts transferred in parallel, 1 to {MAX_THREADS} (default {DEFAULT_THREADS})",
        )
        parser.add_argument(
            "--rate-limit", type=rate, metavar="RATE", help="maximum bytes per second, such as `20MB` (default: none)"
        )
        _add_context(parser)
        _add_background(parser)
        parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be done, and do nothing")
        _add_output(parser, "path")
    _add_output(add("transfers", "list all pushes and pulls, running and ended", transfer.transfers_command))
    for verb, what, run in (
        (
            "attach",
            "follow a transfer to its end; Ctrl-C stops following, not the transfer",
            transfer.attach_command,
        ),
        ("cancel", "stop a transfer; it can be resumed", transfer.cancel_command),
        ("resume", "run a transfer again; it resumes where it left off", transfer.resume_command),
    ):
        parser = add(verb, what, run)
        parser.add_argument("id", metavar="ID", help="id of the transfer, or the beginning of it")
        if verb == "resume":
            _add_background(parser)
        _add_output(parser)


def _add_model_commands(add: Any) -> None:
    for verb, what, run in (
        ("list", "list models, in the local store or in the registry", models.list_command),
        ("status", "compare the local store with the registry", models.status_command),
    ):
        parser = add(verb, what, run)
        parser.add_argument("name", nargs="?", metavar="NAME", help="only the versions of this model, or NAME:VERSION")
        if verb == "list":
            parser.add_argument("--remote", action="store_true", help="ask the registry")
        else:
            _add_hash(parser)
        parser.add_argument("--search", metavar="TEXT", help="only models whose name contains TEXT")
        parser.add_argument(
            "--query", metavar="Q", help="the registry's query, such as `label:stage=prod sort:size-desc`"
        )
        parser.add_argument(
            "-n", "--limit", type=positive, metavar="N", help="at most N (default: 100 in a table, else all)"
        )
        _add_context(parser)
        _add_output(parser)

    parser = add("get", "show one local model", models.get_command)
    parser.add_argument("tag", metavar="TAG", help=_TAG_HELP)
    _add_hash(parser)
    _add_output(parser, "path")

    parser = add("create", "save a file or a folder as a new model", models.create_command)
    parser.add_argument("name", metavar="NAME[:VERSION]", help="its tag; without a version, a new one is made")
    parser.add_argument("path", type=Path, metavar="PATH", help="the file or folder to copy in")
    parser.add_argument("--label", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    parser.add_argument("--metadata", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    _add_output(parser, "path")

    what = "delete local models; a name without a version means all its versions"
    parser = add("delete", what, models.delete_command)
    parser.add_argument("tags", nargs="+", metavar="TAG", help="NAME:VERSION, or NAME for every version of it")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    _add_output(parser)


def _add_access_commands(add: Any) -> None:
    parser = add(
        "login",
        "sign in to a registry",
        access.login_command,
        epilog="A token on the command line stays in your shell's history. Safer: answer the prompt, pipe the\n"
        "token in with --token-stdin, or set MODELSYNC_TOKEN.",
    )
    what = "the registry's URL (default: that of the context)"
    parser.add_argument("endpoint", nargs="?", metavar="ENDPOINT", help=what)
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--token", metavar="T", help="the API token; note that it lands in your shell's history")
    given.add_argument("--token-stdin", action="store_true", help="read the API token from standard input")
    parser.add_argument("--name", metavar="NAME", help="name of the context (default: `default`)")
    _add_output(parser)

    parser = add("logout", "forget a registry and its token", access.logout_command)
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the context (default: the current one)")

    parser = add("contexts", "list the registries you are signed in to", access.contexts_command)
    parser.add_argument("--use", metavar="NAME", help="make this the current one")
    _add_output(parser)

    parser = add("serve", "run a registry until Ctrl-C or SIGTERM", access.serve_command)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8642, help="port; 0 takes a free one (default %(default)s)")
    parser.add_argument(
        "--data", type=Path, default=Path("modelsync-registry"), metavar="DIR", help="(default %(default)s)"
    )
    parser.add_argument("--db", metavar="URL", help="SQLAlchemy URL of the catalog (default: SQLite in DIR)")

    what = "train, save, push, pull, compare and use a real model in a temporary folder"
    parser = add("demo", what, access.demo_command)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in DIR, which must be empty, and keep it")


def _command(commands: Any, name: str, what: str, run: Any, **options: Any) -> Parser:
    parser: Parser = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".", **options)
    parser.set_defaults(run=run)
    _add_global(parser, home=argparse.SUPPRESS, quiet=argparse.SUPPRESS)
    return parser


def _add_global(parser: Parser, *, home: Any, quiet: Any) -> None:
    group = parser.add_argument_group("everywhere")
    what = "BentoML's home (default $BENTOML_HOME or ~/bentoml)"
    group.add_argument("--home", default=home, metavar="DIR", help=what)
    group.add_argument("-q", "--quiet", action="store_true", default=quiet, help="no progress bar and no remarks")


def _add_context(parser: Parser) -> None:
    parser.add_argument("-c", "--context", metavar="NAME", help="which registry (default: the current context)")


def _add_background(parser: Parser) -> None:
    parser.add_argument("-b", "--background", action="store_true", help="run in a process of its own; print its id")


def _add_hash(parser: Parser) -> None:
    what = "read local files whose digest is not known yet (it is kept)"
    parser.add_argument("--hash", action="store_true", help=what)


def _add_output(parser: Parser, *more: str) -> None:
    choices = (*_OUTPUTS, *more)
    parser.add_argument("-o", "--output", choices=choices, default="table", metavar="FORMAT", help=", ".join(choices))
