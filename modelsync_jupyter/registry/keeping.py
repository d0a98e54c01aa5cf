"""How long things are kept, and how much of the disk stays free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.units import parse_size

_DAY = 86400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY, "": 1.0}
_LONGEST = 3650 * _DAY


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept, in seconds, and how much of the disk stays free.

    Args:
        deleted: How long a deleted version can be restored.
        uploads: How long an upload is kept to which nothing comes.
        interval: Time between two garbage collections.
        reserve: Bytes of the disk that blobs leave free for the catalog; None for what fits the disk.
    """

    deleted: float = 7 * _DAY
    uploads: float = 3 * _DAY
    interval: float = 6 * 3600.0
    reserve: int | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Keeping:
        """Read MODELSYNC_KEEP_DELETED, MODELSYNC_KEEP_UPLOADS, MODELSYNC_GC_INTERVAL and MODELSYNC_RESERVE.

        Raises:
            UsageError: A value is not a duration such as `7d`, or not a size such as `256MB`.
        """
        given = {
            "deleted": _duration(environ, "MODELSYNC_KEEP_DELETED"),
            "uploads": _duration(environ, "MODELSYNC_KEEP_UPLOADS"),
            "interval": _duration(environ, "MODELSYNC_GC_INTERVAL"),
        }
        reserve = environ.get("MODELSYNC_RESERVE")
        try:
            room = parse_size(reserve) if reserve else None
        except ValueError as error:
            raise UsageError(f"MODELSYNC_RESERVE: {error}.", step="Give a size such as `256MB`.") from None
        return cls(**{key: value for key, value in given.items() if value is not None}, reserve=room)


def _duration(environ: Mapping[str, str], name: str) -> float | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([smhd]?)", text, re.ASCII)
    seconds = float(match[1]) * _UNITS[match[2]] if match else -1.0
    if not 0 <= seconds <= _LONGEST:
        raise UsageError(
            f"{name}: `{text[:40]}` is not a duration.", step="Give one such as `7d`, `12h`, `30m` or `45s`."
        )
    return seconds
