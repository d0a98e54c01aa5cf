"""Change things: descriptions, labels, who may do what; delete."""

from __future__ import annotations

from flask import render_template

from ..catalog.rows import Right
from ..errors import Forbidden
from ..routes import models, repositories
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
    return done("repository", "deleted", name=name)
