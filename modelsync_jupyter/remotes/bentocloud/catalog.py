"""Versions in our own registry: aliases, labels, history, deleting and restoring. One function per endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from modelsync_jupyter.core.errors import InvalidReply, RemoteError, RemoteNotFound, Unsupported, UsageError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.wire import API, labels_json, model_path, parse_time, repository_path

from ..http import Http
from .accounts import AsJSON
from .replies import RemoteModel, mapping, parse_model, read_list

#: In the place of an expected version: the alias may point anywhere.
ANYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Alias(AsJSON):
    """A name that stands for a version, until it is moved.

    Args:
        name: The alias.
        version: The version that it stands for.
        user: Who moved it there.
        moved: When.
    """

    name: str
    version: str
    user: str
    moved: datetime | None


@dataclass(frozen=True, slots=True)
class Deed(AsJSON):
    """What was done to a version or an alias.

    Args:
        time: When.
        operation: "pushed", "replaced", "changed", "deleted", "restored", "aliased" or "unaliased".
        version: The version; for an alias, where it points now.
        user: Who did it.
        client: Program that it was done with, as it calls itself.
        address: Where from; "" for those who do not own the repository.
        size: Bytes that were pushed, or None.
        digest: Content digest of them, or None.
        alias: The alias that moved, or None.
        earlier: The version it pointed at before, or None.
    """

    time: datetime | None
    operation: str
    version: str
    user: str
    client: str
    address: str
    size: int | None
    digest: str | None
    alias: str | None
    earlier: str | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted version that can be restored.

    Args:
        model: The version.
        user: Who deleted it.
        time: When.
        until: Until when it can be restored.
        whole: Whether it was deleted with its whole model, and is restored with that.
    """

    model: RemoteModel
    user: str
    time: datetime | None
    until: datetime | None
    whole: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        times = {"deleted": self.time, "restorable_until": self.until}
        said = {key: value.isoformat() if value else None for key, value in times.items()}
        return {**self.model.to_dict(), **said, "deleted_by": self.user, "with_model": self.whole}


