"""Pages without a browser: who sees what, forms, sessions, headers."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelsync_jupyter.registry import pages
from modelsync_jupyter.registry.pages.show import ROWS
from modelsync_jupyter.registry.security.auth import Open, Paged, rule_of
from tests.registry import pushing
from tests.registry.people import ADMIN, House, Person

from .visitor import Visitor, text_of

SECRET = "zebra-stripes"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A registry."""
    house = House(tmp_path, monkeypatch)
    yield house
    house.registry.database.close()


@pytest.fixture
def admin(house: House) -> Visitor:
    visitor = Visitor(house)
    assert visitor.sign_in(ADMIN).status_code == 303
    return visitor


def signed_in(house: House, person: Person) -> Visitor:
    visitor = Visitor(house)
    assert visitor.sign_in(person.token).status_code == 303
    return visitor


def addresses(house: House, method: str, **values: str) -> Iterator[str]:
    """Every page for people who are signed in, from the app's own map."""
    for rule in house.app.url_map.iter_rules():
        if rule.endpoint.startswith("pages.") and method in (rule.methods or ()):
            needed = rule_of(house.app.view_functions[rule.endpoint])
            if isinstance(needed, Paged):
                words = {**dict.fromkeys(rule.arguments, "unknown"), **values}
                pieces = re.split(r"<(?:\w+:)?(\w+)>", rule.rule)
                yield "".join(words[piece] if at % 2 else piece for at, piece in enumerate(pieces))
            else:
                assert isinstance(needed, Open)
                assert rule.endpoint in {"pages.sign_in_form", "pages.sign_in", "pages.asset"}


class TestSessions:
    def test_every_page_and_form_asks_to_sign_in(self, house: House) -> None:
        visitor = Visitor(house)
        visitor.http.set_cookie("modelsync-session", "forged")
        for method in ("GET", "POST"):
            for address in addresses(house, method):
                reply = visitor.http.open(address, method=method)
                assert (reply.status_code, reply.headers["Location"].partition("?")[0]) == (303, "/sign-in"), address

    def test_no_form_of_another_site_does_anything(self, house: House, admin: Visitor) -> None:
        house.admin.push("forms:v1")
        before = house.events()[0]["uid"]
        for address in addresses(house, "POST", name="forms", version="v1", user="admin"):
            for key in ("", "x" * 64):
                reply = admin.http.post(address, data={"form_key": key, "confirm": "forms:v1", "right": "owner"})
                assert reply.status_code == 403, address
        assert house.events()[0]["uid"] == before
        assert Visitor(house).http.post("/sign-in", data={"token": ADMIN}).status_code == 403, "nor signs one in"

    def test_cookie_is_for_this_site_and_no_script(self, house: House) -> None:
        visitor = Visitor(house)
        reply = visitor.sign_in(ADMIN, "/models/x")
        (cookie,) = (each for each in reply.headers.getlist("Set-Cookie") if "session" in each)
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert ADMIN not in cookie
        assert reply.headers["Location"] == "/models/x"
        secure = visitor.http.get("/sign-in", base_url="https://registry.test").headers["Set-Cookie"]
        assert "Secure" in secure
        value = cookie.partition("=")[2].partition(";")[0]
        bare = house.app.test_client()
        bare.set_cookie(cookie.partition("=")[0], value)
        assert bare.get("/api/v1/auth/current").status_code == 401, "the API takes no cookie"

    @pytest.mark.parametrize(
        "address", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\t/evil.test", "x"]
    )
    def test_sign_in_leads_nowhere_else(self, house: House, address: str) -> None:
        visitor = Visitor(house)
        page = visitor.get("/sign-in")
        assert visitor.post("/sign-in", page, token=ADMIN, next=address).headers["Location"] == "/"

    def test_session_ends_when_signed_out_and_with_its_token(self, house: House) -> None:
        person = house.person("leaver", "developer")
        first, second = signed_in(house, person), signed_in(house, person)
        assert first.post("/sign-out", first.get("/")).status_code == 303
        assert first.http.get("/").status_code == 303
        second.get("/")
        person.ok("DELETE", f"/api_tokens/{person.uid}")
        assert second.http.get("/").status_code == 303

    def test_bad_token_is_said_and_guessing_is_slowed(self, house: House) -> None:
        visitor = Visitor(house)
        statuses = [visitor.sign_in(f"guess-{number}").status_code for number in range(25)]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        house.registry.throttle.__init__()  # type: ignore[misc]  # the next tests come from the same address


