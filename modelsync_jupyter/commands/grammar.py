"""The commands, their options and the function of each: one grammar for the shell and the notebook."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from . import access, care, catalog, config, exchange, insight, models, registry, transfer, upkeep, using
from .options import add_background, add_command, add_context, add_global, add_hash, add_output, add_pace
from .parser import Parser, ShowVersion, ago, ahead, pair, positive

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
    add_global(parser, home=None, quiet=False)
    add = partial(add_command, parser.add_subparsers(dest="command", metavar="COMMAND", title="commands"))
    _add_transfer_commands(add)
    _add_model_commands(add)
    insight.add_commands(add)
    insight.add_panel(add)
    using.add_commands(add)
    config.add_commands(add)
    _add_access_commands(add)
    _add_registry_commands(add)
    return parser


def _add_transfer_commands(add: Any) -> None:
    for verb, what in (("push", "send a model to the registry"), ("pull", "fetch a model from the registry")):
        parser = add(verb, what, transfer.move_command)
        if verb == "pull":
            parser.add_argument("tag", nargs="?", metavar="TAG", help=_TAG_HELP)
            using.add_locked(parser)
        else:
            parser.add_argument("tag", metavar="TAG", help=_TAG_HELP)
        parser.add_argument("-f", "--force", action="store_true", help="replace what is there under the same tag")
        add_pace(parser)
        add_context(parser)
        add_background(parser)
        parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be done, and do nothing")
        add_output(parser, "path")
    exchange.add_commands(add)
    add_output(add("transfers", "list all pushes and pulls, running and ended", transfer.transfers_command))
    for verb, what, run in (
        (
            "attach",
            "follow a transfer to its end; Ctrl-C stops following, not the transfer",
            transfer.attach_command,
        ),
        ("pause", "stop a transfer for now; `resume` continues it", transfer.pause_command),
        ("cancel", "stop a transfer; it can be resumed", transfer.cancel_command),
        ("resume", "run a transfer again; it resumes where it left off", transfer.resume_command),
    ):
        parser = add(verb, what, run)
        parser.add_argument("id", metavar="ID", help="id of the transfer, or the beginning of it")
        if verb == "resume":
            add_background(parser)
        add_output(parser)


def _add_lists(add: Any) -> None:
    for verb, what, run in (
        ("list", "list models, in the local store or in the registry", models.list_command),
        ("status", "compare the local store with the registry", models.status_command),
    ):
        parser = add(verb, what, run)
        parser.add_argument("name", nargs="?", metavar="NAME", help="only the versions of this model, or NAME:VERSION")
        if verb == "list":
            parser.add_argument("--remote", action="store_true", help="ask the registry")
        else:
            add_hash(parser)
        parser.add_argument("--search", metavar="TEXT", help="only models whose name contains TEXT")
        parser.add_argument(
            "--query", metavar="Q", help="the registry's query, such as `label:stage=prod sort:size-desc`"
        )
        parser.add_argument(
            "-n", "--limit", type=positive, metavar="N", help="at most N (default: 100 in a table, else all)"
        )
        add_context(parser)
        add_output(parser)


def _add_model_commands(add: Any) -> None:
    _add_lists(add)
    parser = add("get", "show one local model, or with --remote one of the registry", models.get_command)
    parser.add_argument("tag", metavar="TAG", help=_TAG_HELP)
    parser.add_argument("--remote", action="store_true", help="ask the registry, which also knows aliases")
    add_hash(parser)
    add_context(parser)
    add_output(parser, "path")

    parser = add("create", "save a file or a folder as a new model", models.create_command)
    parser.add_argument("name", metavar="NAME[:VERSION]", help="its tag; without a version, a new one is made")
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="the file or folder to copy in")
    parser.add_argument("--label", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    parser.add_argument("--metadata", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    insight.add_origin(parser)
    add_output(parser, "path")

    what = (
        "delete local models, or with --remote those in the registry; a name without a version means all its versions"
    )
    parser = add("delete", what, models.delete_command)
    parser.add_argument("tags", nargs="+", metavar="TAG", help="NAME:VERSION, or NAME for every version of it")
    parser.add_argument("--remote", action="store_true", help="in the registry, where they can be restored for a while")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_context(parser)
    add_output(parser)
    catalog.add_commands(add)
    care.add_commands(add)


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
    add_output(parser)

    parser = add("logout", "forget a registry and its token", access.logout_command)
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the context (default: the current one)")

    parser = add("contexts", "list the registries you are signed in to", access.contexts_command)
    parser.add_argument("--use", metavar="NAME", help="make this the current one")
    add_output(parser)

    _add_serve(add)
    what = "train, save, push, pull, compare and use a real model in a temporary folder"
    parser = add("demo", what, access.demo_command)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in DIR, which must be empty, and keep it")


def _add_serve(add: Any) -> None:
    parser = add("serve", "run a registry until Ctrl-C or SIGTERM", access.serve_command)
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


def _add_registry_commands(add: Any) -> None:
    """Add the group `registry`: each command in it works on a running registry, as whoever is signed in."""
    what = "manage the registry: users, tokens, grants, audit trail"
    group = add("registry", what, None, epilog=_REGISTRY_EXAMPLES)
    add = partial(add_command, group.add_subparsers(dest="group", metavar="COMMAND", title="commands", required=True))
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
    what = "make a repository before anything is pushed into it, so that it can be private from the beginning"
    parser = add("create", what, registry.create_repository_command, epilog=_CREATE_EXAMPLES)
    parser.add_argument("name", metavar="NAME", help="the name of its models")
    parser.add_argument("--private", action="store_true", help="only who was granted a right in it knows of it")
    parser.add_argument("--description", default="", metavar="TEXT", help="what people should know of it")
    _add_managed(parser)

    what = "show, or change, the description and labels of a repository"
    parser = add("describe", what, registry.describe_command, epilog=_DESCRIBE_EXAMPLES)
    parser.add_argument("repository", metavar="REPOSITORY", help="the name of its models")
    parser.add_argument("description", nargs="?", metavar="TEXT", help="what people should know of it; '' for nothing")
    parser.add_argument("--label", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    parser.add_argument("--remove", action="append", default=[], metavar="K", help="a label to take away")
    _add_managed(parser)

    parser = add("visibility", "ask, or change, who can know of a repository", registry.visibility_command)
    parser.add_argument("repository", metavar="REPOSITORY", help="the name of its models")
    parser.add_argument("visibility", nargs="?", choices=("private", "public"), help="private: only who was granted")
    _add_managed(parser)


def _add_user_commands(add: Any) -> None:
    parser = add("list", "list users; for admins", registry.list_users_command)
    parser.add_argument("--search", metavar="TEXT", help="only users whose name contains TEXT")
    _add_managed(parser)
    what = "show one user, and what they were granted; yourself, or as an admin anybody"
    parser = add("show", what, registry.show_user_command)
    parser.add_argument("name", metavar="NAME", help="the name of the user")
    _add_managed(parser)
    parser = add("add", "make a user; for admins", registry.add_user_command)
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
    parser = add("add", "make a token, which is shown only once", registry.add_token_command)
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument("--user", metavar="NAME", help="whose it will be (default: yours; it ends with your own token)")
    what = "how much of what its user may do (default %(default)s)"
    parser.add_argument("--scope", choices=("read", "write", "all"), default="all", help=what)
    what = "when it stops being valid: a date, or `12h`, `30d`, `8w` from now"
    parser.add_argument("--expires", type=ahead, metavar="TIME", help=what)
    what = "write it into a new file that only you can read, instead of printing it"
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=what)
    _add_managed(parser)
    parser = add("revoke", "make a token useless, and those that it made for itself", registry.revoke_token_command)
    parser.add_argument("id", metavar="ID", help="id of the token")
    parser.add_argument("--issued", action="store_true", help="also those that it made for other users; for admins")
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
    commands = group.add_subparsers(dest="action", metavar="COMMAND", title="commands", required=True)
    return partial(add_command, commands)


def _add_managed(parser: Parser, *more: str) -> None:
    add_context(parser)
    add_output(parser, *more)
