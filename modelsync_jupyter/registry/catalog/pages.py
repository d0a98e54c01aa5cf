"""One page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select


@dataclass(frozen=True, slots=True)
class Page:
    """Which slice of a list is wanted.

    Args:
        start: Rows to skip.
        count: Rows to return; 0 for all.
    """

    start: int = 0
    count: int = 0

    def cut(self, query: Select[Any]) -> Select[Any]:
        """`query` with only the rows of this page."""
        query = query.offset(self.start)
        return query.limit(self.count) if self.count else query
