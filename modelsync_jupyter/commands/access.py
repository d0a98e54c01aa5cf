"""Signing in and out."""

from __future__ import annotations

import argparse
import os
import sys

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import UsageError

from .answers import Answer
from .face import Face
from .tables import Table
from .views import CONTEXT_HEAD, context_row

TOKEN_VARIABLE = "MODELSYNC_TOKEN"
_DEFAULT = "default"
_ENVIRONMENT = "__env__"


def login_command(args: argparse.Namespace, face: Face) -> Answer:
    """`login ENDPOINT`: check the token, then remember both."""
    endpoint, name = _where(args)
    context = api.login(endpoint, _token(args, face, endpoint), name=name, home=args.home)
    user = f" as `{context.email}`" if context.email else ""
    return Answer(context, f"Signed in to {context.endpoint}{user}; context `{context.name}`.", data=context.to_dict())


def logout_command(args: argparse.Namespace, face: Face) -> Answer:
    """`logout [NAME]`: forget endpoint and token."""
    name = api.logout(args.name, home=args.home)
    return Answer(None, f"Forgot context `{name}` and its token.", data={"name": name})


def contexts_command(args: argparse.Namespace, face: Face) -> Answer:
    """`contexts`: where one is signed in; `--use NAME` switches."""
    if args.use:
        api.use_context(args.use, home=args.home)
    empty = "There are no contexts. Sign in with `modelsync login ENDPOINT`."
    found = Table(api.contexts(home=args.home), CONTEXT_HEAD, context_row, empty)
    return Answer(found, str(found), data=[context.to_dict() for context in found])


def _where(args: argparse.Namespace) -> tuple[str, str]:
    """Endpoint and context name: as given, else those of the context meant, so that `login` alone signs in again."""
    if args.endpoint:
        return args.endpoint, args.name or _DEFAULT
    known = [context for context in api.contexts(home=args.home) if context.name != _ENVIRONMENT]
    for context in known:
        if context.name == args.name or (args.name is None and context.current):
            return context.endpoint, context.name
    raise UsageError("There is no endpoint to sign in to.", step="Give it: `modelsync login https://registry.example`.")


def _token(args: argparse.Namespace, face: Face, endpoint: str) -> str:
    if args.token_stdin:
        token = sys.stdin.readline()
    else:
        token = args.token or os.environ.get(TOKEN_VARIABLE) or face.secret(f"API token for {endpoint}: ")
    if not token.strip():
        raise UsageError("The token is empty.", step="Paste the API token that the registry gave you.")
    return token.strip()
