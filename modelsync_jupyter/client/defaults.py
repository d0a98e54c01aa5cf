"""Settings: what every face takes where nothing else is said, in one file of the home.

`$BENTOML_HOME/.modelsync/config.json` holds what was set, and nothing else. An environment variable is
stronger than the file, and what a call says is stronger than both. Names that this version does not know stay in it.

The module is not called after them: `client.settings` is a function, which a module of that name would hide.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modelsync_jupyter.core.config import DEFAULT_THREADS, MAX_THREADS, MIN_RATE, Home
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.units import format_size, parse_rate
from modelsync_jupyter.files import write_text

_FILE = "config.json"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def check_threads(value: object, *, text: bool = True) -> int:
    """Return a number of threads.

    Args:
        value: The number.
        text: Whether it may be given as text.

    Raises:
        ValueError: It is not a whole number from 1 to 64.
    """
    if text and isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_THREADS:
        raise ValueError(f"`threads` must be between 1 and {MAX_THREADS}")
    return value


def check_rate(value: object) -> int | None:
    """Return bytes per second, given as a number or as text such as `20MB`; None for 0 and `none`: no limit.

    Raises:
        ValueError: It is not a rate, or so slow that servers would close the connection as idle.
    """
    rate = 0 if value in (None, "none") else parse_rate(value if isinstance(value, int) else str(value))
    if rate and rate < MIN_RATE:
        raise ValueError(f"`rate_limit` must be at least {format_size(MIN_RATE)} per second")
    return rate or None


def check_flag(value: object) -> bool:
    """Return a truth, given as such or as text: true, yes, on and 1, or their opposites.

    Raises:
        ValueError: It is neither.
    """
    text = str(value).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError(f"`{value}` is neither true nor false")
    return text in _TRUE


class _Kind(NamedTuple):
    variable: str
    default: Any
    check: Callable[[object], Any]
    meaning: str


KINDS: Mapping[str, _Kind] = {
    "threads": _Kind("MODELSYNC_THREADS", DEFAULT_THREADS, check_threads, "parts transferred in parallel"),
    "rate_limit": _Kind("MODELSYNC_RATE_LIMIT", None, check_rate, "maximum bytes per second of a transfer"),
    "background": _Kind(
        "MODELSYNC_BACKGROUND", False, check_flag, "whether transfers started in a cell return at once"
    ),
    "notifications": _Kind(
        "MODELSYNC_NOTIFICATIONS", True, check_flag, "whether the sidebar tells when long transfers end"
    ),
}


class Setting(NamedTuple):
    """A default and where it comes from.

    Args:
        name: Its name.
        value: Its value now.
        source: "default", "file", or the environment variable that says it.
        meaning: What it is, in a few words.
    """

    name: str
    value: Any
    source: str
    meaning: str

    def __repr__(self) -> str:
        return f"Setting({self.name}: {self.value}, {self.source})"

    def to_dict(self) -> dict[str, Any]:
        """Return the setting as JSON."""
        return {"name": self.name, "value": self.value, "source": self.source, "meaning": self.meaning}


class SettingVerbs:
    """The part of a `Client` that shows and sets defaults."""

    home: Home

    def settings(self) -> list[Setting]:
        """List the defaults of this home and where each comes from: threads, rate limit, background, notifications.

        Raises:
            UsageError: The file or an environment variable says what no setting can be.
        """
        return [self.setting(name) for name in KINDS]

    def setting(self, name: str) -> Setting:
        """Return one of the defaults, as it is now.

        Args:
            name: Its name.

        Raises:
            UsageError: There is none of that name, or what is said of it cannot be.
        """
        if name not in KINDS:
            raise _unknown(name)
        kind = KINDS[name]
        if text := os.environ.get(kind.variable, "").strip():
            value = _checked(kind, text, f"${kind.variable}", f"Set or unset {kind.variable}.")
            return Setting(name, value, f"${kind.variable}", kind.meaning)
        said = _read(path := self.home.state / _FILE)
        if name not in said:
            return Setting(name, kind.default, "default", kind.meaning)
        value = _checked(kind, said[name], f"`{path}`", f"Set `{name}` anew, or fix the file.")
        return Setting(name, value, "file", kind.meaning)

    def configure(self, name: str, value: object) -> Setting:
        """Set one of the defaults for all that use this home: notebooks, shells and the sidebar.

        Args:
            name: `threads`, `rate_limit`, `background` or `notifications`.
            value: What it is to be; None or `default` for what holds where nothing is said.

        Returns:
            What holds now: an environment variable is stronger than the file.

        Raises:
            UsageError: There is none of that name, or it cannot have this value.
        """
        if name not in KINDS:
            raise _unknown(name)
        said = _read(path := self.home.state / _FILE)
        if value is None or value == "default":
            said.pop(name, None)
        else:
            checked = _checked(KINDS[name], value, "", "")
            said[name] = "none" if checked is None else checked
        write_text(path, json.dumps(said, indent=2) + "\n", durable=False)
        return self.setting(name)


def _read(path: Path) -> dict[str, Any]:
    """Return what the file says; nothing if there is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}.", _mend(path)) from error
    if not isinstance(said, dict):
        raise UsageError(f"`{path}` is not a file of settings.", _mend(path))
    return said


def _unknown(name: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(name, KINDS, n=1)
    step = f"Did you mean `{near[0]}`?" if near else f"Choose one of: {', '.join(f'`{each}`' for each in KINDS)}."
    return UsageError(f"There is no setting `{name}`.", step)


def _checked(kind: _Kind, value: object, where: str, step: str) -> Any:
    try:
        return kind.check(value)
    except ValueError as error:
        raise UsageError(f"{where}: {error}." if where else f"{error}.", step) from None


def _mend(path: Path) -> str:
    return f'Fix or delete `{path.name}`: it is JSON, such as {{"threads": 4}}.'
