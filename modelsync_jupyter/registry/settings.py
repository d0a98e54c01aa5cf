"""What the server was told: by its caller, else by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.wire import PRESIGNED, PROXY

from .keeping import Keeping

#: A strategy of "none" sends null: the client then asks for a presigned URL and uploads with one PUT.
STRATEGIES = (PRESIGNED, PROXY, "none")
DEFAULT_URL_TTL = 3600.0
DEFAULT_THREADS = 32
#: Characters that a secret has at least which nobody has to type, and of which nothing slows guessing.
SHORTEST_SECRET = 16
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server was told.

    Args:
        data: Folder of the secrets and, by default, of catalog and blobs.
        db: SQLAlchemy URL of the catalog, or None for SQLite in `data`.
        blobs: URL of a bucket and a prefix for the blobs, or None for a folder in `data`.
        strategy: How clients are to move bytes: "presigned_url", "proxy" or "none".
        url_ttl: Seconds for which a presigned URL is valid.
        trust_forwarded: Whether to believe X-Forwarded-Proto, -Host and -Prefix; only behind a proxy that sets them.
        threads: Requests served at the same time by one process.
        keeping: How long things are kept.
        direct: Whether our own clients may move bytes to and from a bucket themselves.
        metrics_token: What Prometheus has to send, or "" where anybody may read the numbers.
    """

    data: Path
    db: str | None = field(default=None, repr=False)
    blobs: str | None = None
    strategy: str = PRESIGNED
    url_ttl: float = DEFAULT_URL_TTL
    trust_forwarded: bool = False
    threads: int = DEFAULT_THREADS
    keeping: Keeping = field(default_factory=Keeping)
    direct: bool = True
    metrics_token: str = field(default="", repr=False)

    @classmethod
    def from_environment(
        cls,
        data: str | os.PathLike[str],
        db: str | None = None,
        *,
        blobs: str | None = None,
        strategy: str | None = None,
        url_ttl: float | None = None,
        threads: int = DEFAULT_THREADS,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Arguments where given, else MODELSYNC_DB, _BLOBS, _TRANSMISSION, _URL_TTL, _TRUST_FORWARDED, _DIRECT and
        _METRICS_TOKEN; and what `Keeping` reads.

        Raises:
            UsageError: A setting has no such value.
        """
        return cls(
            data=Path(data).expanduser().absolute(),
            db=db or environ.get("MODELSYNC_DB") or None,
            blobs=blobs or environ.get("MODELSYNC_BLOBS") or None,
            strategy=_strategy(strategy or environ.get("MODELSYNC_TRANSMISSION") or PRESIGNED),
            url_ttl=_seconds(url_ttl if url_ttl is not None else environ.get("MODELSYNC_URL_TTL") or DEFAULT_URL_TTL),
            trust_forwarded=_flag(environ, "MODELSYNC_TRUST_FORWARDED", default=False),
            threads=threads,
            keeping=Keeping.from_environment(environ),
            direct=_flag(environ, "MODELSYNC_DIRECT", default=True),
            metrics_token=_metrics_token(environ.get("MODELSYNC_METRICS_TOKEN", "").strip()),
        )

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the catalog."""
        return self.db or f"sqlite:///{self.data / 'catalog.db'}"


def _strategy(text: str) -> str:
    if text not in STRATEGIES:
        raise UsageError(f"`{text}` is not a transmission strategy.", step=f"Choose one of: {', '.join(STRATEGIES)}.")
    return text


def _flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in ("", *_TRUE, *_FALSE):  # a guess could open what was meant to be closed
        raise UsageError(f"{name}: `{text[:40]}` is neither true nor false.", step="Set it to 1 or 0.")
    return text in _TRUE if text else default


def _metrics_token(text: str) -> str:
    if text and (len(text) < SHORTEST_SECRET or not text.isascii()):  # others arrive in headers as something else
        raise UsageError(
            f"MODELSYNC_METRICS_TOKEN has fewer than {SHORTEST_SECRET} characters, or others than ASCII has.",
            step="Choose a long random one, as `openssl rand -hex 24` prints it.",
        )
    return text


def _seconds(value: str | float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 7 * 86400:
        raise UsageError(f"`{value}` is not a lifetime for a presigned URL.", step="Give seconds, at most 604800.")
    return seconds
