"""Models, in the local store and in the registry."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelsync_jupyter.core.errors import InvalidModel, UsageError
from modelsync_jupyter.core.tags import Tag

from . import client_of
from .answers import Answer
from .catalog import delete_remote
from .face import Face
from .options import TAG_HELP, add_context, add_hash, add_origin, add_output
from .parser import pair, positive
from .tables import Facts, Table
from .views import (
    MODEL_HEAD,
    REMOTE_HEAD,
    STATUS_HEAD,
    all_remote_facts,
    model_facts,
    model_row,
    remote_row,
    status_row,
)

if TYPE_CHECKING:
    from modelsync_jupyter.client import Client, Model, RemoteModel

T = TypeVar("T")
_ROWS = 100


def add_commands(add: Any) -> None:
    """Add the commands about models of either side."""
    _add_lists(add)
    parser = add("get", "show one local model, or with --remote one of the registry", get_command)
    parser.add_argument("tag", metavar="TAG", help=TAG_HELP)
    parser.add_argument("--remote", action="store_true", help="ask the registry, which also knows aliases")
    add_hash(parser)
    add_context(parser)
    add_output(parser, "path")

    parser = add("create", "save a file or a folder as a new model", create_command)
    parser.add_argument("name", metavar="NAME[:VERSION]", help="its tag; without a version, one is generated")
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="the file or folder to copy in")
    parser.add_argument("--label", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    parser.add_argument("--metadata", type=pair, action="append", default=[], metavar="K=V", help="may be repeated")
    add_origin(parser)
    add_output(parser, "path")

    what = (
        "delete local models, or with --remote those in the registry; a name without a version means all its versions"
    )
    parser = add("delete", what, delete_command)
    parser.add_argument("tags", nargs="+", metavar="TAG", help="NAME:VERSION, or NAME for every version of it")
    parser.add_argument("--remote", action="store_true", help="in the registry, where they can be restored for a while")
    what = "free the space of local models now, instead of keeping them for a week so that they can be restored"
    parser.add_argument("--permanently", action="store_true", help=what)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_context(parser)
    add_output(parser)


def _add_lists(add: Any) -> None:
    for verb, what, run in (
        ("list", "list models, in the local store or in the registry", list_command),
        ("status", "compare the local store with the registry", status_command),
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


def list_command(args: argparse.Namespace, face: Face) -> Answer:
    """`list [NAME]`: models in the store, or with `--remote` in the registry."""
    client, limit = client_of(args), _limit(args)
    if args.remote:
        remote, total = _remote(args, client, limit)
        return _listing(args, face, remote, total, REMOTE_HEAD, remote_row, _remote_data, "The registry has no models.")
    if args.query or args.context:
        raise UsageError("`--query` and `--context` are for a registry.", step="Add `--remote`.")
    found = client.list_models(args.name, search=args.search or "", limit=limit)

    def data(model: Model) -> dict[str, Any]:
        return {**model.to_dict(), "digest": client.digest(model)}

    empty = "There are no models in the local store yet."
    return _listing(args, face, found, found.total, MODEL_HEAD, model_row, data, empty)


def status_command(args: argparse.Namespace, face: Face) -> Answer:
    """`status [NAME]`: both sides joined, with the state of each version."""
    client, limit = client_of(args), _limit(args)
    search, query = args.search or "", args.query or ""
    with face.progress("hash") as bar:
        found = client.status(
            args.name, search=search, query=query, limit=limit, hash=args.hash, progress=bar if args.hash else None
        )
    empty = "There are no models on either side yet."
    return _listing(args, face, found, found.total, STATUS_HEAD, status_row, lambda version: version.to_dict(), empty)


def get_command(args: argparse.Namespace, face: Face) -> Answer:
    """`get TAG`: one local model, or with `--remote` one of the registry."""
    client = client_of(args)
    if args.remote:
        if args.hash or args.output == "path":
            raise UsageError("`--hash` and `--output path` are for a local model.", "Leave out `--remote`.")
        found = client.get_remote(args.tag)
        return Answer(found, all_remote_facts(found), found.details())
    if args.context:
        raise UsageError("`--context` is for a registry.", step="Add `--remote`.")
    model = client.get(args.tag)
    with face.progress(f"hash {model.tag}") as bar:
        digest = client.digest(model, hash=args.hash, progress=bar if args.hash else None)
    return _answer(model, model_facts(model, digest), digest)


def create_command(args: argparse.Namespace, face: Face) -> Answer:
    """`create NAME PATH`: a file or folder as a new model."""
    if args.path is None:
        raise UsageError("There is no path to save.", "Name a file or a folder.")
    client = client_of(args)
    model = client.save(args.name, args.path, **_described(args))
    return _saved(client, model, face)


def create_in(args: argparse.Namespace, face: Face, fill: Callable[[Path], None]) -> Answer:
    """Create a model of what `fill` writes into the folder that it is given."""
    client = client_of(args)
    with client.create(args.name, **_described(args)) as draft:
        __tracebackhide__ = True  # IPython's: an error of `fill` is not one of ours
        fill(draft.path)
    assert draft.model
    return _saved(client, draft.model, face)


def _described(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "labels": dict(args.label),
        "metadata": {key: _scalar(value) for key, value in args.metadata},
        "metrics": {key: _scalar(value) for key, value in args.metric},
        "datasets": dict(args.dataset),
        "provenance": False if args.no_provenance else None,
    }


def _saved(client: Client, model: Model, face: Face) -> Answer:
    push = face.words.command("push", tag=str(model.tag))
    answer = _answer(model, f"Saved `{model.tag}`. Send it to the registry with {push}.", client.digest(model))
    return answer._replace(live=True)


def delete_command(args: argparse.Namespace, face: Face) -> Answer:
    """`delete TAG ...`: after a question, the versions named."""
    if args.remote:
        return delete_remote(args, face)
    if args.context:
        raise UsageError("`--context` is for a registry.", step="Add `--remote`.")
    client = client_of(args)
    tags = [tag for word in args.tags for tag in _versions(word, client)]
    how = "permanently from" if args.permanently else "from"
    if not args.yes and not face.confirm(f"Delete {_name(tags)} {how} this computer?"):
        return Answer(None, "Nothing was deleted.", data=[])
    gone = [tag for each in tags for tag in client.delete(each, permanently=args.permanently)]
    text = f"Deleted {_name(gone)}."
    if not args.permanently:
        undo = " and ".join(face.words.command("restore-local", tag=str(tag)) for tag in gone[:3])
        rest = " and so on" if len(gone) > 3 else ""
        space = face.words.command("gc --trash")
        text += f" For a week {undo}{rest} undoes that; {space} frees the space now."
    return Answer(None, text, data=[str(tag) for tag in gone])


def _limit(args: argparse.Namespace) -> int | None:
    """Return how many to list: a screenful or two for people, everything for programs, unless told."""
    return args.limit or (_ROWS if args.output == "table" else None)


def _remote(args: argparse.Namespace, client: Client, limit: int | None) -> tuple[Sequence[RemoteModel], int]:
    if not args.name:
        page = client.search_remote(args.search or "", query=args.query or "", limit=limit)
        return page.items, page.total
    found = client.list_remote(query=args.query, name=args.name)
    found = [model for model in found if (args.search or "") in str(model.tag)]
    return found[:limit], len(found)


def _listing(
    args: argparse.Namespace,
    face: Face,
    items: Iterable[T],
    total: int,
    head: Sequence[str],
    row: Callable[[T], Sequence[str]],
    data: Callable[[T], Any],
    empty: str,
) -> Answer:
    """Return a table of what was found; it says so when there is more than it shows."""
    table = Table(items, head, row, "No models match." if args.name or args.search or args.query else empty)
    if len(table) < total:
        face.note(f"{len(table)} of {total} shown; use `--limit` to see more.")
    return Answer(table, str(table), data=[data(item) for item in table])


def _remote_data(model: RemoteModel) -> dict[str, Any]:
    more = {"aliases": list(model.aliases), "downloads": model.downloads}
    return {**model.to_dict(), "digest": model.digest or None, **more}


def _answer(model: Model, text: str | Facts, digest: str | None) -> Answer:
    return Answer(model, text, data={**model.to_dict(), "digest": digest}, path=str(model.path))


def _versions(word: str, client: Client) -> list[Tag]:
    """Return the exact versions that a word means; `NAME:latest` is one of them, `NAME` is all."""
    found = [] if ":" in word else [model.tag for model in client.list_models(word)]
    try:
        return found or [client.get(word).tag]
    except InvalidModel:  # half a model can be deleted too, if it is named
        if Tag.parse(word).is_latest:
            raise
        return [Tag.parse(word)]


def _name(tags: Iterable[Tag]) -> str:
    return ", ".join(f"`{tag}`" for tag in tags)


def _scalar(text: str) -> Any:
    """Read a number, true, false or null as such, and anything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, (dict, list)) else value
