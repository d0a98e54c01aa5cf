"""A list that people can read: aligned text in a shell, an HTML table in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from modelsync_jupyter.core.errors import MissingDependency
from modelsync_jupyter.core.plain import one_line

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

    def __getitem__(self, key: Any) -> Any:
        """Return an item by its place or by its tag or id; a slice of it is a table again."""
        if isinstance(key, str):
            return next((each for each in self if key in _names(each)), None) or _raise(KeyError(key))
        found = super().__getitem__(key)
        return Table(found, self._head, self._row, self._empty) if isinstance(key, slice) else found

    def to_frame(self) -> Any:
        """Return it as a pandas table, one row for each item.

        Raises:
            MissingDependency: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingDependency("A table needs `pandas`.", "Run `pip install pandas`.") from error
        values: list[Any] = [getattr(each, "record", each) for each in self]
        return DataFrame([each.to_dict() for each in values])

    def __repr__(self) -> str:
        return align(self._head, map(self._row, self)) if self else self._empty

    def _repr_html_(self) -> str:
        from html import escape

        if not self:
            return f"<p>{escape(self._empty)}</p>"

        def line(element: str, cells: Sequence[str]) -> str:
            """Say the alignment: notebooks push every column to the right, and break sizes over two lines."""
            styles = [
                f"text-align:{'right' if title in _RIGHT else 'left'};white-space:{'normal' if last else 'nowrap'}"
                for title, last in zip(self._head, [False] * (len(self._head) - 1) + [True], strict=True)
            ]
            drawn = (
                f'<{element} style="{style}">{escape(one_line(cell))}</{element}>'
                for cell, style in zip(cells, styles, strict=True)
            )
            return f"<tr>{''.join(drawn)}</tr>"

        head = line("th", [title.capitalize() if title != "ID" else title for title in self._head])
        body = "".join(line("td", self._row(item)) for item in self)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _names(item: object) -> set[str]:
    return {str(getattr(item, name)) for name in ("tag", "id", "name", "path") if hasattr(item, name)}


def _raise(error: Exception) -> NoReturn:
    raise error


def align(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align rows as text; sizes and rates line up on the right, and no cell can break out of its row."""
    lines = [tuple(head), *(tuple(map(one_line, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if title in _RIGHT else cell.ljust(width)
            for title, cell, width in zip(head, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Show names and values, one pair per line; empty values are left out."""
    known = [(one_line(name), one_line(value)) for name, value in pairs if value]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in known)
