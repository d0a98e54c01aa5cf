"""A list that people can read: aligned text in a shell, an HTML table in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Generic, TypeVar

T = TypeVar("T")
_RIGHT = {"SIZE", "DONE", "RATE"}


class Table(list[T], Generic[T]):
    """What a listing command returns: an ordinary list with a face.

    Args:
        items: The things listed.
        head: Titles of the columns.
        row: One thing as a row of text.
        empty: What to say when there is none.
    """

    def __init__(
        self, items: Iterable[T], head: Sequence[str], row: Callable[[T], Sequence[str]], empty: str = "None."
    ) -> None:
        super().__init__(items)
        self._head, self._row, self._empty = head, row, empty

    def __repr__(self) -> str:
        return align(self._head, map(self._row, self)) if self else self._empty

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{escape(self._empty)}</p>"
        body = "".join(_line("td", self._row(item)) for item in self)
        return f"<table><thead>{_line('th', self._head)}</thead><tbody>{body}</tbody></table>"


def align(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as aligned text; sizes and rates line up on the right."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if title in _RIGHT else cell.ljust(width)
            for title, cell, width in zip(head, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, a line each; empty values are left out."""
    known = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in known)


def _line(element: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{element}>{escape(cell)}</{element}>" for cell in cells) + "</tr>"
