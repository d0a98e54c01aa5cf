"""Byte ranges as HTTP has them (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """No byte lies in the range."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The slice `[start, stop)` that a Range header asks for.

    Args:
        header: The header, or "".
        size: Bytes there are.

    Returns:
        The slice; None for everything: no header, several ranges, or nonsense, which a server may ignore.

    Raises:
        Unsatisfiable: The range lies behind the end.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return _suffix(int(last), size)
    start, stop = int(first), int(last) + 1 if last else size
    if last and stop <= start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, min(stop, size)


def _suffix(length: int, size: int) -> tuple[int, int]:
    if not length:
        raise Unsatisfiable
    return max(size - length, 0), size