class TestWhoSeesWhat:
    def test_no_page_shows_a_private_model_to_others(self, house: House) -> None:
        insider, outsider = house.person("insider", "developer"), house.person("outsider", "developer")
        insider.push(f"{SECRET}:v1", labels={SECRET: SECRET}, metadata={SECRET: SECRET})
        insider.ok("PATCH", f"/model_repositories/{SECRET}", {"modelsync": {"private": True}})
        inside, outside = signed_in(house, insider), signed_in(house, outsider)
        seen = 0
        for address in addresses(house, "GET", name=SECRET, version="v1"):
            queries = ("", f"?q={SECRET}", f"?old={SECRET}:v1&new={SECRET}:v1", f"?path={SECRET}", "?user=*")
            for query in queries:
                text = outside.http.get(address + query).text
                shown = text.replace(query[1:], "").replace(f"`{SECRET}`", "").replace(f">{SECRET}<", "")
                if SECRET not in query:
                    assert "insider" not in text, address + query
                    assert "weights.bin" not in text, address + query
                    assert SECRET not in shown.replace(f"/{SECRET}", ""), address + query
                assert "stripes:v1</a>" not in text, address + query
                seen += SECRET in inside.http.get(address + query).text
        assert seen > 10
        assert "not found" in outside.get(f"/models/{SECRET}", 404)
        assert "not found" in outside.get(f"/compare?old={SECRET}:v1&new={SECRET}:v1")

    def test_what_one_may_not_do_is_neither_offered_nor_done(self, house: House) -> None:
        house.admin.push("shared:v1")
        guest = signed_in(house, house.person("guest", "guest"))
        page = guest.get("/models/shared/v1")
        assert "/delete" not in page.replace('"/deleted"', "")
        assert "Users" not in guest.get("/")
        assert "needs the role admin" in text_of(guest.get("/users", 403))
        refused = guest.post("/models/shared/v1/delete", page, confirm="shared:v1")
        assert refused.status_code == 403
        assert "Ask an owner of shared : admin" in text_of(refused.text)
        guest.get("/models/shared/v1")

    def test_texts_of_people_are_texts(self, house: House, admin: Visitor) -> None:
        evil = "<script>alert(1)</script>\"'>"
        house.admin.push("evil:v1", labels={evil: evil}, metadata={evil: [evil]})
        body = {"description": evil, "labels": [{"key": evil, "value": evil}]}
        house.admin.ok("PATCH", "/model_repositories/evil", body)
        for address in (
            "/",
            "/?q=evil",
            "/models/evil",
            "/models/evil/v1",
            f"/?q={evil}",
            "/activity",
            f"/users?search={evil}",
        ):
            assert "<script>alert" not in admin.get(address)


