"""Tags: the names of models, by BentoML's rules."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import InvalidTag

LATEST = "latest"
_MAX_LENGTH = 63
_WORD = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?", re.ASCII)


class Tag(NamedTuple):
    """`name:version`, or `name` alone for whatever is latest.

    Args:
        name: Name of the model (the registry calls it the repository).
        version: Version, or None for the latest.
    """

    name: str
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Parse `name`, `name:latest` or `name:version`; upper case is folded as BentoML does.

        Raises:
            InvalidTag: Not a tag.
        """
        name, colon, version = text.strip().lower().partition(":")
        words = {"name": name} | ({"version": version} if colon and version != LATEST else {})
        for what, word in words.items():
            if not word:
                raise InvalidTag(f"`{text}` has no {what}.")
            if len(word) > _MAX_LENGTH:
                raise InvalidTag(f"The {what} in `{text}` has {len(word)} characters.")
            if not _WORD.fullmatch(word):
                raise InvalidTag(f"`{word}` is not a valid {what}.")
        return cls(**words)

    @property
    def is_latest(self) -> bool:
        """Whether the tag names no version of its own."""
        return self.version is None

    def at(self, version: str) -> Tag:
        """Return the tag of one version of this model."""
        return Tag.parse(f"{self.name}:{version}")

    def __str__(self) -> str:
        return f"{self.name}:{self.version or LATEST}"


def new_version() -> str:
    """Make a fresh version: 16 characters made as BentoML makes them."""
    import uuid
    from base64 import b32encode

    raw = uuid.uuid1().bytes
    return b32encode(raw[:6] + raw[8:12]).decode().lower()
