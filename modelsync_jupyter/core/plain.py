"""Values and texts with nothing in them that JSON lacks or that a terminal would obey."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

#: Control characters but for the line feed, line and paragraph separators, lone surrogates, and the marks that turn
#: the direction of text: they could move the cursor, write to the clipboard or make a false row of a table.
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


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


def printable(text: str) -> str:
    """Return `text` with its control characters escaped, except line feeds."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Return `text` on one line, printable."""
    return printable(text).replace("\n", "\\n")
