"""Models: the versions in a repository."""

from __future__ import annotations

import json
import operator
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, insert, or_, select, tuple_, update

from modelsync_jupyter.wire import LabelJSON, ManifestJSON, is_elsewhere

from ..errors import BadRequest, NotFound
from ..search import Search
from . import tables
from .database import Page, batches, new_uid, now
from .grants import visible
from .labels import has_label, replace_labels
from .repositories import COLUMNS as REPOSITORY
from .repositories import CREATOR
from .rows import ModelRow
from .users import Caller
from .words import UNFINISHED, UploadState, UploadStatus

_archives, _models, _repositories, _users = tables.archives, tables.models, tables.repositories, tables.users
_pushers = _users.alias("pushers")
#: Rows that one query asks for by their ids.
_AT_ONCE = 500

#: All versions, each with its repository, its creator, who pushed it, and its archive.
ALL_MODELS: Select[Any] = (
    select(
        *(column for column in _models.c if column.name != "repository_id"),
        _users.c.name.label("creator"),
        _pushers.c.name.label("pusher"),
        *REPOSITORY,
        *(
            _archives.c[name].label(f"archive_{name}")
            for name in ("uid", "digest", "size", "base", "content_digest", "cut")
        ),
    )
    .join(_repositories, _models.c.repository_id == _repositories.c.id)
    .join(_users, _models.c.creator_id == _users.c.id)
    .join(CREATOR, _repositories.c.creator_id == CREATOR.c.id)
    .outerjoin(_pushers, _models.c.pushed_by_id == _pushers.c.id)
    .outerjoin(_archives, _models.c.archive_id == _archives.c.id)
)
#: Those that are not deleted.
MODELS = ALL_MODELS.where(_models.c.deleted_at.is_(None))
# What each request asks is made once: to build a query takes longer than to run it.
_BY_TAG = MODELS.where(_repositories.c.name == bindparam("name"), _models.c.version == bindparam("version"))
_BY_TAG_TO_CHANGE = _BY_TAG.with_for_update(of=_models)

_TAG = _repositories.c.name + ":" + _models.c.version
_SORTS: dict[str, ColumnElement[Any]] = {
    "build_at": _models.c.ordered_at,
    "created_at": _models.c.created_at,
    "updated_at": _models.c.updated_at,
    "size": _models.c.size_bytes,
    "name": _TAG,
    "downloads": _models.c.downloads,
}
_COMPARISONS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


