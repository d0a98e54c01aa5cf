"""Signing in and out, and running a registry."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.steps import Step

from . import client_of, needs_server
from .answers import Answer
from .face import Face
from .options import add_output
from .tables import Table
from .views import CONTEXT_HEAD, context_row

if TYPE_CHECKING:
    from modelsync_jupyter.client import Client

TOKEN_VARIABLE = "MODELSYNC_TOKEN"
_DEFAULT = "default"


def add_commands(add: Any) -> None:
    """Add the commands that sign in and out, and those that run a registry or show all of it at work."""
    parser = add(
        "login",
        "sign in to a registry",
        login_command,
        epilog="A token on the command line stays in your shell's history. Safer: answer the prompt, pipe the\n"
        "token in with --token-stdin, or set MODELSYNC_TOKEN.",
    )
    what = "the registry's URL (default: that of the context)"
    parser.add_argument("endpoint", nargs="?", metavar="ENDPOINT", help=what)
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--token", metavar="T", help="the API token; note that it lands in your shell's history")
    given.add_argument("--token-stdin", action="store_true", help="read the API token from standard input")
    parser.add_argument("--name", metavar="NAME", help="name of the context (default: `default`)")
    add_output(parser)

    parser = add("logout", "forget a registry and its token", logout_command)
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the context (default: the current one)")

    parser = add("contexts", "list the registries you are signed in to", contexts_command)
    parser.add_argument("--use", metavar="NAME", help="make this the current one")
    add_output(parser)

    _add_serve(add)
    what = "train, save, push, pull, compare and use a real model in a temporary folder"
    parser = add("demo", what, demo_command)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in DIR, which must be empty, and keep it")


def _add_serve(add: Any) -> None:
    parser = add("serve", "run a registry until Ctrl-C or SIGTERM", serve_command)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8642, help="port; 0 takes a free one (default %(default)s)")
    parser.add_argument(
        "--data", type=Path, default=Path("modelsync-registry"), metavar="DIR", help="(default %(default)s)"
    )
    what = "SQLAlchemy URL of the catalog (default: $MODELSYNC_DB, which does not show in `ps`, else SQLite in DIR)"
    parser.add_argument("--db", metavar="URL", help=what)
    what = "bucket and prefix of the blobs: s3://, gs://, az:// (default: $MODELSYNC_BLOBS, else a folder in DIR)"
    parser.add_argument("--blobs", metavar="URL", help=what)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default %(default)s)")
    what = "API requests that a process answers at the same time; connections are not limited (default %(default)s)"
    parser.add_argument("--threads", type=int, default=32, metavar="N", help=what)
    what = "how clients move bytes (default: $MODELSYNC_TRANSMISSION, else presigned_url)"
    parser.add_argument("--strategy", choices=("presigned_url", "proxy", "none"), help=what)
    what = "how long a presigned URL is valid (default: $MODELSYNC_URL_TTL, else 3600)"
    parser.add_argument("--url-ttl", type=float, metavar="SECONDS", help=what)
    what = "a line on stderr for each request, or warnings alone (default: $MODELSYNC_LOG, else text)"
    parser.add_argument("--log", choices=("text", "json", "none"), help=what)
    what = "make a new admin token in DIR/admin-token; the one before ends, and all that it made for itself"
    parser.add_argument("--reset-admin-token", action="store_true", help=what)


def login_command(args: argparse.Namespace, face: Face) -> Answer:
    """`login ENDPOINT`: check the address, ask for the token, check it, then remember both."""
    from modelsync_jupyter.client import check_endpoint

    client = client_of(args)
    endpoint, name = _where(args, client)
    endpoint = check_endpoint(endpoint)  # before anybody is asked for a token
    context = client.login(endpoint, _token(args, face, endpoint), name=name)
    user = f" as `{context.email}`" if context.email else ""
    text = f"Signed in to {context.endpoint}{user} (saved as `{context.name}`)."
    if os.environ.get("BENTO_CLOUD_API_KEY"):
        text += " BENTO_CLOUD_API_KEY overrides it while it is set."
    return Answer(context, text, data=context.to_dict())


def logout_command(args: argparse.Namespace, face: Face) -> Answer:
    """`logout [NAME]`: forget endpoint and token."""
    name = client_of(args).logout(args.name)
    return Answer(None, f"Signed out of `{name}`.", data={"name": name})


def contexts_command(args: argparse.Namespace, face: Face) -> Answer:
    """`contexts`: where one is signed in; `--use NAME` switches."""
    client = client_of(args)
    if args.use:
        client.use_context(args.use)
    empty = f"You are not signed in to any registry. Sign in with {face.words.command('login')}."
    found = Table(client.contexts(), CONTEXT_HEAD, context_row, empty)
    return Answer(found, str(found), data=[context.to_dict() for context in found])


def serve_command(args: argparse.Namespace, face: Face) -> Answer:
    """`serve`: the registry, until it is told to stop."""
    with needs_server():
        from modelsync_jupyter.registry import server
    names = ("host", "port", "data", "db", "blobs", "workers", "threads", "strategy", "url_ttl", "log")
    server.serve(**{name: getattr(args, name) for name in names}, reset_admin_token=args.reset_admin_token)
    return Answer(None, "")


def demo_command(args: argparse.Namespace, face: Face) -> Answer:
    """`demo`: a real model from training to use, in a temporary folder."""
    from modelsync_jupyter.demo import run

    run(face, keep=args.keep)
    return Answer(None, "")


def _where(args: argparse.Namespace, client: Client) -> tuple[str, str]:
    """Return endpoint and context name: as given, else of the context meant, so that `login` alone signs in again."""
    if args.endpoint:
        return args.endpoint, args.name or _DEFAULT
    for context in client.contexts():
        wanted = context.name == args.name or (args.name is None and context.current)
        if wanted and not context.is_environment:
            return context.endpoint, context.name
    step = Step("login", "Give its address, such as `https://registry.example.com`.")
    raise UsageError("There is no registry to sign in to again.", step)


def _token(args: argparse.Namespace, face: Face, endpoint: str) -> str:
    if args.token_stdin:
        token = sys.stdin.readline()
    else:
        token = args.token or os.environ.get(TOKEN_VARIABLE) or face.secret(f"API token for {endpoint}: ")
    if not token.strip():
        raise UsageError("The token is empty.", step="Paste the API token that the registry gave you.")
    return token.strip()
