"""Change things: descriptions, labels, aliases, who may do what; delete and restore."""

from __future__ import annotations

from flask import render_template, request

from ..catalog.words import Right
from ..errors import Forbidden
from ..routes import aliases, models, repositories, trash
from . import show
from .api import call
from .browse import rights
from .session import View, blueprint, check_typed, done, field, page


@blueprint.post("/models/<name>/-/describe")
@page
def describe_repository(name: str) -> View:
    """Write the description and the labels of a model."""
    body = {"description": field("description"), "labels": show.parse_labels(field("labels"))}
    call(repositories.change, name=name, body=body)
    return done("repository", "saved", name=name)


@blueprint.get("/models/<name>/-/access")
@page
def access(name: str) -> View:
    """Show who may do what with a model."""
    repository = call(repositories.show, name=name)
    may = rights(repository)
    if not may["may_own"]:
        raise Forbidden("only owners of a model see who may do what with it")
    grants = call(repositories.grants, name=name)["items"]
    levels = [str(right) for right in Right if right]
    return render_template("access.html", repository=repository, grants=grants, levels=levels, **may)


@blueprint.post("/models/<name>/-/visibility")
@page
def set_visibility(name: str) -> View:
    """Make a model private, or not."""
    call(repositories.change, name=name, body={"modelsync": {"private": field("private") == "yes"}})
    return done("access", "saved", name=name)


@blueprint.post("/models/<name>/-/grant")
@page
def grant(name: str) -> View:
    """Grant a right in a model."""
    call(repositories.grant, name=name, user=field("user"), body={"right": field("right")})
    return done("access", "granted", name=name)


@blueprint.post("/models/<name>/-/withdraw")
@page
def withdraw(name: str) -> View:
    """Take a right away."""
    call(repositories.withdraw, name=name, user=field("user"), body={})
    return done("access", "withdrawn", name=name)


@blueprint.post("/models/<name>/-/delete")
@page
def delete_repository(name: str) -> View:
    """Delete a model with all its versions, whose name was typed."""
    check_typed(name)
    call(trash.delete, name=name, body={})
    return done("deleted", "deleted")


@blueprint.post("/models/<name>/-/alias")
@page
def move_alias(name: str) -> View:
    """Let an alias point at a version; where it stood on the page that was sent, it must still point there."""
    body: dict[str, str | None] = {"version": field("version")}
    if "expected" in request.form:
        body["expected"] = field("expected") or None
    call(aliases.move, name=name, alias=field("alias"), body=body)
    return done("repository", "aliased", name=name)


@blueprint.post("/models/<name>/-/unalias")
@page
def drop_alias(name: str) -> View:
    """Remove an alias."""
    call(aliases.drop, name=name, alias=field("alias"), body={"expected": field("expected")})
    return done("repository", "unaliased", name=name)


@blueprint.get("/deleted")
@page
def deleted() -> View:
    """List the deleted versions that one may restore, or ask somebody to."""
    start = show.start()
    found = call(trash.index, query={"start": start, "count": show.ROWS})
    pager = show.Pager(start, len(found["items"]), found["total"])
    return render_template("deleted.html", found=found, pager=pager)


@blueprint.post("/deleted/<name>/restore")
@page
def restore_repository(name: str) -> View:
    """Restore a model, with the versions that were deleted together with it."""
    call(trash.restore, deleted=name, body={})
    return done("repository", "restored", name=name)


@blueprint.post("/deleted/<name>/<version>/restore")
@page
def restore(name: str, version: str) -> View:
    """Restore a version."""
    call(trash.restore_version, name=name, version=version, body={})
    return done("version", "restored", name=name, version=version)


@blueprint.post("/models/<name>/<version>/describe")
@page
def describe(name: str, version: str) -> View:
    """Write the description and the labels of a version."""
    body = {"description": field("description"), "labels": show.parse_labels(field("labels"))}
    call(models.change, name=name, version=version, body=body)
    return done("version", "saved", name=name, version=version)


@blueprint.post("/models/<name>/<version>/delete")
@page
def delete(name: str, version: str) -> View:
    """Delete a version whose tag was typed."""
    check_typed(f"{name}:{version}")
    call(models.delete, name=name, version=version, body={})
    return done("deleted", "deleted")
