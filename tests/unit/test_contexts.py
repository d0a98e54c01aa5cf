"""Contexts: BentoML's own file, read and written, and tokens that are never shown."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import NoContext, UsageError
from modelsync_jupyter.remotes.contexts import (
    CLOUD,
    Context,
    check_endpoint,
    check_token,
    forget,
    load,
    resolve,
    save,
    use,
)
from tests.harness import zygote
from tests.harness.processes import environment

SECRET = "c0ffee-secret-token"
BENTOML = """
import json, sys
from bentoml._internal.cloud.config import CloudClientConfig, CloudClientContext
if sys.argv[1:] == ["write"]:
    for name, token in (("default", "first"), ("team", "second")):
        context = CloudClientContext(name=name, endpoint=f"http://{name}.test", api_token=token, email=None)
        context.save(ignore_warning=True)
    CloudClientConfig.get_config().set_current_context("team")
config = CloudClientConfig.get_config()
print(json.dumps([[c.name, c.endpoint, c.api_token, c.email] for c in config.contexts] + [config.current_context_name]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def bentoml(home: Home, *words: str) -> list[object]:
    """What the real client makes of the file, after it wrote it itself if told to."""
    done = zygote.run("bentoml", ["-c", BENTOML, *words], environment(home.path))
    assert done.returncode == 0, done.stderr
    result: list[object] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.processes
def test_what_bentoml_wrote_is_read(home: Home) -> None:
    bentoml(home, "write")
    assert load(home) == [
        Context("default", "http://default.test", "first"),
        Context("team", "http://team.test", "second", current=True),
    ]


@pytest.mark.processes
def test_what_we_write_bentoml_reads(home: Home) -> None:
    save(home, Context("default", "http://a.test", "first", "a@b.c"))
    save(home, Context("team", "http://b.test", SECRET))
    use(home, "default")
    assert bentoml(home) == [
        ["default", "http://a.test", "first", "a@b.c"],
        ["team", "http://b.test", SECRET, None],
        "default",
    ]


def test_what_others_keep_in_the_file_stays(home: Home) -> None:
    home.contexts.write_text("future: 1\ncontexts:\n- {name: a, endpoint: http://a.test, api_token: x, color: red}\n")
    save(home, Context("a", "http://a.test", "y"))
    save(home, Context("b", "http://b.test", "z"))
    data = yaml.safe_load(home.contexts.read_text())
    assert (data["future"], data["contexts"][0]["color"], data["contexts"][0]["api_token"]) == (1, "red", "y")


@pytest.mark.parametrize("before", [None, 0o644, 0o666])
def test_the_file_is_for_its_owner_alone(before: int | None, home: Home) -> None:
    if before:
        home.contexts.write_text("contexts: []\n")
        home.contexts.chmod(before)
    for change in (lambda: save(home, Context("a", "http://a.test", SECRET)), lambda: use(home, "a")):
        change()
        assert stat.S_IMODE(home.contexts.stat().st_mode) == 0o600


def test_a_token_is_never_shown(home: Home) -> None:
    context = Context("a", "http://a.test", SECRET, "me@a.test", True)
    for text in (repr(context), str(context), json.dumps(context.to_dict()), f"{[context]}"):
        assert SECRET not in text
        assert "a.test" in text


def test_signing_in_again_replaces_and_makes_current(home: Home) -> None:
    for name, token in (("a", "1"), ("b", "2"), ("a", "3")):
        save(home, Context(name, "http://x.test", token))
    assert [(context.name, context.token, context.current) for context in load(home)] == [
        *(("b", "2", False), ("a", "3", True)),
    ]


def test_the_environment_beats_the_file_and_a_name_beats_both(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    save(home, Context("a", "http://a.test", "1"))
    save(home, Context("b", "http://b.test", "2"))
    assert resolve(home).name == "b"
    monkeypatch.setenv("BENTOML_CLOUD_CONTEXT", "a")
    assert resolve(home).name == "a"
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", SECRET)
    assert (resolve(home).endpoint, resolve(home).token) == (CLOUD, SECRET)
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", "http://env.test/")
    assert resolve(home).endpoint == "http://env.test"
    assert [context.current for context in load(home)] == [True, False, False]
    assert (resolve(home, "a").endpoint, resolve(home, "b").token) == ("http://a.test", "2")


def test_an_endpoint_without_a_key_makes_no_context(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", "http://env.test")
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", " ")
    with pytest.raises(NoContext):
        resolve(home)


def test_a_key_read_from_a_file_may_end_in_a_newline(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", SECRET + "\n")
    assert resolve(home).token == SECRET


def test_what_is_not_there_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in (lambda: resolve(home), lambda: resolve(home, "x"), lambda: use(home, "x"), lambda: forget(home, "x")):
        with pytest.raises(NoContext):
            call()
    save(home, Context("a", "http://a.test", "1"))
    with pytest.raises(NoContext, match="Available: a"):
        resolve(home, "x")
    monkeypatch.setenv("BENTOML_CLOUD_CONTEXT", "x")
    with pytest.raises(NoContext):
        resolve(home)


def test_what_is_forgotten_is_gone_with_its_token(home: Home) -> None:
    save(home, Context("a", "http://a.test", "1"))
    save(home, Context("b", "http://b.test", SECRET))
    forget(home, "b")
    assert [context.name for context in load(home)] == ["a"]
    assert SECRET not in home.contexts.read_text()
    assert [path.name for path in home.path.iterdir()] == [".yatai.yaml"]


@pytest.mark.parametrize(
    "content", [b"", b"contexts:\n", b"[]", b"5", b"contexts: 5", b"contexts: [1, null, x]", b"{}"]
)
def test_a_file_without_contexts_has_none(content: bytes, home: Home) -> None:
    home.contexts.write_bytes(content)
    assert load(home) == []


@pytest.mark.parametrize(
    "content", [b"[", b"\xff\xff", b"contexts: 2024-99-99", b"a: !!python/name:os.system", b"a: [" * 2000]
)
def test_a_broken_file_is_said_without_what_is_in_it(content: bytes, home: Home) -> None:
    home.contexts.write_bytes(content + f"\n# {SECRET}".encode())
    with pytest.raises(NoContext, match="cannot be read") as caught:
        load(home)
    assert SECRET not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(NoContext):
        save(home, Context("a", "http://a.test", "1"))
    assert home.contexts.read_bytes().startswith(content)


@pytest.mark.parametrize("url", ["https://r.test", "http://127.0.0.1:3000/", " https://r.test/sub/path/ "])
def test_endpoints_lose_spaces_and_final_slashes(url: str) -> None:
    assert check_endpoint(url) == url.strip().rstrip("/")


@pytest.mark.parametrize(
    "url", ["", "r.test", "ftp://r.test", "https://", f"https://me:{SECRET}@r.test", f"https://r.test?t={SECRET}"]
)
def test_endpoints_are_urls_without_secrets(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_endpoint(url)
    assert SECRET not in str(caught.value)


def test_the_file_is_not_read_where_the_environment_says_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", SECRET)
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", "http://env.test")
    home.contexts.mkdir()  # nobody can read this as a file, root included
    assert (resolve(home).endpoint, resolve(home, "__env__").token) == ("http://env.test", SECRET)
    home.contexts.rmdir()
    home.contexts.write_text("contexts: [")
    assert resolve(home).name == "__env__"
    with pytest.raises(NoContext, match="cannot be read"):
        resolve(home, "team")


def test_a_named_context_does_not_ask_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    save(home, Context("a", "http://a.test", "1"))
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", SECRET)
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", "not a URL")
    assert resolve(home, "a").endpoint == "http://a.test"
    with pytest.raises(UsageError):
        resolve(home)


def test_a_token_loses_what_is_around_it() -> None:
    assert check_token(f" {SECRET}\n") == SECRET


@pytest.mark.parametrize("token", ["", " \n", "a b", "a\nb", "a\tb", "a\r\nX-Other: 1", "a\0b", "tökén", "a\u200b"])
def test_a_token_that_cannot_be_one_is_refused(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_token(token)
    assert caught.value.hint.startswith("Copy it from the registry")
    assert not token.strip() or token not in str(caught.value)