class TestForms:
    def test_description_labels_and_deletion(self, house: House, admin: Visitor) -> None:
        house.admin.push("edited:v1")
        page = admin.get("/models/edited/v1")
        reply = admin.post(
            "/models/edited/v1/describe", page, description="A model.", labels="stage=test\n\n big = 1=2\nx"
        )
        assert "Saved." in admin.get(reply.headers["Location"])
        found = house.admin.ok("GET", "/model_repositories/edited/models/v1")
        assert found["description"] == "A model."
        labels = {label["key"]: label["value"] for label in found["labels"]}
        assert labels == {"stage": "test", "big": "1=2", "x": ""}
        assert "A model." in admin.get("/models/edited/v1")
        assert "type edited:v1" in text_of(admin.post("/models/edited/v1/delete", page, confirm="edited").text)
        assert admin.post("/models/edited/v1/delete", page, confirm="edited:v1").status_code == 303
        assert house.admin.status("GET", "/model_repositories/edited/models/v1") == 404
        assert "edited:v1" in admin.get("/deleted")
        assert "Restored." in admin.get(admin.post("/deleted/edited/v1/restore", page).headers["Location"])
        assert house.admin.ok("GET", "/model_repositories/edited/models/v1")["description"] == "A model."
        event = house.events(operation="deleted")[0]
        assert (event["creator"]["name"], event["api_token_name"]) == ("admin", "browser session")

    def test_description_that_the_metadata_also_has_is_shown_once(self, house: House, admin: Visitor) -> None:
        house.admin.push("said:v1")
        manifest = pushing.manifest(metadata={"description": "Who leaves.", "auc": 0.9})
        body = {"version": "v2", "description": "Who leaves.", "manifest": manifest}
        house.admin.ok("POST", "/model_repositories/said/models", body)
        text = text_of(admin.get("/models/said/v2"))
        assert text.count("Who leaves.") == 2, "beside the form"
        assert "auc 0.9" in text
        house.admin.ok("PATCH", "/model_repositories/said/models/v2", {"description": "Edited."})
        assert "description Who leaves." in text_of(admin.get("/models/said/v2")), "it is another one now"

    def test_alias_of_a_version_that_the_page_does_not_list(self, house: House, admin: Visitor) -> None:
        house.admin.push("many:old")
        house.admin.ok("PUT", "/model_repositories/many/aliases/stable", {"version": "old"})
        for number in range(ROWS):
            house.admin.ok(
                "POST", "/model_repositories/many/models", {"version": f"v{number}", "manifest": pushing.manifest()}
            )
        house.admin.push("many:new")
        page = admin.get("/models/many")
        assert re.search('<input name="version" value="old" list="versions"[^>]* aria-label="Version for stable"', page)
        moved = admin.post("/models/many/-/alias", page, alias="stable", version="new", expected="old")
        assert moved.headers["Location"] == "/models/many?done=aliased"

    def test_model_is_deleted_and_restored_with_its_versions(self, house: House, admin: Visitor) -> None:
        house.admin.push("whole:v1")
        page = admin.get("/models/whole/-/access")
        assert admin.post("/models/whole/-/delete", page, confirm="whole:v1").status_code == 400
        assert (
            admin.post("/models/whole/-/delete", page, confirm="whole").headers["Location"] == "/deleted?done=deleted"
        )
        admin.get("/models/whole", 404)
        assert "/deleted/whole/restore" in admin.get("/deleted")
        admin.post("/deleted/whole/restore", page)
        admin.get("/models/whole/v1")

    def test_aliases_move_only_from_where_they_were_seen(self, house: House, admin: Visitor) -> None:
        for version in ("v1", "v2"):
            house.admin.push(f"named:{version}")
        page = admin.get("/models/named")
        admin.post("/models/named/-/alias", page, alias="production", version="v1", expected="")
        assert "named:v1" in text_of(admin.get("/models/named/production")).replace(" :", ":")
        move = {"alias": "production", "version": "v2"}
        assert admin.post("/models/named/-/alias", page, expected="v2", **move).status_code == 409
        admin.post("/models/named/-/alias", page, expected="v1", **move)
        assert house.admin.ok("GET", "/model_repositories/named/aliases/production")["version"] == "v2"
        assert "production from v1 to v2" in text_of(admin.get("/models/named/-/history?alias=production"))
        assert "browser" in admin.get("/models/named/-/history")
        assert "alias" in admin.post("/models/named/v2/delete", page, confirm="named:v2").text
        admin.post("/models/named/-/unalias", page, alias="production", expected="v2")
        admin.get("/models/named/production", 404)

    def test_grants_and_visibility(self, house: House, admin: Visitor) -> None:
        house.admin.push("granted:v1")
        house.person("reader", "none")
        page = admin.get("/models/granted/-/access")
        assert admin.post("/models/granted/-/grant", page, user="nobody", right="reader").status_code == 404
        admin.post("/models/granted/-/grant", page, user="reader", right="reader")
        admin.post("/models/granted/-/visibility", page, private="yes")
        text = text_of(admin.get("/models/granted/-/access"))
        assert "reader reader" in text
        assert "Private:" in text
        admin.post("/models/granted/-/withdraw", page, user="reader")
        assert len(house.admin.ok("GET", "/model_repositories/granted/grants")["items"]) == 1

    def test_tokens_for_oneself_and_others(self, house: House, admin: Visitor) -> None:
        person = house.person("maker", "developer")
        visitor = signed_in(house, person)
        page = visitor.get("/tokens")
        fields = {"name": "laptop", "reach": "read", "days": "30"}
        assert "type the one" in visitor.post("/tokens", page, **fields).text
        assert "not valid" in visitor.post("/tokens", page, maker="wrong", **fields).text
        made = re.search(r'id="made">([^<]+)', visitor.post("/tokens", page, maker=person.token, **fields).text)
        assert made
        laptop = Person("maker", made[1], "", person.http)
        assert laptop.ok("GET", "/auth/current")["modelsync"]["reach"] == "reader"
        assert made[1] not in visitor.get("/tokens"), "it was shown only once"
        (token,) = (each for each in person.ok("GET", "/api_tokens")["items"] if each["name"] == "laptop")
        assert token["modelsync"]["parent"] == person.uid
        visitor.post(f"/tokens/{token['uid']}/revoke", page)
        assert laptop.status("GET", "/auth/current") == 401
        page = admin.get("/tokens")
        assert "made" in admin.post("/tokens", page, user="maker", name="job", reach="all", days="").text
        assert "job" in admin.get("/tokens?user=*")

    def test_users(self, house: House, admin: Visitor) -> None:
        page = admin.get("/users")
        admin.post("/users", page, name="robot-7", role="developer", robot="yes")
        assert "already exists" in admin.post("/users", page, name="robot-7", role="guest").text
        admin.post("/users/robot-7", page, role="guest")
        admin.post("/users/robot-7", page, disabled="yes")
        about = house.admin.ok("GET", "/users/robot-7")["modelsync"]
        assert (about["role"], about["robot"]) == ("guest", True)
        assert about["disabled_at"]
        assert "disabled" in text_of(admin.get("/users?search=robot-7"))
        assert "only admin" in admin.post("/users/admin", page, role="guest").text

    def test_disk_use_is_told_to_admins(self, house: House, admin: Visitor) -> None:
        for version in ("v1", "v2"):
            house.admin.push(f"large:{version}", b"x" * 200_000)
        house.admin.ok("POST", "/model_repositories", {"name": "hollow"})
        found = house.admin.ok("GET", "/storage")
        assert {each["name"]: each["versions"] for each in found["repositories"]}["hollow"] == 0
        assert found["free"] < found["total"]
        (row,) = (each for each in found["repositories"] if each["name"] == "large")
        assert (row["versions"], found["blobs"] > 0, found["stored"] > 200_000) == (2, True, True)
        assert "large 2" in text_of(admin.get("/disk"))
        assert house.person("curious", "developer").status("GET", "/storage") == 403

    def test_activity_is_filtered_and_exported(self, house: House, admin: Visitor) -> None:
        house.admin.push("told:v1")
        text = text_of(admin.get("/activity?resource_name=told&operation=pushed"))
        assert "pushed told:v1" in text
        reply = admin.http.get("/activity.jsonl?resource_name=told")
        events = [json.loads(line) for line in reply.text.splitlines()]
        assert [event["operation_name"] for event in events] == ["pushed", "upload-started", "created", "created"]
        assert "is not a time" in admin.get("/activity?since=yesterday", 400)


