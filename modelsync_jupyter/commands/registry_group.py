"""The group `registry`: its commands, and the options of each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from . import registry, upkeep
from .options import add_command, add_context, add_output
from .parser import Parser, ago, ahead, pair, positive

_REGISTRY_EXAMPLES = """\
examples:
  registry user add ann --role developer
  registry token add laptop --user ann --expires 30d --token-file ann.token
  registry grant add sentiment bob reader
  registry visibility sentiment private
  registry audit --of sentiment --since 7d"""
_USER_EXAMPLES = """\
examples:
  registry user add ann --role developer       sees and pushes all public models
  registry user add nightly --robot            a program; sees what it will be granted, and nothing else
  registry user set ann --role admin
  registry user disable ann                    her tokens are refused; `enable` undoes that"""
_TOKEN_EXAMPLES = """\
examples:
  registry token add ci --scope write --expires 12h
  registry token add laptop --user ann --token-file ann.token
  registry token list --user ann
  registry token revoke ID                     and the tokens that it made for itself"""
_GRANT_EXAMPLES = """\
examples:
  registry grant add sentiment nightly writer
  registry grant list sentiment
  registry grant remove sentiment nightly"""
_CREATE_EXAMPLES = """\
examples:
  registry create sentiment --private --description 'Tells praise from blame.'"""
_DESCRIBE_EXAMPLES = """\
examples:
  registry describe sentiment                  what is written there
  registry describe sentiment 'Tells praise from blame.' --label team=nlp
  registry describe sentiment '' --remove team"""
_AUDIT_EXAMPLES = """\
examples:
  registry audit --since 12h
  registry audit --operation sign-in-failed --from 10.0.0.7
  registry audit --of sentiment:v1
  registry audit --since 30d -o jsonl > audit.jsonl"""
_ROLES = ("none", "guest", "developer", "admin")


def add_commands(add: Any) -> None:
    """Add the group `registry`: each command in it works on a running registry, as the user who is signed in."""
    what = "manage the registry: users, tokens, grants, audit trail"
    group = add("registry", what, None, epilog=_REGISTRY_EXAMPLES)
    add = partial(add_command, group.add_subparsers(dest="group", metavar="COMMAND", title="commands"))
    _add_user_commands(_group(add, "user", "users, and their roles in the whole registry", _USER_EXAMPLES))
    _add_token_commands(_group(add, "token", "API tokens, of oneself or as an admin of anybody", _TOKEN_EXAMPLES))
    _add_grant_commands(_group(add, "grant", "what users may do in single repositories", _GRANT_EXAMPLES))

    upkeep.add_commands(add)
    _add_repository_commands(add)
    what = "list what was done in the registry, newest first"
    parser = add("audit", what, registry.audit_command, epilog=_AUDIT_EXAMPLES)
    parser.add_argument("--user", metavar="NAME", help="only what this user did")
    parser.add_argument("--operation", metavar="WORD", help="only this, such as `pushed` or `sign-in-failed`")
    parser.add_argument("--of", metavar="NAME", help="only what happened to this: a repository, a tag, a user, a token")
    parser.add_argument("--from", dest="address", metavar="ADDRESS", help="only what came from this address")
    parser.add_argument("--since", type=ago, metavar="TIME", help="a date, or an age such as `12h`, `30d`, `8w`")
    parser.add_argument("--until", type=ago, metavar="TIME", help="likewise")
    parser.add_argument("-n", "--limit", type=positive, metavar="N", help="at most N; in a table 100 by default")
    _add_managed(parser, "jsonl")


def _add_repository_commands(add: Any) -> None:
    what = "create a repository before the first push, so that it can be private from the start"
    parser = add("create", what, registry.create_repository_command, epilog=_CREATE_EXAMPLES)
    parser.add_argument("name", metavar="NAME", help="the name of its models")
    parser.add_argument("--private", action="store_true", help="only those with access see it")
    parser.add_argument("--description", default="", metavar="TEXT", help="what people should know of it")
    _add_managed(parser)

    what = "show, or change, the description and labels of a repository"
    parser = add("describe", what, registry.describe_command, epilog=_DESCRIBE_EXAMPLES)
    parser.add_argument("repository", metavar="REPOSITORY", help="the name of its models")
    parser.add_argument("description", nargs="?", metavar="TEXT", help="a text about it; '' removes the one there is")
    parser.add_argument("--label", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    parser.add_argument("--remove", action="append", default=[], metavar="K", help="a label to remove")
    _add_managed(parser)

    parser = add("visibility", "show or change who can see a repository", registry.visibility_command)
    parser.add_argument("repository", metavar="REPOSITORY", help="the name of its models")
    parser.add_argument("visibility", nargs="?", choices=("private", "public"), help="private: only those with access")
    _add_managed(parser)


def _add_user_commands(add: Any) -> None:
    parser = add("list", "list users; for admins", registry.list_users_command)
    parser.add_argument("--search", metavar="TEXT", help="only users whose name contains TEXT")
    _add_managed(parser)
    what = "show one user, and what they were granted; yourself, or as an admin anybody"
    parser = add("show", what, registry.show_user_command)
    parser.add_argument("name", metavar="NAME", help="the name of the user")
    _add_managed(parser)
    parser = add("add", "create a user; for admins", registry.add_user_command)
    parser.add_argument("name", metavar="NAME", help="the name of the user")
    parser.add_argument("--role", choices=_ROLES, default="none", help="in the whole registry (default %(default)s)")
    parser.add_argument("--robot", action="store_true", help="it is a program, such as a CI pipeline")
    _add_managed(parser)
    parser = add("set", "change the role of a user; for admins", registry.set_user_command)
    parser.add_argument("name", metavar="NAME", help="the name of the user")
    parser.add_argument("--role", choices=_ROLES, required=True, help="in the whole registry")
    _add_managed(parser)
    for verb, what in (("disable", "refuse all tokens of a user"), ("enable", "let a disabled user sign in again")):
        parser = add(verb, f"{what}; for admins", registry.disable_user_command)
        parser.add_argument("name", metavar="NAME", help="the name of the user")
        _add_managed(parser)


def _add_token_commands(add: Any) -> None:
    parser = add("list", "list your tokens; for an admin, everybody's", registry.list_tokens_command)
    parser.add_argument("--user", metavar="NAME", help="only those of this user")
    _add_managed(parser)
    parser = add("add", "create a token, which is shown only once", registry.add_token_command)
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument("--user", metavar="NAME", help="whose it will be (default: yours; it ends with your own token)")
    what = "how much of what its user may do (default %(default)s)"
    parser.add_argument("--scope", choices=("read", "write", "all"), default="all", help=what)
    what = "when it stops being valid: a date, or `12h`, `30d`, `8w` from now"
    parser.add_argument("--expires", type=ahead, metavar="TIME", help=what)
    what = "write it into a new file that only you can read, instead of printing it"
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=what)
    _add_managed(parser)
    parser = add("revoke", "revoke a token, and those that it created for itself", registry.revoke_token_command)
    parser.add_argument("id", metavar="ID", help="id of the token")
    parser.add_argument("--issued", action="store_true", help="also those that it created for other users; for admins")
    _add_managed(parser)


def _add_grant_commands(add: Any) -> None:
    parser = add("list", "list who was granted what in a repository; for its owners", registry.list_grants_command)
    parser.add_argument("repository", metavar="REPOSITORY", help="the name of its models")
    _add_managed(parser)
    for verb, what, run in (
        ("add", "grant a user a right in a repository; for its owners", registry.add_grant_command),
        ("remove", "take away what a user was granted; for its owners", registry.remove_grant_command),
    ):
        parser = add(verb, what, run)
        parser.add_argument("repository", metavar="REPOSITORY", help="the name of its models")
        parser.add_argument("user", metavar="USER", help="the name of the user")
        if verb == "add":
            what = "reader pulls; writer also pushes; owner also deletes and grants"
            parser.add_argument("right", choices=("reader", "writer", "owner"), help=what)
        _add_managed(parser)


def _group(add: Any, name: str, what: str, examples: str) -> Any:
    """Add a command that has commands of its own; returns what adds those."""
    group = add(name, what, None, epilog=examples)
    commands = group.add_subparsers(dest="action", metavar="COMMAND", title="commands")
    return partial(add_command, commands)


def _add_managed(parser: Parser, *more: str) -> None:
    add_context(parser)
    add_output(parser, *more)
