"""Who may do what: every route, every role, private repositories; tokens, users, uploads, events."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.registry import create_app
from modelsync_jupyter.registry.catalog import grants, tokens
from modelsync_jupyter.registry.catalog.repositories import find_repository
from modelsync_jupyter.registry.catalog.tables import repositories
from modelsync_jupyter.registry.catalog.users import Caller, add_user
from modelsync_jupyter.registry.catalog.words import Right, Role
from modelsync_jupyter.registry.errors import Unauthorized
from modelsync_jupyter.registry.pages.session import _cookie
from modelsync_jupyter.registry.routes import users
from modelsync_jupyter.registry.security import sessions
from modelsync_jupyter.registry.security.auth import Open, identify, rule_of
from modelsync_jupyter.registry.security.throttle import BURST, INTERVAL, Throttle
from modelsync_jupyter.registry.service import ensure_admin

from . import pushing
from .people import ADMIN, API, House, Person

#: Routes without a token, and those that look as if they wrote but only read. All others are held to their rules.
OPEN = {"metrics", "openapi", "healthz", "version", "put_whole", "get_aliased", "get_archive"}
READING = {"presign_download", "find_parts"}
#: Routes that write and leave no event of their own: the ones around them do.
SILENT = {"start_upload", "presign_part", "complete_multipart", "put_whole", *READING}
SECRET = "zebra-stripes"
#: Who, with which role in the registry and which right in the private repository.
PEOPLE = {
    "stranger": ("none", ""),
    "guest": ("guest", ""),
    "developer": ("developer", ""),
    "reader": ("none", "reader"),
    "writer": ("none", "writer"),
    "owner": ("none", "owner"),
    "boss": ("admin", ""),
}
FROM_ROLE = {"none": "", "guest": "reader", "developer": "writer", "admin": "owner"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A registry that the tests share; each uses names of its own."""
    with pytest.MonkeyPatch.context() as patch:
        house = House(tmp_path_factory.mktemp("house"), patch)
        yield house
        house.registry.database.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses, nor this one when it is run again."""
    words = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_"))
    return f"{words[:30]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, Person]:
    """One of each kind, a private repository and a public one; the writer has pushed `v1` into both."""
    people = {who: house.person(who, role) for who, (role, _) in PEOPLE.items()}
    for repository in ("secret", "shared"):
        body = {"name": repository, "modelsync": {"private": repository == "secret"}}
        house.admin.ok("POST", "/model_repositories", body)
    house.grant("secret", **{who: right for who, (_, right) in PEOPLE.items() if right})
    house.grant("shared", writer="writer")
    for repository in ("secret", "shared"):
        people["writer"].push(f"{repository}:v1")
    return people


class TestEveryRoute:
    """All routes, roles, and private and public repositories, from the app's own map: a new route is in it."""

    def routes(self, app: Flask) -> Iterator[tuple[Rule, str, Any]]:
        """Routes of the API; pages ask these, and have tests of their own."""
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith("pages."):
                continue
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, rule_of(app.view_functions[rule.endpoint])

    def test_says_who_may_use_it(self, house: House) -> None:
        for rule, method, needed in self.routes(house.app):
            view = rule.endpoint.rpartition(".")[2]
            assert needed is not None, view
            assert isinstance(needed, Open) == (view in OPEN), f"{view} is open to all"
            assert ("<name>" in rule.rule) == isinstance(needed, Right), f"{view} is about a repository"
            if "<name>" in rule.rule and method != "GET" and view not in READING:
                assert needed.includes(Right.WRITER), f"{view} changes a repository"

    def test_without_a_rule_is_refused_at_start(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        class Forgotten:
            def register(self, app: Flask, options: object) -> None:
                app.add_url_rule("/forgotten", "forgotten", lambda: "")

        monkeypatch.setattr("modelsync_jupyter.registry.app.BLUEPRINTS", [Forgotten()])
        with pytest.raises(AssertionError, match="forgotten"):
            create_app(house.registry)

    def test_refuses_whoever_may_not_and_nobody_else(self, house: House, people: dict[str, Person]) -> None:
        """Those who may not are told so, or in a private repository what they are told of a name that nobody has."""
        seen = 0
        for rule, method, needed in sorted(self.routes(house.app), key=lambda route: route[1] == "DELETE"):
            if isinstance(needed, Open):
                continue
            for repository in ("secret", "shared") if isinstance(needed, Right) else ("",):
                for who, person in people.items():
                    expected = self.expected(who, needed, repository)
                    if method == "DELETE" and expected == "served":
                        continue  # what deleting takes, another test says
                    reply = self.ask(person, rule, method, repository)
                    case = f"{who}: {method} {rule.rule} in `{repository}`: {reply.status_code} {reply.text[:200]}"
                    if expected == "unseen":
                        unknown = self.ask(person, rule, method, "nobody-has")
                        assert reply.status_code == 404, case
                        assert reply.text.replace(repository, "nobody-has") == unknown.text, case
                    elif expected == "forbidden":
                        assert (reply.status_code, "Ask " in reply.json["error"]) == (403, True), case
                        assert reply.json["modelsync"]["code"] == "permission-denied", case
                    else:
                        said = (reply.json or {}).get("error", "") if reply.is_json else ""
                        others = needed == Right.WRITER and "was pushed by" in said  # which another test is about
                        assert others or reply.status_code not in (401, 403), case
                        assert "model repository" not in said, case
                    seen += 1
        assert seen > 300

    def expected(self, who: str, needed: Role | Right, repository: str) -> str:
        """What a person is to be told; said here once more, in other words than the code's."""
        role, granted = PEOPLE[who]
        if isinstance(needed, Role):
            order = ["none", "guest", "developer", "admin"]
            return "served" if order.index(role) >= order.index(needed or "none") else "forbidden"
        if repository == "shared":
            granted = "writer" if who == "writer" else ""
        order = ["", "reader", "writer", "owner"]
        by_role = FROM_ROLE[role] if repository == "shared" or role == "admin" else ""
        has = max(order.index(granted), order.index(by_role))
        return "unseen" if not has else "served" if has >= order.index(needed) else "forbidden"

    @staticmethod
    def ask(person: Person, rule: Rule, method: str, repository: str) -> Any:
        values: dict[str, Any] = {**dict.fromkeys(rule.arguments, "unknown"), "user": person.name}
        values |= {"name": repository, "version": "v1"} if "name" in rule.arguments else {}
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), rule.rule)
        return person.call(method, path.removeprefix(API))

    def test_pages_show_a_private_repository_as_one_that_nobody_has(
        self, house: House, people: dict[str, Person]
    ) -> None:
        with house.app.test_request_context():
            cookie = _cookie()
        seen = 0
        for who, found in (("developer", 404), ("reader", 200)):
            browser = house.app.test_client()
            browser.set_cookie(cookie, sessions.sign_in(house.registry, people[who].token, "10.0.0.1"))
            for rule in house.app.url_map.iter_rules():
                if not (rule.endpoint.startswith("pages.") and "name" in rule.arguments):
                    continue
                for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                    replies = []
                    for repository in ("secret", "nobody-has"):
                        path = rule.rule.replace("<name>", repository)
                        path = re.sub(r"<(?:\w+:)?\w+>", "v1", path)
                        key = sessions.form_key(browser.get_cookie(cookie).value)  # type: ignore[union-attr]
                        typed = repository if "/-/" in path else f"{repository}:v1"
                        data = {"form_key": key, "confirm": typed} if method == "POST" else None
                        replies.append(browser.open(path, method=method, data=data))
                    secret, unknown = replies
                    if who == "developer":
                        assert secret.status_code == found, path
                        assert secret.text.replace("secret", "nobody-has") == unknown.text, path
                    elif method == "GET" and not path.endswith("/access"):
                        assert secret.status_code == found, path
                    seen += 1
        assert seen > 10
        shared = pushing.path("shared", "v1")
        other = people["developer"].call("GET", f"{shared}/diff?from=secret:v1")
        unknown = people["developer"].call("GET", f"{shared}/diff?from=nobody-has:v1")
        assert (other.status_code, other.text.replace("secret", "nobody-has")) == (404, unknown.text)

    def test_with_no_token_or_a_bad_one_is_401(self, house: House) -> None:
        for token, said in (("", "no API token"), ("wrong-in-every-route", "not valid")):
            person = Person("nobody", token, "", house.app.test_client(), "10.1.1.1")
            for rule, method, needed in self.routes(house.app):
                if not isinstance(needed, Open):
                    reply = self.ask(person, rule, method, "shared")
                    assert reply.status_code == 401, rule
                    assert said in reply.json["error"]
                    assert "Sign in" in reply.json["error"]

    def test_that_lists_or_searches_shows_nothing_of_a_private_repository(self, house: House) -> None:
        outsider, insider = house.person("outsider", "developer"), house.person("insider", "developer")
        insider.push(f"{SECRET}:v-{SECRET}", labels={SECRET: SECRET}, metadata={SECRET: SECRET})
        body = {"description": SECRET, "modelsync": {"private": True}, "labels": [{"key": SECRET, "value": SECRET}]}
        insider.ok("PATCH", f"/model_repositories/{SECRET}", body)
        insider.ok("PATCH", pushing.path(SECRET, f"v-{SECRET}"), {"description": SECRET})
        model = insider.ok("GET", pushing.path(SECRET, f"v-{SECRET}"))["modelsync"]
        searches = (
            "",
            "zebra",
            "in:description zebra",
            "status:any",
            f"label:{SECRET}",
            "creator:insider",
            "sort:size",
        )
        searches = (*searches, f"digest:{model['content_digest']}")
        for rule, method, needed in self.routes(house.app):
            if method == "GET" and isinstance(needed, Role) and not rule.arguments:
                for query in ({"q": text} for text in searches):
                    there = insider.call("GET", rule.rule.removeprefix(API), query_string=query).text
                    here = outsider.call("GET", rule.rule.removeprefix(API), query_string=query).text
                    assert SECRET not in here, (rule, query)
                    assert "insider" not in here, (rule, query)
                    if rule.rule.endswith(("/models", "/model_repositories")) and "digest" not in query["q"]:
                        assert SECRET in there, (rule, query, "the search would have found it")
        assert "taken" in outsider.call("POST", "/model_repositories", {"name": SECRET}).json["error"]

    def test_that_writes_leaves_an_event(self, house: House) -> None:
        """Each writing route is used once, successfully, and counted by its event."""
        admin = house.admin
        admin.push("noted:v1")
        admin.ok("POST", "/users", {"name": "noted-user"})
        token = admin.ok("POST", "/api_tokens", {"name": "noted"})["uid"]
        model, bodies = (
            pushing.path("noted", "v1"),
            {
                "users.create": {"name": "noted-other"},
                "users.change": {"role": "guest"},
                "tokens.create": {"name": "x"},
                "repositories.create": {"name": "noted-more"},
                "repositories.grant": {"right": "reader"},
                "models.create": {"version": "v2", "manifest": pushing.manifest()},
                "aliases.move": {"version": "v1"},
                "uploads.finish_upload": {"status": "failed"},
            },
        )
        values = {"name": "noted", "version": "v1", "user": "noted-user", "uid": token}
        values |= {"alias": "next", "deleted": "noted-gone"}
        last = ["aliases.drop", "models.delete", "trash.delete"]  # each takes what the one behind it needs
        order = {endpoint: place for place, endpoint in enumerate(last, 1)}
        for rule, method, _ in sorted(self.routes(house.app), key=lambda route: order.get(route[0].endpoint, 0)):
            if method == "GET" or rule.endpoint.rpartition(".")[2] in SILENT:
                continue
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], rule.rule).removeprefix(API)
            body, options = bodies.get(rule.endpoint, {}), {}
            if rule.endpoint == "uploads.abort_multipart":
                body = {"upload_id": admin.ok("PATCH", f"{model}/start_multipart_upload")["upload_id"]}
            if rule.endpoint == "trash.restore_version":
                admin.push("noted:v9")
                admin.ok("DELETE", pushing.path("noted", "v9"))
                path = path.replace("v1/restore", "v9/restore")
            if rule.endpoint == "trash.restore":
                admin.ok("POST", "/model_repositories", {"name": "noted-gone"})
                admin.ok("DELETE", "/model_repositories/noted-gone")
            if rule.endpoint == "uploads.upload":
                body, options = None, {"data": pushing.model_tar("noted", "v1")}
            before = house.events()[0]["uid"]
            reply = admin.call(method, path, body, **options)
            assert reply.status_code == 200, (rule, reply.text)
            (event, *_) = house.events()
            assert event["uid"] != before, rule
            assert (event["creator"]["name"], event["api_token_name"], event["address"]) == (
                "admin",
                "admin",
                "10.0.0.1",
            )


