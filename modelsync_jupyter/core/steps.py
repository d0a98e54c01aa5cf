"""Steps: what to do next, as data. Each face puts a step in its own words: a command, a magic or a button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Step(NamedTuple):
    """The next step after an error or an outcome.

    Args:
        verb: What to do, for faces that have a command or a button for it: `login`, `resume`, `force`, `list-remote`
            and so on; "" where there is nothing but advice.
        text: The step as a sentence that fits every face: it names no command, option or button.
        args: What the step is about, such as `endpoint`, `id` or `tag`.
    """

    verb: str
    text: str
    args: Mapping[str, str] = {}

    def to_dict(self) -> dict[str, object]:
        """Return the step as JSON."""
        return {"verb": self.verb, "text": self.text, "args": dict(self.args)}


def advice(text: str) -> Step:
    """Make a step for which no face has a command."""
    return Step("", text)
