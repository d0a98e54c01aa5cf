"""Models, here and in the registry."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.tags import Tag

from .answers import Answer
from .face import Face
from .tables import Table
from .views import MODEL_HEAD, REMOTE_HEAD, model_row, model_text, remote_row

if TYPE_CHECKING:
    from modelsync_jupyter.client import Model


def list_command(args: argparse.Namespace, face: Face) -> Answer:
    """`list [NAME]`: models in the store, or with `--remote` in the registry."""
    if args.remote:
        return _remote(args)
    if args.query or args.context:
        raise UsageError("`--query` and `--context` are for a registry.", step="Add `--remote`.")
    models = [m for m in api.list_models(args.name, home=args.home) if (args.search or "") in str(m.tag)]
    table = Table(models[: args.limit], MODEL_HEAD, model_row, _nothing(args, "There are no models here yet."))
    return Answer(table, str(table), data=[model.to_dict() for model in table])


def get_command(args: argparse.Namespace, face: Face) -> Answer:
    """`get TAG`: one local model."""
    return _answer(model := api.get(args.tag, home=args.home), model_text(model))


def create_command(args: argparse.Namespace, face: Face) -> Answer:
    """`create NAME PATH`: a file or folder as a new model."""
    metadata = {key: _scalar(value) for key, value in args.metadata}
    model = api.save(args.name, args.path, labels=dict(args.label), metadata=metadata, home=args.home)
    return _answer(model, f"Saved `{model.tag}`. Send it to the registry with `modelsync push {model.tag}`.")


def delete_command(args: argparse.Namespace, face: Face) -> Answer:
    """`delete TAG ...`: after a question, the versions named."""
    tags = [str(tag) for word in args.tags for tag in _versions(word, args.home)]
    if not args.yes and not face.confirm(f"Delete {_name(tags)}?"):
        return Answer(None, "Nothing was deleted.", data=[])
    gone = [tag for name in tags for tag in api.delete(name, home=args.home)]
    return Answer(None, f"Deleted {_name(gone)}.", data=[str(tag) for tag in gone])


def _remote(args: argparse.Namespace) -> Answer:
    models = api.list_remote(
        args.search, query=args.query, name=args.name, limit=args.limit, context=args.context, home=args.home
    )
    if args.name and ":" in args.name:
        models = [model for model in models if model.tag == Tag.parse(args.name)]
    table = Table(models, REMOTE_HEAD, remote_row, _nothing(args, "There are no models in the registry yet."))
    return Answer(table, str(table), data=[model.to_dict() for model in table])


def _nothing(args: argparse.Namespace, empty: str) -> str:
    return "There is no such model." if args.name or args.search or args.query else empty


def _answer(model: Model, text: str) -> Answer:
    return Answer(model, text, data=model.to_dict(), path=str(model.path))


def _versions(word: str, home: str | None) -> list[Any]:
    """The exact versions that a word means; `NAME:latest` is one of them, `NAME` is all."""
    if ":" in word:
        return [api.get(word, home=home).tag]
    return [model.tag for model in api.list_models(word, home=home)] or [api.get(word, home=home).tag]


def _name(tags: Iterable[Any]) -> str:
    return ", ".join(f"`{tag}`" for tag in tags)


def _scalar(text: str) -> Any:
    """A number, true, false or null as such; anything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, (dict, list)) else value
