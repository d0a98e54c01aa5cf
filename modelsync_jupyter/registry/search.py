"""The search language `q`, as Yatai has it: words separated by single spaces, without quoting.

- A word without a colon must occur in the name (or in the description, with `in:description`).
- `name:`, `module:`, `creator:` and `label:` filter. Words of one kind must all hold; commas in `label:` mean "or".
- `digest:` finds versions by the first digits, 8 at least, of their content digest; `alias:` those that it points at.
- `text:` must occur somewhere: in the tag, the description, a label, the module, or the name of who pushed it.
- `size:>1GB` compares the size of all files; `since:2026-01-31` and `until:2026-01-31T12:00` the build time, in UTC.
- `-label:` excludes; `sort:build_at-desc` orders; `status:` shows versions that are not whole too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from modelsync_jupyter.core.parts import ALGORITHM
from modelsync_jupyter.core.units import parse_size

from .catalog.words import UploadStatus
from .errors import BadRequest
from .values import read_time

_KEYS = {"name", "module", "creator", "label", "-label", "in", "sort", "status", "digest"}
_KEYS |= {"alias", "text", "size", "since", "until"}
_IN = {"name", "description"}
SORTS = {"created_at", "updated_at", "build_at", "size", "name", "downloads"}
_ANY = "any"
#: Words of a search, where some count as more, and the labels that they name. What is permitted takes about a tenth
#: of a second for 10,000 versions: 10 to 15 ms for each `text:`, 5 to 8 for each `label:`, up to 12 for each word in
#: descriptions, 1 to 6 for others.
_MAX_WORDS, _WEIGHTS, _MAX_LABELS = 10, {"text": 3, "label": 2}, 64
_SIZE = re.compile(r"(>=|<=|>|<|=|)(\d{1,15}(?:\.\d{1,6})?[kmgt]?i?b?)", re.ASCII | re.IGNORECASE)
_DIGEST = re.compile(rf"(?:{ALGORITHM}:)?([0-9a-f]{{8,64}})")


@dataclass(frozen=True, slots=True)
class LabelTerm:
    """A label that is wanted: with this value, or with any where it is None."""

    key: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class SizeTerm:
    """A size that is wanted: `comparison` is one of `<`, `<=`, `=`, `>=`, `>`."""

    comparison: str
    size: int


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for; empty fields do not restrict.

    Args:
        words: Each must occur in one of `fields`.
        fields: Where words are looked for: "name", "description".
        names: Each must occur in the repository's name.
        modules: One of them is the module.
        creators: One of them is the creator's name; `@me` is the caller.
        digests: One of them is how the content digest begins.
        aliases: One of them points at the version.
        texts: Each must occur somewhere.
        sizes: All of them must hold.
        since: The version was built then or later.
        until: The version was built before.
        labels: Of each group, one label must be there.
        excluded: Of these labels, none may be there.
        status: The upload status, or None for any.
        sort: Column to order by, or "".
        descending: The direction of `sort`.
    """

    words: tuple[str, ...] = ()
    fields: tuple[str, ...] = ("name",)
    names: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    sizes: tuple[SizeTerm, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    labels: tuple[tuple[LabelTerm, ...], ...] = ()
    excluded: tuple[LabelTerm, ...] = ()
    status: UploadStatus | None = UploadStatus.SUCCESS
    sort: str = ""
    descending: bool = True


@dataclass
class _Collected:
    words: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, word: str) -> None:
        key, colon, value = word.partition(":")
        if not colon:
            self.words.append(word)
        elif key in _KEYS:
            self.values.setdefault(key, []).append(value)
        else:
            raise BadRequest(f"`{key[:64]}:` is not a search key; choose one of: {', '.join(sorted(_KEYS))}")

    def weight(self) -> int:
        """Count the words that are looked for."""
        looked_for = {key: values for key, values in self.values.items() if key not in ("in", "sort", "status")}
        each = 2 if "description" in self.get("in") else 1
        return each * len(self.words) + sum(_WEIGHTS.get(key, 1) * len(values) for key, values in looked_for.items())

    def get(self, key: str) -> tuple[str, ...]:
        return tuple(self.values.get(key, ()))


