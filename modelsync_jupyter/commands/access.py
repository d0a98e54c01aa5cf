"""Signing in and out, and running a registry."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from modelsync_jupyter.core.errors import MissingDependency, UsageError
from modelsync_jupyter.core.steps import Step

from . import client_of
from .answers import Answer
from .face import Face
from .tables import Table
from .views import CONTEXT_HEAD, context_row

if TYPE_CHECKING:
    from modelsync_jupyter.client import Client

TOKEN_VARIABLE = "MODELSYNC_TOKEN"
_DEFAULT = "default"
_ENVIRONMENT = "__env__"


def login_command(args: argparse.Namespace, face: Face) -> Answer:
    """`login ENDPOINT`: check the address, ask for the token, check it, then remember both."""
    from modelsync_jupyter.client import check_endpoint

    client = client_of(args)
    endpoint, name = _where(args, client)
    endpoint = check_endpoint(endpoint)  # before anybody is asked for a token
    context = client.login(endpoint, _token(args, face, endpoint), name=name)
    user = f" as `{context.email}`" if context.email else ""
    text = f"Signed in to {context.endpoint}{user} (saved as `{context.name}`)."
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
    try:
        server = import_module("modelsync_jupyter.registry.server")
    except ImportError as error:
        raise MissingDependency(f"The registry needs `{error.name}`, which is not installed.") from error
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
        if wanted and context.name != _ENVIRONMENT:
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
