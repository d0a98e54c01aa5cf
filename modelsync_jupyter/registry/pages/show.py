"""What templates need to show records: sizes, times, states in words, ways to pull."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flask import request
from markupsafe import Markup, escape

from modelsync_jupyter.contents.tensors import TENSOR_FILES
from modelsync_jupyter.core.units import format_age, format_size, short_digest
from modelsync_jupyter.info import DESCRIPTION
from modelsync_jupyter.wire import FAILED, PENDING, SUCCESS, UPLOADING, parse_time

#: What a page says after a form was carried out. Only these texts: an address cannot put words into our mouth.
DONE = {
    "saved": "Saved.",
    "deleted": "Deleted. It can be restored for a while.",
    "restored": "Restored.",
    "aliased": "The alias points there now.",
    "unaliased": "The alias is removed.",
    "granted": "Granted.",
    "withdrawn": "The grant is withdrawn.",
    "revoked": "The token is revoked, and all that it made.",
    "user": "Saved.",
}
STATES = {PENDING: "no files yet", UPLOADING: "uploading", SUCCESS: "complete", FAILED: "upload failed"}
#: Rows of a page.
ROWS = 50
_LONGEST_VALUE = 2000


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pull a version.

    Args:
        name: Where it is used.
        code: What to run there, line by line.
    """

    name: str
    code: str


def ways_to_pull(endpoint: str, tag: str) -> list[Way]:
    """Say how a version gets to where it is used.

    Args:
        endpoint: Address of this registry.
        tag: The version; or the name with an alias.
    """
    return [
        Way("Notebook", f"%load_ext modelsync_jupyter\n%modelsync pull {tag}"),
        Way("Python", f'from modelsync_jupyter import pull\n\nmodel = pull("{tag}")\nprint(model.path)'),
        Way("Shell", f"modelsync login {endpoint}\nmodelsync pull {tag}"),
        Way("BentoML", f"bentoml cloud login --endpoint {endpoint} --api-token TOKEN\nbentoml models pull {tag}"),
    ]


@dataclass(frozen=True, slots=True)
class Pager:
    """Which rows of a list are shown.

    Args:
        start: Number of the first row, from 0.
        shown: How many are shown.
        total: How many there are.
        count: How many a page has.
    """

    start: int
    shown: int
    total: int
    count: int = ROWS

    @property
    def earlier(self) -> int | None:
        """Start of the page before, or None."""
        return max(0, self.start - self.count) if self.start else None

    @property
    def later(self) -> int | None:
        """Start of the page behind, or None."""
        return self.start + self.shown if self.start + self.shown < self.total else None


def start() -> int:
    """Return the number of the first row that a request asks for; what is not a number is 0."""
    with suppress(ValueError):
        return max(0, min(int(request.args.get("start") or 0), 1 << 30))
    return 0


def size(value: int | None) -> str:
    """Write bytes."""
    return "" if value is None else format_size(value)


def when(text: str | None) -> Markup:
    """Write a time as an age; whole, in UTC, for the pointer, and for the script, which makes it local."""
    time = parse_time(text)
    if time is None:
        return Markup("")
    past = time <= datetime.now(timezone.utc)
    said = format_age(time) if past else f"{time:%Y-%m-%d %H:%M}"
    whole = f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(time.isoformat(), whole, said)


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name each value of nested mappings by its path; lists and texts are written out."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat(item, f"{prefix}.{key}" if prefix else str(key))
    elif prefix and value not in (None, "", {}):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield prefix, text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def noted(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name each value of a version's metadata, but not a description that the page shows as such."""
    metadata = dict(model["manifest"]["metadata"] or {})
    if metadata.get(DESCRIPTION) == model["description"]:
        del metadata[DESCRIPTION]
    return list(flat(metadata))


def labels_text(labels: list[dict[str, str]]) -> str:
    """Write labels as the form has them: one in a line."""
    return "\n".join(f"{label['key']}={label['value']}" for label in labels)


def parse_labels(text: str) -> list[dict[str, str]]:
    """Read labels as the form has them; a line without `=` has no value."""
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return [{"key": key.strip(), "value": value.strip()} for key, _, value in pairs]


def sentence(text: str) -> Markup:
    """Write a message as a sentence; what it has in backticks as code."""
    text = text[:1].upper() + text[1:].rstrip(".") + "."
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def is_tensor_file(path: str) -> bool:
    """Return whether a file is of a kind whose tensors may be known; its bytes decide."""
    return path.lower().endswith(TENSOR_FILES)


HELPERS: Mapping[str, Callable[..., Any] | Mapping[str, str]] = {
    "size": size,
    "when": when,
    "short": short_digest,
    "flat": flat,
    "noted": noted,
    "sentence": sentence,
    "is_tensor_file": is_tensor_file,
    "labels_text": labels_text,
    "ways_to_pull": ways_to_pull,
    "DONE": DONE,
    "STATES": STATES,
}
