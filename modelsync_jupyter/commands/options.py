"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import Any

from modelsync_jupyter.core.config import DEFAULT_THREADS, MAX_THREADS

from .parser import Parser, pair, rate, threads

TAG_HELP = "NAME:VERSION, or NAME for its latest version"
_OUTPUTS = ("table", "json", "yaml")


def add_command(commands: Any, name: str, what: str, run: Any, **options: Any) -> Parser:
    """Add a command with the options that all have."""
    parser: Parser = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".", **options)
    parser.set_defaults(run=run)
    add_global(parser, home=argparse.SUPPRESS, quiet=argparse.SUPPRESS)
    return parser


def add_global(parser: Parser, *, home: Any, quiet: Any) -> None:
    """Add what may stand before or behind a command."""
    group = parser.add_argument_group("everywhere")
    what = "BentoML's home (default $BENTOML_HOME or ~/bentoml)"
    group.add_argument("--home", default=home, metavar="DIR", help=what)
    group.add_argument("-q", "--quiet", action="store_true", default=quiet, help="no progress bar and no messages")


def add_context(parser: Parser) -> None:
    """Let a command choose the registry."""
    parser.add_argument("-c", "--context", metavar="NAME", help="which registry (default: the current context)")


def add_pace(parser: Parser) -> None:
    """Let a transfer have its own number of threads and rate."""
    what = f"parts transferred in parallel, 1 to {MAX_THREADS} (default: as `config` says, {DEFAULT_THREADS})"
    parser.add_argument("-t", "--threads", type=threads, metavar="N", help=what)
    what = "maximum bytes per second, such as `20MB`, or `none` (default: as `config` says)"
    parser.add_argument("--rate-limit", type=rate, metavar="RATE", help=what)


def add_background(parser: Parser) -> None:
    """Let a transfer run in a process of its own."""
    what = "run in a process of its own, and print its id (default: no; in a notebook as `config` says)"
    parser.add_argument("-b", "--background", action=argparse.BooleanOptionalAction, help=what)


def add_hash(parser: Parser) -> None:
    """Let a command read files for their digests."""
    what = "read local files whose digest is not known yet (it is kept)"
    parser.add_argument("--hash", action="store_true", help=what)


def add_output(parser: Parser, *more: str) -> None:
    """Let a command print its answer for programs."""
    choices = (*_OUTPUTS, *more)
    parser.add_argument("-o", "--output", choices=choices, default="table", metavar="FORMAT", help=", ".join(choices))


def add_origin(parser: Parser) -> None:
    """Let a command note where a model comes from."""
    what = "a number that tells how good it is; may be repeated"
    parser.add_argument("--metric", type=pair, action="append", default=[], metavar="K=V", help=what)
    what = "a file or folder that it was trained on, whose digest is kept; may be repeated"
    parser.add_argument("--dataset", type=pair, action="append", default=[], metavar="K=PATH", help=what)
    what = "do not note the notebook, cell, git commit and packages that it was made with"
    parser.add_argument("--no-provenance", action="store_true", help=what)
