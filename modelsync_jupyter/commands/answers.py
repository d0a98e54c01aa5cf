"""The answer of a command: one value, ready to be shown as text, JSON, YAML or a path."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from modelsync_jupyter.core.plain import plain, printable

from .tables import Facts


class Answer(NamedTuple):
    """What a command has to say.

    Args:
        value: The Python object that the magic returns.
        text: What people read.
        data: What programs read: the JSON value.
        path: The model's folder, where there is one.
        live: Whether `text` tells of something just done, so that a log wants it beside a program's output.
        failed: Whether what was found is bad, so that a script should stop: the shell exits with 1.
    """

    value: Any
    text: str | Facts
    data: Any = None
    path: str = ""
    live: bool = False
    failed: bool = False

    def render(self, output: str = "table") -> str:
        """Return the answer in the form that `--output` names."""
        if output == "json":  # strict: no NaN; and nothing in a string reaches a terminal raw
            return printable(json.dumps(plain(self.data), indent=2, ensure_ascii=False, allow_nan=False))
        if output == "jsonl":
            return "\n".join(json.dumps(plain(item), allow_nan=False) for item in self.data)
        if output == "yaml":
            import yaml

            data = plain(self.data)
            text = str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
            if printable(text) != text:  # it would turn the direction of what follows: all of it is escaped then
                text = yaml.safe_dump(data, sort_keys=False)
            return text.rstrip()
        return self.path if output == "path" else printable(str(self.text))
