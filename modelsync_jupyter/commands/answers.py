"""The answer of a command: one value, ready to be shown as text, JSON, YAML or a path."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command has to say.

    Args:
        value: The Python object that the magic returns.
        text: What people read.
        data: What programs read: the JSON value.
        path: The model's folder, where there is one.
        live: Whether `text` tells of something just done, so that a log wants it beside a program's output.
    """

    value: Any
    text: str
    data: Any = None
    path: str = ""
    live: bool = False

    def render(self, output: str = "table") -> str:
        """The answer in the form that `--output` names."""
        if output == "json":
            return json.dumps(self.data, indent=2, ensure_ascii=False, default=str)
        if output == "yaml":
            return _yaml(self.data)
        return self.path if output == "path" else self.text


def _yaml(data: Any) -> str:
    import yaml

    plain = json.loads(json.dumps(data, default=str))
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)).rstrip()
