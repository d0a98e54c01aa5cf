"""Values and texts with nothing in them that JSON lacks or that a terminal would obey, and trees of a bounded size."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

#: Control characters but for the line feed, line and paragraph separators, lone surrogates, and the marks that turn
#: the direction of text: they could move the cursor, write to the clipboard or make a false row of a table.
_UNSAFE = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def plain(value: Any, *, nan_as_text: bool = False) -> Any:
    """Return `value` as strict JSON can say it; times, and keys that are not text, become text.

    Args:
        value: Any nested value.
        nan_as_text: Whether NaN and the infinities become text rather than null, which stock clients do not read in
            the metadata of a model.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item, nan_as_text=nan_as_text) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, nan_as_text=nan_as_text) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value) if nan_as_text else None
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def is_text(text: str) -> bool:
    """Return whether a text is Unicode without NUL, which every file system, database and journal can hold."""
    return not _NO_TEXT.search(text)


def fits(value: object, *, depth: int, values: int) -> bool:
    """Return whether a tree is small enough to be walked and written out.

    A YAML file can name the same subtree many times, and so be far larger when it is written out, or endless where a
    subtree names itself. Each subtree is measured once, however often it is named.

    Args:
        value: The tree: lists, mappings and plain values.
        depth: Levels of lists and mappings inside it at most.
        values: Values in it at most, lists and mappings counted too.
    """
    try:
        _measure(value, depth, values, {})
    except ValueError:
        return False
    return True


def _measure(value: object, left: int, values: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values a subtree has, and how many levels; -1 for what is not a list or mapping.

    Raises:
        ValueError: It has more than `left` levels inside it, or too many values.
    """
    if not isinstance(value, (list, tuple, set, frozenset, Mapping)):
        return 1, -1
    if left < 0:
        raise ValueError("nested too deep")
    if id(value) not in known:
        count, height = 1, 0
        for child in [*value.keys(), *value.values()] if isinstance(value, Mapping) else value:
            child_count, child_height = _measure(child, left - 1, values, known)
            count, height = count + child_count, max(height, child_height + 1)
            if count > values:
                raise ValueError("too many values")
        known[id(value)] = count, height
    if known[id(value)][1] > left:
        raise ValueError("nested too deep")
    return known[id(value)]


def printable(text: str) -> str:
    """Return `text` with its control characters escaped, except line feeds."""
    if text.isprintable():  # which nearly all is, on one line: the pattern takes long to compile
        return text
    return re.sub(_UNSAFE, lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Return `text` on one line, printable."""
    return printable(text).replace("\n", "\\n")