def test_lists_and_single_looks_agree(house: House, name: str) -> None:
    """`visible` says in SQL what `right_in` says of one repository: for every role, grant, reach and kind of it."""
    kinds = {f"{name}-{kind}": kind == "private" for kind in ("public", "private")}
    for repository, private in kinds.items():
        house.admin.ok("POST", "/model_repositories", {"name": repository, "modelsync": {"private": private}})
    cases = 0
    with house.registry.database.write() as connection:
        rows = [find_repository(connection, repository) for repository in kinds]
        for role, granted in product(Role, Right):
            user = add_user(connection, f"{name}-{role or 'none'}-{granted or 'none'}", role)
            for row in rows:
                grants.set_grant(connection, row.id, user.id, granted)
            for reach, least in product(Right, list(Right)[1:]):
                who = Caller(user.id, user.name, role, reach, 0, "")
                query = select(repositories.c.name).where(repositories.c.name.in_(kinds), grants.visible(who, least))
                listed = set(connection.execute(query).scalars())
                assert listed == {row.name for row in rows if grants.right_in(connection, who, row).includes(least)}
                cases += len(listed)
    assert cases > 50


class TestTokens:
    def test_child_ends_with_its_parent(self, house: House, name: str) -> None:
        """Security A1: a token that expires or is revoked leaves nothing behind."""
        house.person(name, "guest")
        soon = datetime.now(timezone.utc) + timedelta(hours=1)
        parent = house.token(name, expired_at=soon.isoformat())
        late = (soon + timedelta(days=900)).isoformat()
        children = [parent.child(), parent.child(expired_at=late), parent.child().child()]
        for child in children:
            expires = child.ok("GET", f"/api_tokens/{child.uid}")["expired_at"]
            assert datetime.fromisoformat(expires.replace("Z", "+00:00")) == soon
        other = house.token(name)
        assert parent.ok("DELETE", f"/api_tokens/{parent.uid}")["uid"] == parent.uid
        for person in (parent, *children):
            reply = person.call("GET", "/auth/current")
            assert (reply.status_code, reply.json["modelsync"]["message"]) == (401, "the API token was revoked")
        assert other.status("GET", "/auth/current") == 200
        assert house.events(operation="revoked")[0]["info"]["count"] == 5

    def test_expired_token_is_refused_and_so_is_its_child(self, house: House, name: str) -> None:
        past = (datetime.now(timezone.utc) - timedelta(seconds=1)).isoformat()
        house.person(name, "guest")
        dead = house.token(name, expired_at=past)
        assert dead.call("GET", "/auth/current").json["modelsync"]["message"] == "the API token has expired"
        assert dead.status("POST", "/api_tokens", {"name": "child"}) == 401

    def test_child_of_a_token_that_is_just_revoked_is_not_made(self, house: House, name: str) -> None:
        """The request was let in, then the token was revoked, then the request writes."""
        person = house.person(name, "guest")
        with house.registry.database.read() as connection:
            caller, _ = tokens.identify(connection, person.token)
        person.ok("DELETE", f"/api_tokens/{person.uid}")
        with house.registry.database.write() as connection, pytest.raises(Unauthorized, match="revoked"):
            tokens.add_token(connection, caller.user_id, "late", maker=caller)

    def test_generations_are_limited(self, house: House, name: str) -> None:
        person = house.person(name, "guest")
        for _ in range(7):
            person = person.child()
        reply = person.call("POST", "/api_tokens", {"name": "child"})
        assert (reply.status_code, "8 generations" in reply.json["error"]) == (400, True)

    def test_revoking_needs_the_power_of_the_target(self, house: House, name: str) -> None:
        """Security A2: a read-only token cannot end the full ones of its user, nor make any; but itself it can."""
        house.person(name, "admin")
        full, writing, reading = (
            house.token(name, scopes=[scope]) for scope in ("api", "write_organization", "read_organization")
        )
        for weak, strong in ((reading, writing), (reading, full), (writing, full)):
            reply = weak.call("DELETE", f"/api_tokens/{strong.uid}")
            assert (reply.status_code, "more scopes" in reply.json["error"]) == (403, True)
        assert reading.status("DELETE", "/api_tokens/admin") == 404
        assert reading.status("POST", "/api_tokens", {"name": "more", "scopes": ["read_organization"]}) == 403
        assert writing.status("DELETE", f"/api_tokens/{reading.uid}") == 200
        assert full.status("DELETE", f"/api_tokens/{writing.uid}") == 200
        last = house.token(name, scopes=["read_organization"])
        assert last.status("DELETE", f"/api_tokens/{last.uid}") == 200

    def test_scopes_cut_what_was_granted_too(self, house: House, name: str) -> None:
        house.admin.push(f"{name}:v1")
        house.person(name)
        house.grant(name, **{name: "owner"})
        statuses = []
        for scope in ("read_organization", "write_organization", "api"):
            person = house.token(name, scopes=[scope])
            statuses.append(
                [
                    person.status("GET", pushing.path(name, "v1")),
                    person.status("PATCH", pushing.path(name, "v1"), {"description": scope}),
                    person.status("GET", f"/model_repositories/{name}/grants"),
                ]
            )
        assert statuses == [[200, 403, 403], [200, 200, 403], [200, 200, 200]]

    def test_what_an_admin_made_for_others_outlives_the_admin_token_unless_it_is_to_end(
        self, house: House, name: str
    ) -> None:
        house.person(name, "admin")
        first, second = house.token(name), house.token(name)
        made = []
        for maker in (first, second):
            body = {"name": "robot", "modelsync": {"user": f"{name}-{len(made)}", "role": "guest"}}
            made.append(Person("robot", maker.ok("POST", "/api_tokens", body)["token"], "", house.app.test_client()))
        first.ok("DELETE", f"/api_tokens/{first.uid}")
        second.ok("DELETE", f"/api_tokens/{second.uid}?issued=true")
        assert [each.status("GET", "/auth/current") for each in made] == [200, 401]