def safetensors(**tensors: tuple[list[int], bytes]) -> bytes:
    header, body = {}, b""
    for name, (shape, content) in tensors.items():
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


class TestInside:
    def test_files_tensors_and_differences(self, house: House, admin: Visitor) -> None:
        old = safetensors(embedding=([2, 2], b"abcd"), head=([4], b"same"))
        new = safetensors(embedding=([2, 2], b"abXd"), head=([4], b"same"), bias=([1], b"!"))
        for version, content in (("v1", old), ("v2", new)):
            house.admin.push(f"inside:{version}", content, files={"m.safetensors": content}, labels={"run": version})
        address = "/model_repositories/inside/models/v2"
        files = house.admin.ok("GET", f"{address}/files")
        assert files["listed"]
        assert {item["path"]: item["size"] for item in files["items"] if item["kind"] == "file"}[
            "m.safetensors"
        ] == len(new)
        assert all(item["digest"] for item in files["items"] if item["kind"] == "file")
        tensors = house.admin.ok("GET", f"{address}/tensors", query_string={"path": "m.safetensors", "count": 2})
        assert (tensors["total"], tensors["size"], len(tensors["items"])) == (3, 9, 2)
        assert tensors["items"][0] == {"name": "embedding", "dtype": "U8", "shape": [2, 2], "size": 4}
        assert house.admin.status("GET", f"{address}/tensors", query_string={"path": "../x"}) == 404
        diff = house.admin.ok("GET", f"{address}/diff", query_string={"from": "inside:v1"})
        found = {(change["kind"], change["name"], change["how"]) for change in diff["changes"]}
        assert {("label", "run", "changed"), ("file", "m.safetensors", "changed")} <= found
        assert {each for each in found if each[0] == "tensor"} == {
            ("tensor", "embedding", "changed"),
            ("tensor", "bias", "added"),
        }
        assert house.admin.status("GET", f"{address}/diff", query_string={"from": "inside"}) == 400
        assert "embedding U8 2 \u00d7 2 4 B" in text_of(admin.get("/models/inside/v2?path=m.safetensors"))
        assert "changed embedding" in text_of(admin.get("/compare?version=inside:v2&version=inside:v1"))
        assert "Choose two" in admin.get("/compare?version=inside:v2")

    def test_file_without_tensors_has_none(self, house: House, admin: Visitor) -> None:
        house.admin.push(
            "plain:v1", files={"broken.safetensors": b"x" * 100, "deep.npy": b"\x93NUMPY\x01\x00\xff\xff("}
        )
        for path in ("broken.safetensors", "deep.npy", "model.yaml"):
            query = {"path": path}
            reply = house.admin.ok("GET", "/model_repositories/plain/models/v1/tensors", query_string=query)
            assert reply["items"] == [], path
        assert "safetensors, NumPy" in admin.get("/models/plain/v1?path=broken.safetensors")

    def test_version_without_files_says_so(self, house: House, admin: Visitor) -> None:
        house.admin.start("empty:v1")
        assert house.admin.status("GET", "/model_repositories/empty/models/v1/files") == 404
        assert "no files yet" in admin.get("/models/empty/v1")
        assert "no files yet" in admin.get("/models/empty")


