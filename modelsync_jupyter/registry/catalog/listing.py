"""Lists of models: filtered, ordered and cut by the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from ..search import Search
from .labels import has_label
from .models import MODELS
from .pages import Page
from .tables import archives, models, repositories, users

_TAG = repositories.c.name + ":" + models.c.version
_FIELDS: dict[str, ColumnElement[str]] = {"name": _TAG, "description": models.c.description}
_SORTS: dict[str, ColumnElement[Any]] = {
    "build_at": models.c.build_at,
    "created_at": models.c.created_at,
    "updated_at": models.c.updated_at,
    "size": models.c.size_bytes,
    "name": _TAG,
}


def list_models(
    connection: Connection, search: Search, page: Page, me: str, repository_id: int | None = None
) -> tuple[int, Sequence[Row[Any]]]:
    """How many versions match, and one page of them; by default only whole ones, the newest build first.

    Args:
        connection: A read.
        search: What to look for.
        page: Which slice of it.
        me: Name of the caller, for `creator:@me`.
        repository_id: Look in this repository only.
    """
    query = MODELS.where(*_conditions(search, me))
    if repository_id is not None:
        query = query.where(models.c.repository_id == repository_id)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    column = _SORTS[search.sort or "build_at"]
    order = column.desc() if search.descending else column.asc()
    whole_first = (models.c.upload_status != "success").asc()
    return total, connection.execute(page.cut(query.order_by(whole_first, order, models.c.id.desc()))).all()


def _conditions(search: Search, me: str) -> list[ColumnElement[bool]]:
    columns = [_FIELDS[field] for field in search.fields]
    conditions = [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in search.words]
    conditions += [repositories.c.name.icontains(name, autoescape=True) for name in search.names]
    if search.status != "any":
        conditions.append(models.c.upload_status == search.status)
    if search.modules:
        conditions.append(models.c.module.in_(search.modules))
    if search.digests:
        conditions.append(or_(*(archives.c.content_digest.startswith(digest) for digest in search.digests)))
    if search.creators:
        conditions.append(users.c.name.in_([me if name == "@me" else name for name in search.creators]))
    conditions += [has_label(models, terms) for terms in search.labels]
    return conditions + ([~has_label(models, search.excluded)] if search.excluded else [])