class Catalog:
    """What people do to versions in a registry of ours, beside pushing and pulling.

    Args:
        http: Requests to it.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def aliases(self, name: str) -> list[Alias]:
        """List the aliases of a model, by name."""
        return list(map(_alias, self._pages(name, f"{repository_path(name)}/aliases", {})))

    def move_alias(self, tag: str | Tag, alias: str, *, expected: str | None = ANYWHERE) -> Alias:
        """Let an alias point at a version; a new alias is made.

        Args:
            tag: `name:version`.
            alias: The alias, such as `production`.
            expected: Only if it points at this version until now, or with None if there is no such alias yet.

        Raises:
            Conflict: It points elsewhere: somebody else has moved it.
        """
        parsed = _exact(tag)
        body: dict[str, Any] = {"version": parsed.version}
        if expected != ANYWHERE:
            body["expected"] = expected
        return _alias(self._call("PUT", parsed.name, _alias_path(parsed.name, alias), body))

    def drop_alias(self, tag: str | Tag, *, expected: str = ANYWHERE) -> Alias:
        """Remove an alias; the version that it points at stays.

        Args:
            tag: `name:alias`.
            expected: Only if it points at this version.
        """
        parsed = _exact(tag)
        params = {} if expected == ANYWHERE else {"expected": expected}
        path = _alias_path(parsed.name, str(parsed.version))
        return _alias(self._call("DELETE", parsed.name, path, params=params))

    def history(self, tag: str | Tag, *, alias: str = "", limit: int | None = None) -> list[Deed]:
        """List what was done to the versions and aliases of a model, newest first.

        Args:
            tag: `name`, or `name:version` for one version.
            alias: Only where this alias was.
            limit: How many at most.
        """
        parsed = Tag.parse(str(tag))
        version = "" if parsed.is_latest else str(parsed.version)
        params = {key: value for key, value in (("version", version), ("alias", alias)) if value}
        return list(map(_deed, self._pages(parsed.name, f"{repository_path(parsed.name)}/history", params, limit)))

    def change(
        self,
        tag: str | Tag,
        *,
        labels: Mapping[str, str] | None = None,
        remove: tuple[str, ...] = (),
        description: str | None = None,
    ) -> RemoteModel:
        """Change labels and description of a version; what is not named stays.

        Args:
            tag: `name:version`.
            labels: Labels to set.
            remove: Keys of labels to take away.
            description: The new description.
        """
        parsed = _exact(tag)
        body: dict[str, Any] = {} if description is None else {"description": description}
        if labels or remove:
            known = parse_model(self._http.call("GET", model_path(parsed)), parsed.name).labels
            kept = {key: value for key, value in {**known, **(labels or {})}.items() if key not in remove}
            body["labels"] = labels_json(kept)
        return parse_model(self._http.call("PATCH", model_path(parsed), body), parsed.name)

    def delete(self, tag: str | Tag) -> None:
        """Delete a version, or with a bare name all versions; for a while they can be restored."""
        parsed = Tag.parse(str(tag))
        if parsed.is_latest and ":" in str(tag):
            raise UsageError("`latest` is not deleted by that name.", step="Name the version.")
        self._call("DELETE", parsed.name, repository_path(parsed.name) if parsed.is_latest else model_path(parsed))

    def restore(self, tag: str | Tag) -> None:
        """Restore a deleted version, or with a bare name what was deleted as a whole.

        Raises:
            RemoteNotFound: There is nothing to restore: it never was, or its time is over.
        """
        parsed = Tag.parse(str(tag))
        whole = f"{API}/deleted_repositories/{quote(parsed.name, safe='')}/restore"
        self._call("PATCH", parsed.name, whole if parsed.is_latest else model_path(parsed, "restore"))

    def deleted(self, name: str = "") -> list[Deleted]:
        """List the deleted versions that can be restored, the last first; of one model if named."""
        return list(map(_deleted, self._pages(name, f"{API}/deleted_models", {"name": name} if name else {})))

    def _pages(self, name: str, path: str, params: Mapping[str, str], limit: int | None = None) -> list[Any]:
        def ask(start: int, count: int) -> Any:
            return self._call("GET", name, path, params={**params, "start": start, "count": count})

        return read_list(ask, limit)

    def _call(
        self, method: str, name: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None
    ) -> Any:
        """Call what only registries of ours have.

        Raises:
            Unsupported: This registry is another one.
        """
        try:
            return self._http.call(method, path, body, params)
        except (RemoteNotFound, InvalidReply) as error:
            if error.status in (404, 405, 501) and self._is_foreign(name):
                raise Unsupported("This registry does not offer that to other programs.") from error
            raise

    def _is_foreign(self, name: str) -> bool:
        """Return whether the registry says nothing of our extension, where it has to: in any repository."""
        with suppress(RemoteError):
            path = repository_path(name) if name else f"{repository_path()}?count=1"
            found = mapping(self._http.call("GET", path))
            shown = found if name else next(iter(found.get("items") or ()), None)
            return shown is not None and "modelsync" not in mapping(shown)
        return False


def _exact(tag: str | Tag) -> Tag:
    parsed = Tag.parse(str(tag))
    if parsed.is_latest:
        raise UsageError(f"`{parsed}` does not name one version.", step="Write it as `name:version`.")
    return parsed


def _alias_path(name: str, alias: str) -> str:
    return f"{repository_path(name)}/aliases/{quote(alias, safe='')}"


def _alias(data: object) -> Alias:
    record = mapping(data)
    moved, user = parse_time(record.get("moved_at")), mapping(record.get("user") or {})
    return Alias(str(record.get("name") or ""), str(record.get("version") or ""), str(user.get("name") or ""), moved)


def _deleted(data: object) -> Deleted:
    record = mapping(data)
    facts = mapping(record.get("modelsync") or {})
    return Deleted(
        parse_model(record),
        str(facts.get("deleted_by") or ""),
        parse_time(record.get("deleted_at")),
        parse_time(facts.get("restorable_until")),
        facts.get("with_repository") is True,
    )


def _deed(data: object) -> Deed:
    record = mapping(data)
    size = record.get("size")
    text = {key: str(record[key]) if record.get(key) else None for key in ("content_digest", "alias", "earlier")}
    return Deed(
        parse_time(record.get("created_at")),
        str(record.get("operation") or ""),
        str(record.get("version") or ""),
        str(mapping(record.get("user") or {}).get("name") or ""),
        str(record.get("client") or ""),
        str(record.get("address") or ""),
        size if isinstance(size, int) else None,
        text["content_digest"],
        text["alias"],
        text["earlier"],
    )
