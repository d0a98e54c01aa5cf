"""Numbers in the form people read."""

from __future__ import annotations

import re
from datetime import datetime, timezone


def format_size(size: float) -> str:
    """Write bytes with a decimal unit: `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def parse_size(text: str) -> int:
    """Read bytes from `500kB`, `20 MB`, `1.5G` or `64MiB`.

    Raises:
        ValueError: It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None or (match[3] and not match[2]):
        raise ValueError(f"`{text}` is not a size such as `20MB`")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2] or " "))


def parse_rate(rate: int | str) -> int:
    """Read bytes per second, given as a number or as text such as `20MB` or `20MB/s`.

    Raises:
        ValueError: It is not a rate.
    """
    return rate if isinstance(rate, int) else parse_size(str(rate).removesuffix("/s"))


def format_seconds(seconds: float) -> str:
    """Write a duration: `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def format_age(then: datetime, now: datetime | None = None) -> str:
    """Write how long ago it was: `5 min ago`."""
    seconds = ((now or datetime.now(timezone.utc)) - then).total_seconds()
    for unit, length in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return "just now"