def parse(q: str, search: str = "") -> Search:
    """Understand `q`, and `search`, a text that must occur in the name.

    Raises:
        BadRequest: A key, or the value of one, is not known.
    """
    found = _Collected([search] if search else [])
    for word in filter(None, q.split(" ")):
        found.add(word)
    if found.weight() > _MAX_WORDS:
        text, label = (f"`{key}:` counts as {weight}" for key, weight in _WEIGHTS.items())
        more = f"{text}, {label}, and any other as 2 `in:description`"
        raise BadRequest(f"the search has more than {_MAX_WORDS} words, where {more}")
    labels, excluded = ([_labels(value) for value in found.get(key)] for key in ("label", "-label"))
    if sum(map(len, labels + excluded)) > _MAX_LABELS:
        raise BadRequest(f"the search names more than {_MAX_LABELS} labels")
    sort, descending = _sort(found.get("sort"))
    return Search(
        words=tuple(found.words),
        fields=tuple(_one_of(value, _IN, "in") for value in found.get("in")) or ("name",),
        names=found.get("name"),
        modules=found.get("module"),
        creators=found.get("creator"),
        digests=tuple(_digest(value) for value in found.get("digest")),
        aliases=tuple(_filled(value, "alias") for value in found.get("alias")),
        texts=tuple(_filled(value, "text") for value in found.get("text")),
        sizes=tuple(_size(value) for value in found.get("size")),
        since=max((_time(value, "since") for value in found.get("since")), default=None),
        until=min((_time(value, "until") for value in found.get("until")), default=None),
        labels=tuple(labels),
        excluded=tuple(term for terms in excluded for term in terms),
        status=_status(found.get("status")),
        sort=sort,
        descending=descending,
    )


def _status(values: tuple[str, ...]) -> UploadStatus | None:
    if not values:
        return UploadStatus.SUCCESS
    value = _one_of(values[-1], {_ANY, *UploadStatus}, "status")
    return None if value == _ANY else UploadStatus(value)


def _digest(text: str) -> str:
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise BadRequest(f"`digest:{text[:80]}` is not 8 to 64 hexadecimal digits, with or without `{ALGORITHM}:`")
    return f"{ALGORITHM}:{match[1]}"


def _filled(text: str, key: str) -> str:
    if not text:
        raise BadRequest(f"`{key}:` needs a value")
    return text


def _size(text: str) -> SizeTerm:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadRequest(f"`size:{text[:64]}` is not a comparison such as `size:>100MB`")
    try:
        return SizeTerm(match[1] or "=", min(parse_size(match[2]), (1 << 63) - 1))
    except ValueError as error:
        raise BadRequest(f"`size:{text[:64]}`: {error}") from error


def _time(text: str, key: str) -> datetime:
    time = read_time(text[:64])
    if time is None:
        raise BadRequest(f"`{key}:{text[:64]}` is not a time such as `2026-01-31` or `2026-01-31T12:00`")
    return time


def _labels(text: str) -> tuple[LabelTerm, ...]:
    pairs = [item.partition("=") for item in text.split(",")]
    return tuple(LabelTerm(key, value if equals else None) for key, equals, value in pairs)


def _sort(values: tuple[str, ...]) -> tuple[str, bool]:
    if not values:
        return "", True
    column, _, direction = values[-1].rpartition("-")
    if not column:
        column, direction = direction, "desc"
    return _one_of(column, SORTS, "sort"), _one_of(direction, {"asc", "desc"}, "sort") == "desc"


def _one_of(value: str, known: set[str], key: str) -> str:
    if value not in known:
        raise BadRequest(f"`{key}:{value[:64]}` is not known; choose one of: {', '.join(sorted(known))}")
    return value
