"""A list that people can read: aligned text in a shell, an HTML table in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from modelsync_jupyter.core.errors import MissingDependency
from modelsync_jupyter.core.marked import as_html
from modelsync_jupyter.core.plain import one_line

T = TypeVar("T")
_RIGHT = {"SIZE", "DONE", "RATE", "VERSIONS", "ON DISK", "SHARED"}
#: Columns of sentences of ours, in which code stands in backticks; what others wrote is shown as it is.
_SAID = {"WHAT WAS FOUND", "WHAT TO DO", "WHY", "REASON", "MEANING"}
#: Letters of a cell that are not broken.
_SHORT = 24


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
            return f"<p>{as_html(self._empty)}</p>"

        def line(element: str, cells: Sequence[str]) -> str:
            drawn = []
            for column in shown:
                title, cell = self._head[column], one_line(cells[column])
                text = as_html(cell) if title in _SAID else escape(cell)
                drawn.append(f'<{element} style="{_style(title, cell)}">{text}</{element}>')
            return f"<tr>{''.join(drawn)}</tr>"

        rows = [self._row(item) for item in self]
        shown = [column for column in range(len(self._head)) if any(row[column] for row in rows)]  # cells are narrow
        head = line("th", [_heading(title) for title in self._head])
        body = "".join(line("td", row) for row in rows)
        return f'<div style="overflow-x:auto"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _heading(title: str) -> str:
    """Write a title as notebooks do; one that is not in capitals, such as a tag, stays as it is."""
    return title if title == "ID" or not title.isupper() else title.capitalize().replace("utc", "UTC")


def _style(title: str, cell: str) -> str:
    """Say how a cell of a notebook's table is set.

    Notebooks push every column to the right, break sizes over two lines, and let a long tag or label run off the cell:
    short texts stay on a line, long ones are broken, between words where there are any.
    """
    if title in _RIGHT:
        return "text-align:right;white-space:nowrap"
    if len(cell) <= _SHORT and title not in _SAID:
        return "text-align:left;white-space:nowrap"
    return f"text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:{_SHORT // 2}ch"


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


def blocks_text(blocks: Iterable[str | Table[Any]]) -> str:
    """Write paragraphs and tables below each other; empty ones are left out."""
    return "\n\n".join(filter(None, map(str, blocks)))


def blocks_html(blocks: Iterable[str | Table[Any]]) -> str:
    """Write paragraphs and tables below each other as HTML."""
    return "".join(
        block._repr_html_() if isinstance(block, Table) else f"<p style='white-space:pre-line'>{as_html(block)}</p>"
        for block in blocks
        if block
    )


def rows_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table[Sequence[str]]:
    """Make a table of rows that are text already; without rows it is left out of blocks."""
    return Table(rows, head, lambda row: row, "")


class Facts(list[tuple[str, str]]):
    """Names and values, one pair per line; empty values are left out."""

    def __str__(self) -> str:
        known = [(one_line(name), one_line(value)) for name, value in self if value]
        width = max((len(name) for name, _ in known), default=0)
        return "\n".join(f"{name.ljust(width)}  {value}" for name, value in known)

    def _repr_html_(self) -> str:
        from html import escape

        style = "text-align:left;vertical-align:top"
        rows = "".join(
            f'<tr><th style="{style};white-space:nowrap">{escape(one_line(name))}</th>'
            f'<td style="{style};white-space:normal;overflow-wrap:anywhere">{escape(one_line(value))}</td></tr>'
            for name, value in self
            if value
        )
        return f"<table>{rows}</table>"
