"""What is inside a version: files, tensors, and how it differs from another version."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import API

from .. import body
from ..archives.inspection import StoredVersion, compare
from ..catalog.aliases import resolve_model
from ..catalog.words import Right
from ..replies import page_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import check_tag

blueprint = Blueprint("inspection", __name__, url_prefix=f"{API}/model_repositories/<name>/models/<version>")
_AT_ONCE = 1000


@blueprint.get("/files")
@needs(Right.READER)
def files(name: str, version: str) -> dict[str, Any]:
    """List the members of a version by path, each with its digest; `listed` is false where they are not known."""
    page = body.page(default=100, most=_AT_ONCE)
    members = _stored(name, version).members
    kept = ("path", "kind", "size", "mode", "target", "digest")
    items = sorted(members or (), key=lambda item: item["path"])
    shown = [{key: item.get(key) for key in kept} for item in page.of(items)]
    return {**page_json(page, len(items), shown), "listed": members is not None}


@blueprint.get("/tensors")
@needs(Right.READER)
def tensors(name: str, version: str) -> dict[str, Any]:
    """List the tensors of the file `path`, by its header; none where its format is not known."""
    page, path = body.page(default=100, most=_AT_ONCE), body.text("path")
    items = _stored(name, version).tensors(path)
    shown = [item.to_dict() for item in page.of(items)]
    return {**page_json(page, len(items), shown), "path": path, "size": sum(item.size for item in items)}


@blueprint.get("/diff")
@needs(Right.READER)
def diff(name: str, version: str) -> dict[str, Any]:
    """Tell what changes from the version `from`, a tag such as `name:version`, to this one."""
    other = check_tag(body.text("from"))
    with current().database.read() as connection:
        access.find(connection, caller(), Right.READER, other.name)
    return compare(_stored(other.name, str(other.version)), _stored(name, version)).to_dict()


def _stored(name: str, version: str) -> StoredVersion:
    with current().database.read() as connection:
        return StoredVersion(current(), resolve_model(connection, name, version))