class TestHeaders:
    def test_links_and_cookies_keep_the_prefix_of_a_proxy(self, house: House) -> None:
        http, below = house.app.test_client(), {"SCRIPT_NAME": "/registry"}
        assert http.get("/models/x", environ_overrides=below).headers["Location"] == "/registry/sign-in?next=/models/x"
        reply = http.get("/sign-in", environ_overrides=below)
        assert 'href="/registry/assets/style.css' in reply.text
        assert "Path=/registry" in reply.headers["Set-Cookie"]
        key = re.search(r'name="form_key" value="([^"]+)"', reply.text)
        assert key
        data = {"form_key": key[1], "token": ADMIN, "next": "/models/x"}
        reply = http.post("/sign-in", data=data, environ_overrides=below)
        assert reply.headers["Location"] == "/registry/models/x"

    def test_nothing_foreign_or_inline_may_run(self, house: House, admin: Visitor) -> None:
        replies = [admin.http.get("/"), admin.http.get("/models/none"), Visitor(house).http.get("/sign-in")]
        for reply in replies:
            policy = reply.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert reply.headers["Cache-Control"] == "no-store"
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
        for template in Path(pages.__path__[0]).glob("templates/*.html"):
            assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?! src)|http", template.read_text()), template.name
        with admin.http.get("/assets/page.js") as script:
            assert "public" in script.headers["Cache-Control"]
        assert admin.http.get("/assets/../pages.py").status_code == 404