class TestUsers:
    def test_disabled_user_is_refused_until_enabled(self, house: House, name: str) -> None:
        person = house.person(name, "developer")
        child = person.child()
        assert house.admin.ok("PATCH", f"/users/{name}", {"disabled": True})["modelsync"]["disabled_at"]
        for token in (person, child):
            reply = token.call("GET", "/auth/current")
            assert (reply.status_code, "disabled. Ask an admin" in reply.json["error"]) == (403, True)
        house.admin.ok("PATCH", f"/users/{name}", {"disabled": False})
        assert child.status("GET", "/auth/current") == 200
        assert [event["operation_name"] for event in house.events(resource_name=name)] == [
            "enabled",
            "disabled",
            "created",
        ]

    def test_role_holds_from_the_next_request_on(self, house: House, name: str) -> None:
        person = house.person(name, "developer")
        person.push(f"{name}:v1")
        house.admin.ok("PATCH", f"/users/{name}", {"role": "guest"})
        assert person.status("POST", "/model_repositories", {"name": f"{name}-more"}) == 403
        house.admin.ok("PATCH", f"/users/{name}", {"role": "admin"})
        assert person.status("GET", "/users") == 200
        (event, *_) = house.events(resource_name=name, operation="updated")
        assert event["info"].items() >= {"role": "admin", "before": "guest"}.items()

    def test_one_admin_stays(self, house: House) -> None:
        for admin in [user["name"] for user in house.admin.ok("GET", "/users")["items"] if user["name"] != "admin"]:
            house.admin.ok("PATCH", f"/users/{admin}", {"role": "guest"})
        for change in ({"role": "developer"}, {"disabled": True}):
            reply = house.admin.call("PATCH", "/users/admin", change)
            assert (reply.status_code, "only admin" in reply.json["error"]) == (400, True)

    @pytest.mark.parametrize(
        "body",
        [
            {"name": ""},
            {"name": "with space"},
            {"name": "x" * 64},
            {"name": "x", "role": "king"},
            {"name": "x", "robot": 1},
            {"name": ["x"]},
            {"name": "admin"},
        ],
    )
    def test_bad_users_are_400(self, house: House, body: dict[str, Any]) -> None:
        assert house.admin.status("POST", "/users", body) == 400

    def test_robot_works_with_grants_alone(self, house: House, name: str) -> None:
        house.admin.ok("POST", "/users", {"name": name, "robot": True})
        robot = house.token(name)
        assert robot.ok("GET", f"/api_tokens/{robot.uid}")["is_organization_token"] is True
        house.admin.push(f"{name}:v1")
        house.admin.push(f"{name}-other:v1")
        assert robot.status("GET", pushing.path(name, "v1")) == 404
        house.grant(name, **{name: "writer"})
        robot.push(f"{name}:v2")
        assert {item["version"] for item in robot.ok("GET", "/models")["items"]} == {"v1", "v2"}
        assert robot.status("GET", pushing.path(f"{name}-other", "v1")) == 404
        house.admin.ok("DELETE", f"/model_repositories/{name}/grants/{name}")
        assert robot.ok("GET", "/models")["total"] == 0


