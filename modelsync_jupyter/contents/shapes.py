"""Tensor: one array in a file, as the file's header describes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array in a file.

    Args:
        name: Its name in the file.
        dtype: Type of its values, in the format's own words.
        shape: Its dimensions.
        offset: Where its values begin in the file; None where they cannot be read in place.
        size: Bytes of its values.
        check: A name for its values that differs where they differ, as far as the format has one, or "".
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int | None
    size: int
    check: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the tensor as JSON."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "size": self.size}


def shape_of(values: object) -> tuple[int, ...]:
    """Read a shape from a header.

    Raises:
        TypeError: It is not a list of numbers.
    """
    return tuple(int(cast(Any, each)) for each in cast(Iterable[object], values))
