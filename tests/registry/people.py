"""The app in this process, and people who call it: for tests that ask who may do what, thousands of times."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from modelsync_jupyter.registry import Settings, create_app, multipart
from modelsync_jupyter.registry.catalog import tokens
from modelsync_jupyter.registry.service import EXTENSION, Registry, ensure_admin

from . import pushing

ADMIN = "the-first-admin-of-these-tests"
API = "/api/v1"


@dataclass(frozen=True)
class Person:
    """Somebody with a token.

    Args:
        name: Name of the user.
        token: The token.
        uid: Id of the token.
        http: Calls the app.
        address: Where the calls come from.
    """

    name: str
    token: str
    uid: str
    http: FlaskClient
    address: str = "10.0.0.1"

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Call the API and return whatever comes."""
        headers = {"X-YATAI-API-TOKEN": self.token} if self.token else {}
        if body is not None:
            options["json"] = body
        options |= {"method": method, "headers": headers, "environ_base": {"REMOTE_ADDR": self.address}}
        return self.http.open(API + path, buffered=True, **options)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Return the JSON of a reply that must be 200."""
        reply = self.call(method, path, body, **options)
        assert reply.status_code == 200, f"{self.name}: {method} {path}: {reply.status_code} {reply.text}"
        return reply.json

    def status(self, method: str, path: str, body: Any = None, **options: Any) -> int:
        """Return the status of a reply."""
        return self.call(method, path, body, **options).status_code

    def child(self, **fields: Any) -> Person:
        """Make a token for oneself, and return the person with that one."""
        made = self.ok("POST", "/api_tokens", {"name": "child", **fields})
        return Person(self.name, made["token"], made["uid"], self.http, self.address)

    def at(self, address: str) -> Person:
        """Return the same person at another address."""
        return Person(self.name, self.token, self.uid, self.http, address)

    def start(self, tag: str) -> str:
        """Register a version, if need be, and begin an upload; returns its id."""
        name, _, version = tag.partition(":")
        self.call("POST", "/model_repositories", {"name": name})
        body = {"version": version, "manifest": pushing.manifest()}
        self.call("POST", f"/model_repositories/{name}/models", body)
        return str(self.ok("PATCH", f"{pushing.path(name, version)}/start_multipart_upload")["upload_id"])

    def complete(self, tag: str, upload: str, payload: bytes = b"weights", **fields: Any) -> None:
        """Send the bytes of an upload, and complete it."""
        name, _, version = tag.partition(":")
        address = pushing.path(name, version)
        archive = pushing.model_tar(name, version, payload, **fields)
        registry = self.http.application.extensions[EXTENSION]
        with registry.database.read() as connection:
            who, _ = tokens.identify(connection, self.token)
        multipart.begin_parts(registry, upload, range(1, 2), len(archive), who.token_id, alone=True)  # as `front` does
        blob = registry.blobs.receive(io.BytesIO(archive), len(archive))
        multipart.record_parts(registry, upload, {1: blob})
        listed = [{"part_number": 1, "etag": blob.digest}]
        self.ok("PATCH", f"{address}/complete_multipart_upload", {"upload_id": upload, "parts": listed})

    def declare(self, tag: str, *parts: bytes) -> tuple[str, list[int], list[dict[str, Any]]]:
        """Begin an upload as our client does; returns its id, which parts are present, and how to list them all."""
        name, _, version = tag.partition(":")
        self.call("POST", f"/model_repositories/{name}/models", {"version": version, "manifest": pushing.manifest()})
        declared = pushing.parts_json(parts)
        body = {"modelsync": {"parts": declared}}
        reply = self.ok("PATCH", f"{pushing.path(name, version)}/start_multipart_upload", body)
        listed = [{"part_number": n, "etag": part["digest"]} for n, part in enumerate(declared, 1)]
        return reply["upload_id"], reply["modelsync"]["present"], listed

    def finish(self, tag: str, upload: str = "", status: str = "success") -> TestResponse:
        """Finish an upload: the one named, as our client does, or one's own, as stock clients do."""
        body = {"status": status, "reason": "", **({"modelsync": {"upload_id": upload}} if upload else {})}
        return self.call("PATCH", f"{pushing.path(*tag.split(':'))}/finish_upload", body)

    def push(self, tag: str, payload: bytes = b"weights", **fields: Any) -> None:
        """Push a version."""
        upload = self.start(tag)
        self.complete(tag, upload, payload, **fields)
        reply = self.finish(tag, upload)
        assert reply.status_code == 200, reply.text


class House:
    """A registry in this process.

    Args:
        data: Its folder.
        monkeypatch: To set the admin's token.
    """

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELSYNC_ADMIN_TOKEN", ADMIN)
        self.registry = Registry.open(Settings(data))
        self.app: Flask = create_app(self.registry)
        ensure_admin(self.registry)
        self.admin = Person("admin", ADMIN, "admin", self.app.test_client())

    def person(self, name: str, role: str = "none", **fields: Any) -> Person:
        """Make a user with a token."""
        self.admin.ok("POST", "/users", {"name": name, "role": role})
        return self.token(name, **fields)

    def token(self, name: str, **fields: Any) -> Person:
        """Make another token for a user."""
        made = self.admin.ok("POST", "/api_tokens", {"name": "test", "modelsync": {"user": name}, **fields})
        return Person(name, made["token"], made["uid"], self.app.test_client())

    def grant(self, repository: str, **rights: str) -> None:
        """Grant rights in a repository: `grant("m", ana="writer")`."""
        for name, right in rights.items():
            self.admin.ok("PUT", f"/model_repositories/{repository}/grants/{name}", {"right": right})

    def events(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the events that the admin sees, newest first."""
        found: list[dict[str, Any]] = self.admin.ok("GET", "/current_org/events", query_string=wanted)["items"]
        return found
