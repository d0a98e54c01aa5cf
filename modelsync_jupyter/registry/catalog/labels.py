"""Labels of repositories and models: written twice (see tables), read from the owner's row, searched in their table."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select, update

from modelsync_jupyter.wire import LabelJSON

from ..search import LabelTerm
from .tables import model_labels, models, repositories, repository_labels

_TABLES = {repositories: repository_labels, models: model_labels}


def replace_labels(connection: Connection, owner: Table, owner_id: int, labels: Iterable[LabelJSON]) -> None:
    """Give a row of `owner` (repositories or models) exactly these labels."""
    table, rows = _TABLES[owner], list(labels)
    connection.execute(delete(table).where(table.c.owner_id == owner_id))
    if rows:
        connection.execute(insert(table), [{"owner_id": owner_id, **label} for label in rows])
    connection.execute(update(owner).where(owner.c.id == owner_id).values(labels=json.dumps(rows)))


def has_label(owner: Table, terms: Iterable[LabelTerm]) -> ColumnElement[bool]:
    """Return whether a row of `owner` has a label that one of `terms` names."""
    table = _TABLES[owner]
    wanted = or_(*(_matches(table, term) for term in terms))
    return owner.c.id.in_(select(table.c.owner_id).where(wanted))


def _matches(table: Table, term: LabelTerm) -> ColumnElement[bool]:
    if term.value is None:
        return table.c.key == term.key
    return and_(table.c.key == term.key, table.c.value == term.value)
