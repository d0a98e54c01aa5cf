"""Presigned URLs: each permits one method on one object until it expires, without a token."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.files import write_text

from ..errors import Forbidden


@dataclass(frozen=True)
class Signer:
    """Signs and checks URLs.

    Args:
        secret: The key of the signatures; every process of a registry has the same.
        ttl: Seconds for which a URL is valid.
        clock: Seconds since the epoch.
    """

    secret: bytes = field(repr=False)
    ttl: float
    clock: Callable[[], float] = time.time

    def sign(self, method: str, path: str, token_id: int) -> str:
        """Make the query string that lets `method` be used on `path`, for as long as a token is valid."""
        expires, by = str(int((self.clock() + self.ttl) * 1000)), str(token_id)
        return urlencode({"expires": expires, "by": by, "signature": self._signature(method, path, expires, by)})

    def check(self, method: str, path: str, query: Mapping[str, str]) -> int:
        """Accept what `sign` made, and return the token, which has to be valid still.

        Raises:
            Forbidden: The URL is forged or expired.
        """
        expires, by, signature = (query.get(key, "") for key in ("expires", "by", "signature"))
        known = self._signature(method, path, expires, by)
        if not hmac.compare_digest(known.encode(), signature.encode("utf-8", "replace")):
            raise Forbidden("the signature of this URL does not match")
        if int(expires) < self.clock() * 1000:
            raise Forbidden("this URL has expired: ask the registry for a new one")
        return int(by)

    def _signature(self, method: str, path: str, expires: str, by: str) -> str:
        text = f"{method}\n{path}\n{expires}\n{by}".encode("utf-8", "replace")
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()


def secret_file(path: Path) -> str:
    """Read the secret in `path`; made on first use, readable by its owner only, the same for all who ask at once.

    Raises:
        UsageError: The file is empty: with that for a secret, anybody could sign.
    """
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        write_text(fresh, secrets.token_urlsafe(32) + "\n", mode=0o600)
        with suppress(FileExistsError):  # another process was faster, and its secret holds
            os.link(fresh, path)
        fresh.unlink()
    found = path.read_text(errors="replace").strip()
    if not found:
        raise UsageError(f"`{path}` is empty.", step="Restore it from a backup, or delete it: a new one is made.")
    return found
