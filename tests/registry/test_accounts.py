"""Tokens and roles: who may do what."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import pytest

from . import pushing
from .pushing import path, register
from .server import Client, Server

WRITES = [
    ("POST", "/model_repositories"),
    ("PATCH", "/model_repositories/{name}"),
    ("POST", "/model_repositories/{name}/models"),
    ("PATCH", "/model_repositories/{name}/models/v1"),
    ("DELETE", "/model_repositories/{name}/models/v1"),
    *(
        ("PATCH", f"/model_repositories/{{name}}/models/v1/{action}")
        for action in (
            "presign_upload_url",
            "start_upload",
            "finish_upload",
            "start_multipart_upload",
            "presign_multipart_upload_url",
            "complete_multipart_upload",
            "abort_multipart_upload",
        )
    ),
    ("PUT", "/model_repositories/{name}/models/v1/upload"),
]
READS = [
    "/auth/current",
    "/current_org",
    "/current_org/events",
    "/api_tokens",
    "/models",
    "/model_repositories",
    "/model_repositories/{name}",
    "/model_repositories/{name}/models",
    "/model_repositories/{name}/models/v1",
    "/model_repositories/{name}/models/v1/bentos",
    "/model_repositories/{name}/models/v1/deployments",
    "/model_repositories/{name}/models/v1/download",
]


def make(registry: Server, role: str, **fields: object) -> Client:
    """A client with a token for a new user of this role."""
    return registry.user(f"{role}-{os.urandom(4).hex()}", role, **fields)


class TestTokens:
    @pytest.mark.parametrize("token", ["", "wrong", "x" * 5000])
    def test_without_a_valid_token_everything_is_401(self, registry: Server, token: str) -> None:
        client = registry.client(token)
        for method, address in [*(("GET", address) for address in READS), *WRITES]:
            reply = client.call(method, address.format(name="any"))
            assert reply.status_code == 401, f"{method} {address}"
            assert "API token" in reply.json()["error"]

    def test_value_is_shown_once_and_kept_nowhere(self, registry: Server, admin: Client, name: str) -> None:
        made = admin.ok("POST", "/api_tokens", {"name": name, "description": "for CI"})
        assert made["user"]["name"] == "admin"
        assert made["organization"]["name"]
        again = admin.ok("GET", f"/api_tokens/{made['uid']}")
        assert {**made, "token": None} == again
        listed = admin.ok("GET", "/api_tokens", params={"search": name})
        assert listed["items"] == [again]
        for file in registry.data.glob("catalog.db*"):
            assert made["token"].encode() not in file.read_bytes()

    def test_use_is_noted(self, registry: Server, admin: Client, name: str) -> None:
        made = admin.ok("POST", "/api_tokens", {"name": name})
        assert made["last_used_at"] is None
        user = registry.client(made["token"])
        user.ok("GET", "/auth/current")
        first = admin.ok("GET", f"/api_tokens/{made['uid']}")["last_used_at"]
        user.ok("GET", "/auth/current")
        assert first is not None
        assert admin.ok("GET", f"/api_tokens/{made['uid']}")["last_used_at"] == first, "at most once a minute"

    def test_token_of_another_user_is_not_found(self, registry: Server, admin: Client, name: str) -> None:
        made = admin.ok("POST", "/api_tokens", {"name": name})
        ana = make(registry, "developer")
        assert ana.call("DELETE", f"/api_tokens/{made['uid']}").status_code == 404
        assert all(token["user"]["name"] != "admin" for token in ana.ok("GET", "/api_tokens")["items"])

    def test_token_cannot_make_a_stronger_one(self, registry: Server, admin: Client) -> None:
        writer = make(registry, "admin", scopes=["write_organization"])
        assert writer.call("POST", "/api_tokens", {"name": "more", "scopes": ["api"]}).status_code == 403
        assert writer.call("POST", "/api_tokens", {"name": "x", "modelsync": {"user": "eve"}}).status_code == 403
        made = writer.ok("POST", "/api_tokens", {"name": "same", "scopes": ["write_organization"]})
        assert registry.client(made["token"]).ok("GET", "/auth/current")["modelsync"]["role"] == "developer"
        reader = make(registry, "admin", scopes=["read_organization"])
        assert reader.call("POST", "/api_tokens", {"name": "x", "scopes": ["read_organization"]}).status_code == 403


class TestRoles:
    def test_guest_reads_and_does_not_write(self, registry: Server, admin: Client, name: str) -> None:
        pushing.push(admin, name, "v1")
        guests = [make(registry, "guest"), make(registry, "developer", scopes=["read_organization"])]
        for guest in guests:
            for address in READS:
                assert guest.call("GET", address.format(name=name)).status_code == 200, address
            assert guest.call("PATCH", path(name, "v1", "presign_download_url")).status_code == 200
            for method, address in WRITES:
                reply = guest.call(method, address.format(name=name))
                assert reply.status_code == 403, f"{method} {address}"
                assert "permission" in reply.json()["error"]

    def test_scopes_that_give_nothing_allow_nothing(self, registry: Server, admin: Client) -> None:
        nobody = make(registry, "admin", scopes=["read_cluster"])
        assert nobody.call("GET", "/auth/current").status_code == 403

    def test_developer_pushes_and_deletes_only_their_own(self, registry: Server, admin: Client, name: str) -> None:
        ana, ben = make(registry, "developer"), make(registry, "developer")
        pushing.push(ana, name, "v1")
        assert ana.ok("GET", path(name, "v1"))["creator"]["name"].startswith("developer-")
        assert ben.call("DELETE", path(name, "v1")).status_code == 403
        assert ana.call("DELETE", path(name, "v1")).status_code == 200
        register(ben, name, "v2")
        assert admin.call("DELETE", path(name, "v2")).status_code == 200

    def test_role_of_a_user_is_not_changed_in_passing(self, registry: Server, admin: Client) -> None:
        body = {"name": "test", "modelsync": {"user": f"u{os.urandom(4).hex()}", "role": "guest"}}
        admin.ok("POST", "/api_tokens", body)
        body["modelsync"] = {**body["modelsync"], "role": "admin"}  # type: ignore[dict-item]
        assert admin.call("POST", "/api_tokens", body).status_code == 400


class TestFirstToken:
    def test_is_made_and_kept_private_where_none_is_given(self, launch: Callable[..., Server]) -> None:
        server = launch(MODELSYNC_ADMIN_TOKEN="")
        file = server.data / "admin-token"
        token = file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((server.data / "url-secret").stat().st_mode) == 0o600
        assert str(file) in server.log
        assert token not in server.log
        assert server.client(token).ok("GET", "/auth/current")["modelsync"]["role"] == "admin"
        server.stop()
        server.start()
        assert server.client(token).call("GET", "/auth/current").status_code == 200


def test_anybody_may_ask_for_health_and_version(registry: Server) -> None:
    nobody = registry.client("")
    assert nobody.session.get(f"{registry.url}/healthz", timeout=10).json() == {"status": "ok"}
    assert nobody.ok("GET", "/version")["version"]