class TestFirstAdmin:
    @pytest.fixture
    def house(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
        """A registry of the test's own."""
        house = House(tmp_path, monkeypatch)
        yield house
        house.registry.database.close()

    def test_revoked_token_stays_revoked_over_restarts(
        self, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Security A3, with the token in the environment and with the one in a file."""
        helper = house.person("helper", "admin")
        child = house.admin.child()
        helper.ok("DELETE", "/api_tokens/admin")
        assert "stays so" in ensure_admin(house.registry)
        with pytest.raises(UsageError, match="was revoked"):
            ensure_admin(house.registry, reset=True)
        monkeypatch.delenv("MODELSYNC_ADMIN_TOKEN")
        assert "admin-token" in ensure_admin(house.registry)
        values = []
        for reset in (False, True, False):
            said = ensure_admin(house.registry, reset=reset)
            assert said == f"The admin token is in {tmp_path / 'admin-token'}"
            values.append((tmp_path / "admin-token").read_text().strip())
        assert values[0] != values[1] == values[2]
        statuses = [Person("admin", value, "", house.app.test_client()).status("GET", "/users") for value in values]
        assert statuses == [401, 200, 200]
        helper.ok("DELETE", "/api_tokens/admin")
        assert "stays so" in ensure_admin(house.registry)
        for dead in (house.admin, child, Person("admin", values[2], "", house.app.test_client())):
            assert dead.status("GET", "/auth/current") == 401

    def test_token_of_older_settings_may_come_back(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        child = house.admin.child()
        statuses = []
        for value in ("the-second-one", ADMIN):
            monkeypatch.setenv("MODELSYNC_ADMIN_TOKEN", value)
            ensure_admin(house.registry)
            second = Person("admin", "the-second-one", "", house.app.test_client())
            statuses.append([each.status("GET", "/users") for each in (house.admin, second, child)])
        assert statuses == [[401, 200, 401], [200, 401, 401]]

    def test_reset_makes_its_user_an_admin_again(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        helper = house.person("helper", "admin")
        helper.ok("PATCH", "/users/admin", {"role": "guest", "disabled": True})
        assert house.admin.status("GET", "/users") == 403
        monkeypatch.setenv("MODELSYNC_ADMIN_TOKEN", "another-one")
        ensure_admin(house.registry, reset=True)
        assert Person("admin", "another-one", "", house.app.test_client()).status("GET", "/users") == 200
        assert house.admin.status("GET", "/users") == 401

    @pytest.mark.parametrize("value", ["tiny", "seven77", "with space in it", "übermorgen"])
    def test_token_that_could_be_guessed_is_refused(
        self, house: House, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("MODELSYNC_ADMIN_TOKEN", value)
        with pytest.raises(UsageError, match="not a token") as caught:
            ensure_admin(house.registry)
        assert value not in str(caught.value)


class TestFailedSignIns:
    def test_is_logged_and_noted_without_the_token(
        self, house: House, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        person = house.person(name, "guest")
        person.ok("DELETE", f"/api_tokens/{person.uid}")
        wrong = Person("?", "never-heard-of-this", "", house.app.test_client(), "10.2.2.2")
        with caplog.at_level(logging.WARNING):
            for each in (wrong, person.at("10.2.2.2")):
                assert each.status("GET", "/models") == 401
        known, unknown = house.events(operation="sign-in-failed", address="10.2.2.2")
        assert (known["creator"]["name"], known["info"]["reason"]) == (name, "the API token was revoked")
        assert (unknown["creator"]["name"], unknown["info"]["reason"]) == ("", "the API token is not valid")
        assert caplog.text.count("a sign-in from 10.2.2.2 failed") == 2
        assert wrong.token not in caplog.text + str(house.events())

    def test_guessing_is_slowed_and_disturbs_nobody(self, house: House, name: str) -> None:
        person = house.person(name, "guest").at("10.3.3.3")
        person.ok("GET", "/auth/current")
        fresh = house.token(name).at("10.3.3.3")
        guesses = [Person("?", f"guess-{n}", "", house.app.test_client(), "10.3.3.3") for n in range(BURST + 15)]
        statuses = [guess.status("GET", "/auth/current") for guess in guesses]
        assert statuses[:BURST] == [401] * BURST
        assert statuses.count(429) >= 12
        reply = fresh.call("GET", "/auth/current")
        assert (reply.status_code, int(reply.headers["Retry-After"]) >= 1) == (429, True), (
            "not even a good one is tried"
        )
        assert person.status("GET", "/auth/current") == 200, "one that was good from there before is"
        assert fresh.at("10.3.3.4").status("GET", "/auth/current") == 200
        assert len(house.events(operation="sign-in-failed", address="10.3.3.3")) == statuses.count(401)

    def test_throttle_refills_and_keeps_networks_apart(self) -> None:
        time = 1000.0
        throttle = Throttle(lambda: time)
        for number in range(BURST):
            assert throttle.wait("2001:db8::1", str(number)) == 0
            assert throttle.failed("2001:db8::1", str(number)) == 0
        assert 0 < throttle.wait("2001:db8::2", "new") <= INTERVAL, "neighbours in one /64 are one"
        assert throttle.wait("2001:db8:0:1::1", "new") == 0
        time += INTERVAL
        assert throttle.wait("2001:db8::1", "new") == 0
        assert throttle.failed("2001:db8::1", "new") == 1, "the one that was refused is told"

    def test_forgotten_job_goes_on_being_told_why(self) -> None:
        time = 1000.0
        throttle = Throttle(lambda: time)
        told = [throttle.failed("10.4.4.4", "same") for _ in range(BURST) if throttle.wait("10.4.4.4", "same") == 0]
        assert told == [0] + [None] * (BURST - 1)
        time += 61
        assert throttle.failed("10.4.4.4", "same") == BURST - 1
        hammered = sum(
            throttle.wait("10.4.4.4", "same") == 0 and throttle.failed("10.4.4.4", "same") is None for _ in range(999)
        )
        assert hammered < 10 * BURST


class TestUploads:
    """Security A6: a push is finished by whoever began it, and named."""

    def test_version_and_event_name_who_pushed(self, house: House, name: str) -> None:
        ann, bob = house.person(f"{name}-ann", "developer"), house.person(f"{name}-bob")
        ann.push(f"{name}:v1", b"one")
        house.grant(name, **{bob.name: "owner"})
        bob.push(f"{name}:v1", b"two")
        model = bob.ok("GET", pushing.path(name, "v1"))
        assert (model["creator"]["name"], model["modelsync"]["pushed_by"]) == (ann.name, bob.name)
        second, first = house.events(operation="pushed", resource_name=name)
        assert [event["creator"]["name"] for event in (first, second)] == [ann.name, bob.name]
        assert [event["info"]["force"] for event in (first, second)] == [False, True]
        assert second["info"]["digest"] == model["modelsync"]["content_digest"] != first["info"]["digest"]

    def test_overwriting_needs_what_deleting_needs(self, house: House, name: str) -> None:
        ann, bob = house.person(f"{name}-ann", "developer"), house.person(f"{name}-bob", "developer")
        ann.push(f"{name}:v1")
        address = pushing.path(name, "v1")
        data = {"data": pushing.model_tar(name, "v1", b"of bob")}
        for method, action, options in (
            ("DELETE", "", {}),
            ("PATCH", "/start_upload", {}),
            ("PATCH", "/start_multipart_upload", {}),
            ("PATCH", "/presign_upload_url", {}),
            ("PUT", "/upload", data),
        ):
            reply = bob.call(method, address + action, **options)
            assert reply.status_code == 403, (method, action)
            assert f"ask `{ann.name}`" in reply.json["error"]
        bob.push(f"{name}:v2")
        ann.push(f"{name}:v2", b"the owner may")
        assert bob.status("DELETE", pushing.path(name, "v2")) == 403, "it is hers now"
        assert ann.status("DELETE", pushing.path(name, "v2")) == 200

    def test_version_that_somebody_published_meanwhile_is_not_overwritten(self, house: House, name: str) -> None:
        ann, bob = house.person(f"{name}-ann", "developer"), house.person(f"{name}-bob", "developer")
        uploads = {person: person.start(f"{name}:v1") for person in (ann, bob)}
        for person, upload in uploads.items():
            person.complete(f"{name}:v1", upload, person.name.encode())
        assert bob.finish(f"{name}:v1", uploads[bob]).status_code == 200
        house.admin.ok("DELETE", f"/model_repositories/{name}/grants/{ann.name}")
        assert ann.finish(f"{name}:v1", uploads[ann]).status_code == 403
        assert ann.ok("GET", pushing.path(name, "v1"))["modelsync"]["pushed_by"] == bob.name

    @pytest.mark.parametrize("named", [True, False], ids=["ours", "stock"])
    def test_interleaved_forced_pushes_are_each_finished_by_their_own(
        self, house: House, name: str, named: bool
    ) -> None:
        """Of two owners, and of two clients with one token at two addresses."""
        tag, ann = f"{name}:v1", house.person(f"{name}-ann", "developer")
        bob = house.person(f"{name}-bob", "developer")
        ann.push(tag)
        house.grant(name, **{bob.name: "owner"})
        for one, other in ((ann, bob), (bob, ann), (bob.at("10.5.5.1"), bob.at("10.5.5.2"))):
            uploads = [person.start(tag) for person in (one, other)]
            for person, upload, payload in zip((one, other), uploads, (b"one", b"other"), strict=True):
                person.complete(tag, upload, payload)
            digests = []
            for person, upload in zip((one, other), uploads, strict=True):
                assert person.finish(tag, upload if named else "").status_code == 200
                (event, *_) = house.events(operation="pushed", resource_name=tag)
                assert (event["creator"]["name"], event["info"]["upload"]) == (person.name, upload)
                digests.append(ann.ok("GET", pushing.path(name, "v1"))["modelsync"]["content_digest"])
            assert digests[0] != digests[1]

    def test_nobody_finishes_or_ends_the_upload_of_another(self, house: House, name: str) -> None:
        tag, ann = f"{name}:v1", house.person(f"{name}-ann", "developer")
        bob, address = house.person(f"{name}-bob", "developer"), pushing.path(name, "v1")
        upload = ann.start(tag)
        asked = {"upload_id": upload, "part_number": 1, "parts": []}
        for action in ("presign_multipart_upload_url", "complete_multipart_upload", "abort_multipart_upload"):
            assert bob.status("PATCH", f"{address}/{action}", asked) == 404
        ann.complete(tag, upload)
        for status in ("success", "failed"):
            assert bob.finish(tag, upload, status).status_code == 404
            assert bob.finish(tag, "", status).status_code == 400
        assert ann.finish(tag).status_code == 200

    def test_failure_of_one_client_leaves_the_upload_of_another_with_its_token(self, house: House, name: str) -> None:
        tag, ann = f"{name}:v1", house.person(f"{name}-ann", "developer")
        failing, complete = ann.start(tag), ann.start(tag)
        ann.complete(tag, complete)
        assert ann.finish(tag, status="failed").status_code == 200
        assert ann.finish(tag, status="failed").status_code == 200, "there is nothing left that it could mean"
        assert ann.finish(tag, failing).status_code == 404
        assert ann.finish(tag).status_code == 200
        assert ann.ok("GET", pushing.path(name, "v1"))["upload_status"] == "success"


class TestPresent:
    """Security A10: to know a digest gives neither the bytes nor the knowledge that they are here."""

    def test_parts_are_those_of_versions_one_may_read(self, house: House, name: str) -> None:
        ann, bob = house.person(f"{name}-ann", "developer"), house.person(f"{name}-bob", "developer")
        bob.push(f"{name}-bobs:v1", b"other")
        archive = pushing.model_tar(f"{name}-bobs", "v2", b"x" * 50_000)
        hers = pushing.model_tar(name, "v1", archive)
        ann.push(f"{name}:v1", archive)

        def present(person: Person, tag: str = f"{name}-bobs:v2") -> list[int]:
            told = {"modelsync": {"parts": pushing.parts_json([hers])}}
            before = person.ok("POST", "/parts/present", told)["modelsync"]["present"]
            upload, found, listed = person.declare(tag, hers)
            assert found == before, "who asks beforehand hears the same"
            body = {"upload_id": upload, "parts": listed}
            name_, _, version = tag.partition(":")
            reply = person.call("PATCH", f"{pushing.path(name_, version)}/complete_multipart_upload", body)
            assert ("are missing" in reply.text) == (found == []), "complete says the same"
            return found

        house.grant(f"{name}-bobs", **{ann.name: "writer"})
        assert present(bob) == [1], "all may read hers"
        private = {"modelsync": {"private": True}}
        ann.ok("PATCH", f"/model_repositories/{name}", private)
        assert present(bob) == []
        assert present(ann) == [1]
        house.grant(name, **{bob.name: "reader"})
        assert present(bob) == [1]
        house.admin.ok("DELETE", f"/model_repositories/{name}/grants/{bob.name}")
        assert present(bob) == []
        ann.ok("PATCH", f"/model_repositories/{name}", {"modelsync": {"private": False}})
        ann.ok("DELETE", pushing.path(name, "v1"))
        assert present(bob) == [], "it is deleted"
        assert present(ann) == [1], "she sent it herself"


class TestEvents:
    def test_are_shown_to_admins_owners_and_who_did_it(self, house: House, name: str) -> None:
        ann, bob = house.person(f"{name}-ann", "developer"), house.person(f"{name}-bob", "developer")
        ann.push(f"{name}:v1")
        bob.push(f"{name}:v2")
        bob.push(f"{name}-other:v1")

        def seen(person: Person) -> set[tuple[str, str]]:
            items = person.ok("GET", "/current_org/events", query_string={"operation": "pushed"})["items"]
            found = {(event["creator"]["name"], event["resource_name"]) for event in items}
            return {event for event in found if event[1].startswith(name)}

        mine, theirs = (ann.name, f"{name}:v1"), (bob.name, f"{name}:v2")
        other = (bob.name, f"{name}-other:v1")
        assert seen(house.admin) == {mine, theirs, other}
        assert seen(ann) == {mine, theirs}
        assert seen(bob) == {theirs, other}
        assert seen(house.person(f"{name}-guest", "guest")) == set()
        assert seen(house.token(ann.name, scopes=["read_organization"])) == {mine}

    def test_are_filtered_and_paged(self, house: House, name: str) -> None:
        person = house.person(name, "developer")
        person.push(f"{name}:v1")
        person.at("10.6.6.6").push(f"{name}:v2")
        every = house.events(user=name)
        assert [event["operation_name"] for event in every][:3] == ["pushed", "upload-started", "created"]
        assert house.events(resource_name=f"{name}:v1", operation="pushed") == [
            event for event in every if event["resource_name"] == f"{name}:v1" and event["operation_name"] == "pushed"
        ]
        assert {event["resource_name"] for event in house.events(address="10.6.6.6")} == {f"{name}:v2"}
        assert house.events(user=name, resource_type="model_repository")[0]["resource_name"] == name
        middle = every[2]["created_at"]
        assert house.events(user=name, since=middle) == every[:3]
        assert house.events(user=name, until=middle) == every[3:]
        paged, before = [], ""
        while page := house.events(user=name, before=before, count="2"):
            paged, before = paged + page, page[-1]["uid"]
        assert paged == every
        for bad in ({"since": "yesterday"}, {"count": "x"}):
            assert house.admin.status("GET", "/current_org/events", query_string=bad) == 400


class TestSessions:
    """What the page signs in with."""

    def test_does_no_more_than_its_token_and_ends_with_it(self, house: House, name: str) -> None:
        house.person(name, "developer")
        token = house.token(name, scopes=["read_organization"])
        first, second = (
            Person(name, sessions.sign_in(house.registry, token.token, "10.0.0.1"), "", token.http) for _ in range(2)
        )
        assert first.ok("GET", "/auth/current")["modelsync"] == {"role": "guest", "reach": "reader"}
        sessions.sign_out(house.registry, identify(house.registry, first.token, "10.0.0.1"))
        assert [each.status("GET", "/auth/current") for each in (first, second, token)] == [401, 200, 200]
        token.ok("DELETE", f"/api_tokens/{token.uid}")
        assert second.status("GET", "/auth/current") == 401
        with pytest.raises(Unauthorized):
            sessions.sign_in(house.registry, token.token, "10.0.0.1")
        assert [event["operation_name"] for event in house.events(user=name)][:4] == [
            "sign-in-failed",
            "sign-in-failed",
            "revoked",
            "sign-in-failed",
        ]

    def test_form_is_of_one_session(self) -> None:
        key = sessions.form_key("one")
        assert sessions.is_form_key("one", key)
        assert not sessions.is_form_key("two", key)
        assert not sessions.is_form_key("one", "é")
        assert "one" not in key


def test_no_token_is_in_the_catalog(house: House, name: str) -> None:
    person = house.person(name, "guest")
    files = list(house.registry.settings.data.glob("catalog.db*"))
    assert files
    for secret in (person.token, ADMIN):
        assert all(secret.encode() not in file.read_bytes() for file in files)


def test_routes_of_users_know_every_role() -> None:
    assert {users.role_in(users.Fields({"role": role or "none"})) for role in Role} == set(Role)
