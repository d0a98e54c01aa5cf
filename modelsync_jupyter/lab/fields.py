"""Fields: what a request says, checked where it comes in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from modelsync_jupyter.client import Direction
from modelsync_jupyter.core.errors import UsageError

T = TypeVar("T")
_HINT = "The sidebar and the server extension may not match: install the same version of both, and reload the page."
_MOST = 10**9


class Fields:
    """The fields of a JSON object.

    Args:
        body: The body of the request; an empty one has no fields.

    Raises:
        UsageError: It is not a JSON object.
    """

    def __init__(self, body: bytes) -> None:
        try:
            data = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise UsageError("The body of the request is not JSON.", step=_HINT) from None
        if not isinstance(data, dict):
            raise UsageError("The body of the request is not a JSON object.", step=_HINT)
        self._data = {key: value for key, value in data.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def text(self, name: str, default: str | None = None) -> str:
        """Return a field of text; one that is not empty, unless there is a default.

        Raises:
            UsageError: It is missing, empty or something else.
        """
        value = self._get(name, str, default)
        if default is None and not value.strip():
            raise UsageError(f"`{name}` is empty.", step=f"Give the {name}.")
        return value

    def flag(self, name: str) -> bool:
        """Return a field that is true or false; false where it is missing.

        Raises:
            UsageError: It is something else.
        """
        return self._get(name, bool, False)

    def number(self, name: str, default: int) -> int:
        """Return a field with a whole number.

        Raises:
            UsageError: It is something else.
        """
        return self._get(name, int, default)

    def texts(self, name: str) -> Mapping[str, str]:
        """Return a field that maps text to text; empty where it is missing.

        Raises:
            UsageError: It is something else.
        """
        value: dict[str, Any] = self._get(name, dict, {})
        if not all(isinstance(item, str) for item in value.values()):
            raise UsageError(f"`{name}` must map text to text.", step=_HINT)
        return value

    def text_list(self, name: str) -> Sequence[str]:
        """Return a field with a list of texts; empty where it is missing.

        Raises:
            UsageError: It is something else.
        """
        value: list[Any] = self._get(name, list, [])
        if not all(isinstance(item, str) for item in value):
            raise UsageError(f"`{name}` must list texts.", step=_HINT)
        return value

    def _get(self, name: str, kind: type[T], default: T | None) -> T:
        value = self._data.get(name, default)
        if value is None:
            raise UsageError(f"`{name}` is missing.", step=_HINT)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UsageError(f"`{name}` is not what it should be: {_KINDS[kind]}.", step=_HINT)
        return value


_KINDS: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
    list: "a list",
}


def whole(name: str, text: str, low: int, high: int = _MOST) -> int:
    """Return a whole number of a query.

    Raises:
        UsageError: It is not a whole number between `low` and `high`.
    """
    number = int(text) if text.isdecimal() and len(text) < 12 else -1
    if not low <= number <= high:
        raise UsageError(f"`{name}` must be a whole number from {low} to {high}.", step=_HINT)
    return number


def direction(text: str, *more: str) -> Direction:
    """Push or pull, or one of `more`.

    Raises:
        UsageError: None of them.
    """
    known = ("push", "pull", *more)
    if text not in known:
        raise UsageError(f"`direction` must be one of {', '.join(known)}.", step=_HINT)
    return cast(Direction, text)


def below(root: str, path: str) -> Path:
    """Return the file or folder that `path` names below the server's root.

    Args:
        root: The server's root folder.
        path: As the file browser writes it: relative to the root, with slashes.

    Raises:
        UsageError: It leaves the root, by `..` or by a link, or cannot be a path.
    """
    base = Path(root).expanduser().resolve()
    try:
        found = (base / path.lstrip("/")).resolve()
    except (ValueError, OSError, RuntimeError):  # a null byte; links in a circle
        raise UsageError(f"`{path}` isn't a valid path.", step="Choose a file or folder in the file browser.") from None
    if not found.is_relative_to(base):
        raise UsageError(f"`{path}` is outside the server's folder.", step="Copy it into the server's folder first.")
    return found


def check_savable(source: Path, root: str, *, hidden: bool) -> None:
    """Refuse what cannot be in a model, or what the file browser would not show either.

    Args:
        source: The file or folder to save.
        root: The server's root folder.
        hidden: Whether the server shows hidden files.

    Raises:
        UsageError: Something in it is neither file, folder nor link, or hidden and not to be shown.
    """
    within = [Path(folder, name) for folder, folders, files in os.walk(source) for name in (*folders, *files)]
    parts = source.relative_to(Path(root).expanduser().resolve()).parts
    concealed = [part for part in parts if part.startswith(".")]
    concealed += [str(path.relative_to(source)) for path in within if path.name.startswith(".")]
    if concealed and not hidden:
        step = "Hidden files often hold secrets. Remove them, or choose a folder without them."
        raise UsageError(f"`{concealed[0]}` is hidden, and this server does not show hidden files.", step=step)
    for path in within:
        if not (path.is_symlink() or path.is_dir() or path.is_file()):
            step = "Remove it, or choose another folder."
            raise UsageError(f"`{path.relative_to(source)}` is neither a file nor a folder.", step=step)
