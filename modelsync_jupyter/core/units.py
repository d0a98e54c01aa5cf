"""Numbers in the form people read."""

from __future__ import annotations

import re
from datetime import datetime, timezone


def format_size(size: float) -> str:
    """Write bytes with a decimal unit: `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < (1000 if unit == "B" else 999.95):  # 999,960 bytes are 1.0 MB, not 1000.0 kB
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def format_part(done: float, total: float) -> str:
    """Write how many bytes of how many, with one unit: `27.0/60.0 MB`."""
    number, unit = format_size(total).split()
    scale = 1000 ** ("B", "kB", "MB", "GB", "TB").index(unit)
    return f"{done / scale:.{1 if '.' in number else 0}f}/{number} {unit}"


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
    """Write a duration: `12 ms`, `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if 0 < seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def format_left(seconds: float) -> str:
    """Write the time that something still takes, as a clock would: `0:03`, `2:05:10`, or `days`."""
    if seconds >= 100 * 3600:
        return "days"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def short_digest(digest: str | None) -> str:
    """Write the first digits of a digest, as many as people compare; "" where there is none."""
    return (digest or "").partition(":")[2][:12]


def format_age(then: datetime, now: datetime | None = None) -> str:
    """Write how long ago it was: `5 min ago`."""
    seconds = ((now or datetime.now(timezone.utc)) - then).total_seconds()
    for unit, length in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return "just now"
