"""Repositories and model versions as Yatai keeps them: every key that stock clients need, in Yatai's own order."""

from __future__ import annotations

import secrets
import threading
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]
USER = {"name": "tester", "email": "tester@example.org", "first_name": "Test", "last_name": "Er"}


class ApiError(Exception):
    """A refusal.

    Args:
        status: HTTP status.
        message: Text of the JSON error.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def resource(name: str, kind: str, labels: list[Json] | None = None) -> Json:
    """What every record has."""
    return {
        "uid": secrets.token_hex(10),
        "created_at": now(),
        "updated_at": now(),
        "deleted_at": None,
        "name": name,
        "resource_type": kind,
        "labels": labels or [],
        "creator": USER,
        "description": "",
    }


def now() -> str:
    """The time as Yatai sends it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Records:
    """All repositories and versions of one organisation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.repositories: dict[str, Json] = {}
        self.versions: dict[str, dict[str, Json]] = {}

    def repository(self, name: str) -> Json:
        """One repository with its newest version: the one created last, as on Yatai."""
        if name not in self.repositories:
            raise ApiError(404, "record not found")
        models = list(self.versions[name].values())
        return {**self.repositories[name], "latest_model": models[-1] if models else None}

    def model(self, name: str, version: str) -> Json:
        """One version."""
        self.repository(name)
        if version not in self.versions[name]:
            raise ApiError(404, "record not found")
        return self.versions[name][version]

    def create_repository(self, body: Json) -> Json:
        """A new repository; a duplicate is refused."""
        name = body["name"]
        with self._lock:
            if name in self.repositories:
                raise ApiError(400, f"duplicate key value: model_repository {name}")
            self.repositories[name] = resource(name, "model_repository", body.get("labels"))
            self.versions[name] = {}
        return self.repository(name)

    def create_model(self, name: str, body: Json) -> Json:
        """A new version, pending; a duplicate is refused."""
        self.repository(name)
        version, manifest = body["version"], body["manifest"]
        if not {"module", "api_version", "bentoml_version", "size_bytes"} <= set(manifest):
            raise ApiError(400, "invalid manifest")
        with self._lock:
            if version in self.versions[name]:
                raise ApiError(400, f"duplicate key value: model {name}:{version}")
            self.versions[name][version] = _model(version, body)
        return self.versions[name][version]

    def label(self, model: Json, body: Json) -> Json:
        """Replace the labels: all that Yatai changes, whatever else is sent."""
        if "labels" in body:
            model["labels"] = body["labels"] or []
        return self.touch(model)

    def touch(self, model: Json, **changes: Any) -> Json:
        """Change a version."""
        model.update(changes, updated_at=now())
        return model

    def list_models(self, name: str | None = None) -> list[Json]:
        """Versions, newest build first, whatever their upload status."""
        names = [name] if name is not None else list(self.versions)
        found = [{**model, "repository": self.repository(each)} for each in names for model in self._versions_of(each)]
        return sorted(found, key=lambda model: str(model["build_at"]), reverse=True)

    def list_repositories(self) -> list[Json]:
        """Repositories, newest first."""
        return [self.repository(name) for name in reversed(list(self.repositories))]

    def _versions_of(self, name: str) -> list[Json]:
        self.repository(name)
        return list(self.versions[name].values())


def _model(version: str, body: Json) -> Json:
    build_at = str(body.get("build_at") or datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f"))
    try:
        datetime.strptime(build_at, "%Y-%m-%d %H:%M:%S.%f")
    except ValueError as error:
        raise ApiError(400, f"parse build at: {build_at}") from error
    return {
        **resource(version, "model", body.get("labels")),
        "model_uid": secrets.token_hex(10),
        "version": version,
        "description": body.get("description", ""),
        "image_build_status": "pending",
        "upload_status": "pending",
        "upload_started_at": None,
        "upload_finished_at": None,
        "upload_finished_reason": "",
        "presigned_upload_url": "",
        "presigned_download_url": "",
        "presigned_urls_deprecated": False,
        "upload_id": "",
        "manifest": body["manifest"],
        "build_at": build_at,
    }
