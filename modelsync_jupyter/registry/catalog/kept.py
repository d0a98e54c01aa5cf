"""JSON that stays as it is written until somebody looks into it: most of a page of versions goes out as it was kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class Kept:
    """A list or an object, as the text that was kept; reads like what it says.

    Args:
        text: JSON that we wrote.
    """

    __slots__ = ("_value", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._value: Any = None

    @property
    def value(self) -> Any:
        """What the text says."""
        if self._value is None:
            self._value = json.loads(self.text)
        return self._value

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of an object, as `dict.get` does."""
        return self.value.get(key, default)


def keep(text: str) -> Any:
    """Return what a text says, parsed only if need be; typed as what it says."""
    return Kept(text)
