"""Look around: models, versions, files, tensors, comparisons, history, what was deleted."""

from __future__ import annotations

from typing import Any

from flask import g, render_template, request

from ..catalog.words import Right
from ..errors import ApiError, BadRequest
from ..routes import aliases, inspection, models, repositories, storage
from . import show
from .api import Query, call
from .session import View, blueprint, page

SORTS = {"updated_at-desc": "last changed", "created_at-desc": "newest", "name-asc": "name"}
FOUND_SORTS = {"build_at-desc": "newest", "name-asc": "name", "size-desc": "largest", "downloads-desc": "most used"}


@blueprint.get("/")
@page
def home() -> View:
    """List the models one may read; with a search, the versions that match it."""
    q, start = _arg("q"), show.start()
    sorts = FOUND_SORTS if q else SORTS
    sort = _arg("sort") if _arg("sort") in sorts else next(iter(sorts))
    query: Query = {"q": f"{q} sort:{sort}".strip(), "start": start, "count": show.ROWS}
    problem, found = "", dict[str, Any](items=[], total=0)
    try:
        found = call(models.index if q else repositories.index, query=query)
    except BadRequest as error:  # the search is mistaken: say so beside it
        problem = error.message
    pager = show.Pager(start, len(found["items"]), found["total"])
    return render_template("home.html", q=q, sort=sort, sorts=sorts, found=found, pager=pager, problem=problem)


@blueprint.get("/models/<name>")
@page
def repository(name: str) -> View:
    """Show a model and its versions."""
    start = show.start()
    found = call(repositories.show, name=name)
    query: Query = {"q": "status:any", "start": start, "count": show.ROWS}
    versions = call(models.versions, name=name, query=query)
    pager = show.Pager(start, len(versions["items"]), versions["total"])
    return render_template(
        "repository.html",
        repository=found,
        versions=versions,
        pager=pager,
        aliases=call(aliases.index, name=name)["items"],
        **rights(found),
    )


@blueprint.get("/models/<name>/-/history")
@page
def history(name: str) -> View:
    """Show what was done to the versions and aliases of a model, or to one of them."""
    start, wanted = show.start(), {key: _arg(key) for key in ("version", "alias")}
    found = call(aliases.history, name=name, query={**wanted, "start": start, "count": show.ROWS})
    pager = show.Pager(start, len(found["items"]), found["total"])
    return render_template("history.html", name=name, found=found, pager=pager, wanted=wanted)


@blueprint.get("/disk")
@page
def disk() -> View:
    """Show how much is stored, and what takes the room."""
    return render_template("disk.html", found=call(storage.show))


@blueprint.get("/models/<name>/<version>")
@page
def version(name: str, version: str) -> View:
    """Show a version: what it is, how to pull it, what is in it."""
    start, path = show.start(), _arg("path")
    found = call(models.show, name=name, version=version)
    repository = call(repositories.show, name=name)
    version, files, tensors = found["version"], None, None  # it may have been asked for by an alias
    if found["upload_status"] == "success" and "modelsync" in found:
        query: Query = {"start": 0 if path else start, "count": show.ROWS * 2}
        files = call(inspection.files, name=name, version=version, query=query)
        if path:
            query = {"path": path, "start": start, "count": show.ROWS * 2}
            tensors = call(inspection.tensors, name=name, version=version, query=query)
    others = call(models.versions, name=name, query={"count": show.ROWS})["items"]
    listed = tensors or files
    return render_template(
        "version.html",
        model=found,
        tag=f"{name}:{version}",
        repository=repository,
        files=files,
        tensors=tensors,
        pager=listed and show.Pager(start, len(listed["items"]), listed["total"], show.ROWS * 2),
        others=[other for other in others if other["version"] != version],
        endpoint=request.url_root.rstrip("/"),
        **rights(repository, found),
    )


@blueprint.get("/compare")
@page
def compare() -> View:
    """Compare two versions, which may be of two models."""
    tags = request.args.getlist("version")
    old, new = _arg("old") or "".join(tags[1:2]), _arg("new") or "".join(tags[:1])
    found, problem = None, ""
    if len(tags) not in (0, 2):
        problem = "Choose two versions to compare."
    elif old and new:
        name, _, version = new.partition(":")
        try:
            found = call(inspection.diff, name=name, version=version, query={"from": old})
        except ApiError as error:
            if error.status == 401:
                raise
            problem = error.message
    return render_template("compare.html", old=old, new=new, found=found, problem=problem)


def rights(repository: Any, model: Any = None) -> dict[str, bool]:
    """Tell which forms are worth showing to the caller; the API decides when one is sent.

    Args:
        repository: The reply that shows a repository.
        model: The reply that shows a version of it.
    """
    right = Right(repository["modelsync"]["right"])
    found = {"may_write": right.includes(Right.WRITER), "may_own": right == Right.OWNER}
    if model is not None:
        pusher = model.get("modelsync", {}).get("pushed_by") or model["creator"]["name"]
        found["may_delete"] = found["may_own"] or (found["may_write"] and pusher == g.me["name"])
    return found


def _arg(name: str) -> str:
    return request.args.get(name, "").strip()
