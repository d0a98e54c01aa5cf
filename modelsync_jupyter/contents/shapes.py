"""Tensor: one array in a file, as the file's header describes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

#: Dimensions of an array, and the size of each, at most; with more, a header takes time and memory for nothing.
_MAX_DIMENSIONS, _LARGEST = 64, (1 << 63) - 1


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
        ValueError: It is not a list of sizes, or one that no array has.
        TypeError: It is not a list.
    """
    found = tuple(islice(cast(Iterable[object], values), _MAX_DIMENSIONS + 1))
    if len(found) > _MAX_DIMENSIONS or not all(isinstance(each, int) and 0 <= each <= _LARGEST for each in found):
        raise ValueError("a shape that no array has")
    return cast(tuple[int, ...], found)