def find_model(connection: Connection, name: str, version: str, *, lock: bool = False) -> ModelRow:
    """Find one version.

    Args:
        connection: A read or a write.
        name: Name of its repository.
        version: The version.
        lock: Keep others from changing it until this write ends.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_BY_TAG_TO_CHANGE if lock else _BY_TAG, {"name": name, "version": version}).first()
    if row is None:
        raise NotFound(f"model `{name[:200]}:{version[:200]}` not found")
    return ModelRow.of(row)


def is_taken(connection: Connection, repository_id: int, version: str) -> bool:
    """Return whether a repository has a version of this name that is not deleted."""
    same = select(_models.c.id).where(
        _models.c.repository_id == repository_id, _models.c.version == version, _models.c.deleted_at.is_(None)
    )
    return connection.execute(same).first() is not None


def create_model(
    connection: Connection,
    caller: Caller,
    repository_id: int,
    version: str,
    *,
    description: str,
    manifest: ManifestJSON,
    labels: Iterable[LabelJSON],
    build_at: datetime | None,
) -> None:
    """Register a version that has no bytes yet.

    Raises:
        BadRequest: The version is taken.
    """
    if is_taken(connection, repository_id, version):
        raise BadRequest(f"model version `{version}` already exists")
    moment = now()
    result = connection.execute(
        insert(_models).values(
            uid=new_uid(),
            repository_id=repository_id,
            version=version,
            description=description,
            labels="[]",
            creator_id=caller.user_id,
            created_at=moment,
            updated_at=moment,
            upload_status=UploadStatus.SUCCESS if is_elsewhere(manifest["metadata"]) else UploadStatus.PENDING,
            upload_finished_reason="",
            **manifest_columns(manifest),
            build_at=build_at or moment,
            ordered_at=min(build_at or moment, moment),
        )
    )
    if some := list(labels):
        replace_labels(connection, _models, result.inserted_primary_key[0], some)  # type: ignore[index]


def manifest_columns(manifest: ManifestJSON) -> dict[str, Any]:
    """Return the columns that a manifest fills."""
    return {"manifest": json.dumps(manifest), "module": manifest["module"], "size_bytes": manifest["size_bytes"]}


def note_start(connection: Connection, model: ModelRow) -> None:
    """Note that bytes are coming; a version that is visible stays as it is."""
    if model.upload_status != UploadStatus.SUCCESS:
        set_model(connection, model.id, upload_status=UploadStatus.UPLOADING, upload_started_at=now())


def set_model(connection: Connection, model_id: int, **columns: Any) -> None:
    """Change columns of a version."""
    connection.execute(update(_models).where(_models.c.id == model_id).values(updated_at=now(), **columns))


def delete_model(connection: Connection, caller: Caller, model: ModelRow, moment: datetime | None = None) -> None:
    """Hide a version and stop its uploads; the tag is free again, and for a while the version can be restored."""
    set_model(connection, model.id, deleted_at=moment or now(), deleted_by=caller.user_id)
    its_own = (tables.uploads.c.model_id == model.id, tables.uploads.c.state.in_(UNFINISHED))
    connection.execute(update(tables.uploads).where(*its_own).values(state=UploadState.ABORTED))


def newest(connection: Connection, repository_ids: Iterable[int]) -> dict[int, ModelRow]:
    """Find the newest whole version of each repository that has one: by build time, or by arrival if earlier."""
    place = func.row_number().over(
        partition_by=_models.c.repository_id, order_by=(_models.c.ordered_at.desc(), _models.c.id.desc())
    )
    ranked = (
        select(_models.c.id, place.label("place"))
        .where(
            _models.c.repository_id.in_(list(repository_ids)),
            _models.c.upload_status == UploadStatus.SUCCESS,
            _models.c.deleted_at.is_(None),
        )
        .subquery()
    )
    first = select(ranked.c.id).where(ranked.c.place == 1)
    rows = map(ModelRow.of, connection.execute(MODELS.where(_models.c.id.in_(first))))
    return {row.repository.id: row for row in rows}


def list_models(
    connection: Connection, who: Caller, search: Search, page: Page, repository_id: int | None = None
) -> tuple[int, list[ModelRow]]:
    """Count the versions that match, and return one page of them: whole ones by default, the newest build first.

    Args:
        connection: A read.
        who: The caller: only what they may read is found.
        search: What to look for.
        page: Which slice of it.
        repository_id: Look in this repository only.
    """
    column = _SORTS[search.sort or "build_at"]
    half = _models.c.upload_status != UploadStatus.SUCCESS
    query = select(_models.c.id, column.label("place"), half.label("half"))
    query = query.join(_repositories, _models.c.repository_id == _repositories.c.id)
    conditions = _conditions(search, who.name)
    query = query.where(_models.c.deleted_at.is_(None), visible(who), *conditions)
    if repository_id is not None:
        query = query.where(_models.c.repository_id == repository_id)
    order = column.desc() if search.descending else column.asc()
    if search.status and len(conditions) == 1 and column is _models.c.ordered_at:
        # An index has their order: to count them, and to read a page of them, are quicker apart than together.
        number, ids = (
            query.with_only_columns(wanted, maintain_column_froms=True) for wanted in (func.count(), _models.c.id)
        )
        some = connection.execute(page.cut(ids.order_by(order, _models.c.id.desc()))).scalars().all()
        return connection.execute(number).scalar_one(), _models_of(connection, some)
    # Named once and used twice, so that databases look for them once, and in the way that finds all of them fastest.
    found = query.cte("found")
    total = select(func.count()).select_from(found).scalar_subquery()
    order = found.c.place.desc() if search.descending else found.c.place.asc()
    rows = connection.execute(
        page.cut(select(found.c.id, total).order_by(found.c.half, order, found.c.id.desc()))
    ).all()
    if rows or not page.start:
        return (rows[0][1] if rows else 0), _models_of(connection, [row.id for row in rows])
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one(), []


def _models_of(connection: Connection, ids: Sequence[int]) -> list[ModelRow]:
    """Read versions by their rows, in this order. What they are made of is wide: it is joined to one page alone."""
    found: dict[int, ModelRow] = {}
    for some in batches(ids, _AT_ONCE):
        result = connection.execute(MODELS.where(_models.c.id.in_(some)))
        plain = _plain_rows(tuple(result.keys()))
        found.update((row.id, ModelRow.of(row)) for row in map(plain._make, result))
    return [found[each] for each in ids if each in found]  # one may have been deleted meanwhile


@lru_cache(maxsize=8)
def _plain_rows(keys: tuple[str, ...]) -> Any:
    """Return a type of rows whose 40 values are found ten times as fast by their names as in rows of SQLAlchemy."""
    return namedtuple("_Plain", keys)


def _conditions(search: Search, me: str) -> list[ColumnElement[bool]]:
    conditions = []
    for word in dict.fromkeys(search.words):
        places = (
            _tag_has(word) if field == "name" else _any_has((_models.c.description,), word) for field in search.fields
        )
        conditions.append(or_(*places))
    conditions += [_repositories.c.name.icontains(name, autoescape=True) for name in search.names]
    if search.status:
        conditions.append(_models.c.upload_status == search.status)
    if search.modules:
        conditions.append(_models.c.module.in_(search.modules))
    if search.digests:
        begins = or_(*(_begins(_archives.c.content_digest, digest) for digest in search.digests))
        conditions.append(_models.c.archive_id.in_(select(_archives.c.id).where(begins)))
    if search.creators:
        creators = _users.c.name.in_([me if name == "@me" else name for name in search.creators])
        conditions.append(_models.c.creator_id.in_(select(_users.c.id).where(creators)))
    if search.aliases:
        named = select(tables.aliases.c.model_id).where(tables.aliases.c.name.in_(search.aliases))
        conditions.append(_models.c.id.in_(named))
    conditions += [_has_text(text) for text in search.texts]
    conditions += [_COMPARISONS[term.comparison](_models.c.size_bytes, term.size) for term in search.sizes]
    if search.since:
        conditions.append(_models.c.ordered_at >= search.since)
    if search.until:
        conditions.append(_models.c.ordered_at < search.until)
    conditions += [has_label(_models, terms) for terms in search.labels]
    return conditions + ([~has_label(_models, search.excluded)] if search.excluded else [])


def _has_text(text: str) -> ColumnElement[bool]:
    """Return whether a text occurs anywhere in what people know of a version.

    What many versions share is looked through once: names of repositories and people, and each label once for all that
    have it.
    """
    labels = tables.model_labels.c
    pairs = select(labels.key, labels.value).distinct().cte().prefix_with("MATERIALIZED", dialect="postgresql")
    fitting = select(pairs.c.key, pairs.c.value).where(_any_has((pairs.c.key, pairs.c.value), text))
    labelled = select(labels.owner_id).where(tuple_(labels.key, labels.value).in_(fitting))
    people = select(_users.c.id).where(_any_has((_users.c.name,), text))
    return or_(
        _tag_has(text),
        *(column.in_(people) for column in (_models.c.creator_id, _models.c.pushed_by_id)),
        _models.c.id.in_(labelled),
        _any_has((_models.c.description, _models.c.module), text),
    )


def _tag_has(text: str) -> ColumnElement[bool]:
    """Return whether a text occurs in `name:version`; in names it is looked for once for all versions of each."""
    name, colon, version = text.partition(":")
    is_named = (
        _repositories.c.name.iendswith(name, autoescape=True) if colon else _any_has((_repositories.c.name,), name)
    )
    named = _models.c.repository_id.in_(select(_repositories.c.id).where(is_named).correlate(None))
    if colon:  # neither has a colon of its own
        return and_(named, _models.c.version.istartswith(version, autoescape=True))
    return or_(named, _models.c.version.icontains(text, autoescape=True))


def _any_has(columns: Sequence[ColumnElement[str]], text: str) -> ColumnElement[bool]:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Return whether a text begins so, as a range: no database has an index for LIKE by default."""
    return and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))
