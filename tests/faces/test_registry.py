"""`registry …` against a running registry: as its admin, and as those who may less."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import NotAuthenticated, PermissionDenied
from modelsync_jupyter.demo.process import Served

from .conftest import Make

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def type_(client: Client, capsys: pytest.CaptureFixture[str]) -> Type:
    """Type a command of `modelsync registry`; returns the exit status, and what was printed."""

    def type_(line: str, *more: str) -> tuple[int, str, str]:
        status = main(["registry", *line.split(), *more])
        out, err = capsys.readouterr()
        return status, out.strip(), err.strip()

    return type_


def read(type_: Type, line: str) -> list[dict[str, Any]]:
    """What a command prints as JSON."""
    status, out, err = type_(f"{line} -o json")
    assert status == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_robot_gets_a_token_a_right_and_is_locked_out_again(
    type_: Type, client: Client, served: Served, make: Make, name: str, tmp_path: Path
) -> None:
    """All that an admin does for a pipeline, as they would type it; the pipeline pushes with what it gets."""
    client.push(make(f"{name}:v1").tag)
    assert type_(f"user add {name}-ci --robot")[0] == 0
    status, token, err = type_(f"token add nightly --user {name}-ci --scope write --expires 30d")
    assert status == 0
    assert "shown only now" in err
    assert token not in err
    robot = Client(tmp_path / "robot")
    robot.login(served.url, token, name="robot")
    assert robot.list_remote(name=name) == []
    assert type_(f"grant add {name} {name}-ci writer")[0] == 0
    assert [grant["right"] for grant in read(type_, f"grant list {name}")] == ["owner", "writer"]
    assert robot.registry.user(f"{name}-ci").grants == {name: "writer"}
    assert f"writer of  {name}" in type_(f"user show {name}-ci")[1]
    with robot.create(f"{name}:v2") as draft:
        (draft.path / "w").write_bytes(b"x")
    assert robot.push(f"{name}:v2").status == "pushed"
    assert {model.creator for model in client.list_remote(name=name, query="name:" + name)} == {"admin", f"{name}-ci"}
    with pytest.raises(PermissionDenied) as refused:
        robot.registry.grants(name)
    assert refused.value.hint == f"Ask an owner of `{name}`: `admin`."
    with pytest.raises(PermissionDenied) as refused:
        robot.registry.add_token("more", scope="all")
    assert refused.value.hint == "Sign in with a token that has more scopes."
    (row,) = read(type_, f"token list --user {name}-ci")
    assert (row["name"], row["scopes"], "value" in row, "token" in row) == (
        "nightly",
        ["write_organization"],
        False,
        False,
    )
    assert type_(f"token revoke {row['id']}")[0] == 0
    with pytest.raises(NotAuthenticated) as refused_again:
        robot.list_remote()
    assert "was revoked" in refused_again.value.message
    assert refused_again.value.step.verb == "login"


def test_private_repository_is_for_those_who_were_granted(
    type_: Type, client: Client, served: Served, make: Make, name: str, tmp_path: Path
) -> None:
    client.push(make(f"{name}:v1").tag)
    type_(f"user add {name}-ann --role guest")
    file = tmp_path / "token"
    status, out, _ = type_(f"token add laptop --user {name}-ann", "--token-file", str(file))
    assert (status, file.stat().st_mode & 0o777, file.read_text().strip() in out) == (0, 0o600, False)
    assert type_(f"token add laptop --user {name}-ann", "--token-file", str(file))[0] == 2, "it exists"
    ann = Client(tmp_path / "ann")
    ann.login(served.url, file.read_text())
    assert len(ann.list_remote(name=name)) == 1
    assert "is public" in type_(f"visibility {name}")[1]
    assert "is private" in type_(f"visibility {name} private")[1]
    assert ann.list_remote(name=name) == []
    type_(f"grant add {name} {name}-ann reader")
    assert ann.pull(f"{name}:v1").tag.name == name
    with pytest.raises(PermissionDenied) as refused:
        ann.registry.set_private(name, False)
    assert refused.value.hint == f"Ask an owner of `{name}`: `admin`."
    type_(f"grant remove {name} {name}-ann")
    assert ann.list_remote(name=name) == []
    assert type_(f"user disable {name}-ann")[0] == 0
    with pytest.raises(PermissionDenied, match="disabled") as refused:
        ann.list_remote()
    assert refused.value.hint == "Ask an admin of the registry to enable the user."
    assert type_(f"user enable {name}-ann")[0] == type_(f"user set {name}-ann --role developer")[0] == 0
    (user,) = read(type_, f"user list --search {name}-ann")
    assert (user["role"], user["disabled"], user["robot"]) == ("developer", None, False)


def test_repository_is_private_before_the_first_push(
    type_: Type, client: Client, served: Served, make: Make, name: str, tmp_path: Path
) -> None:
    type_(f"user add {name}-ann --role developer")
    _, token, _ = type_(f"token add laptop --user {name}-ann")
    ann = Client(tmp_path / "ann")
    ann.login(served.url, token)
    assert "private" in type_(f"create {name} --private --description secret")[1]
    assert client.push(make(f"{name}:v1").tag).status == "pushed"
    assert ann.list_remote(name=name) == []
    assert type_(f"describe {name}", "Who leaves.", "--label", "team=nlp", "--label", "stage=new")[0] == 0
    assert type_(f"describe {name} --label stage=live --remove team")[0] == 0
    told = {"description": "Who leaves.", "labels": {"stage": "live"}, "private": True, "right": "owner"}
    told |= {"name": name, "creator": "admin"}
    assert json.loads(type_(f"describe {name} -o json")[1]) == told
    assert type_(f"describe {name}", "")[1].count("description") == 0
    status, _, err = type_(f"create {name}")
    assert (status, "is taken" in err) == (1, True)


def test_audit_is_filtered_and_exported_as_lines(
    type_: Type, client: Client, make: Make, name: str, served: Served, tmp_path: Path
) -> None:
    client.push(make(f"{name}:v1").tag)
    client.push(make(f"{name}:v2").tag)
    status, out, _ = type_(f"audit --of {name} -o jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, len(lines)) == (0, 7)
    assert [line["name"] for line in lines if line["operation"] == "pushed"] == [f"{name}:v2", f"{name}:v1"]
    assert {(line["user"], line["address"]) for line in lines} == {("admin", "127.0.0.1")}
    assert read(type_, f"audit --of {name}:v1 --operation pushed --since 1h --user admin --from 127.0.0.1")
    assert read(type_, f"audit --of {name} --until 1h") == []
    assert len(read(type_, "audit -n 3")) == 3
    with pytest.raises(NotAuthenticated):
        Client(tmp_path).login(served.url, "a-wrong-token")
    (failure, *_) = read(type_, "audit --operation sign-in-failed")
    assert (failure["user"], failure["info"]["reason"]) == ("", "the API token is not valid")
    assert "pushed" in type_(f"audit --of {name}")[1]


@pytest.mark.parametrize("line", ["user set admin --role guest", "user disable admin"])
def test_what_cannot_be_is_said(type_: Type, line: str) -> None:
    status, _, err = type_(line)
    assert (status, "`admin` is the only admin" in err) == (1, True)


def test_names_that_are_not_there(type_: Type, name: str) -> None:
    for line in (f"grant list {name}", f"token revoke {name}", f"user set {name} --role guest", f"visibility {name}"):
        status, _, err = type_(line)
        assert (status, "not found" in err, "sign in" in err.lower()) == (1, True, False), line
        assert ("list of models" in err) == (name in err and "user" not in line), line


def test_notebook_keeps_no_token(ip: InteractiveShell, client: Client, name: str, tmp_path: Path) -> None:
    done = ip.run_cell(f"%modelsync registry token add {name}")
    assert "--token-file" in str(done.error_in_exec)
    done = ip.run_cell(f"made = %modelsync registry token add {name} --token-file {tmp_path / 'token'}")
    assert done.success
    value = (tmp_path / "token").read_text().strip()
    assert value not in repr(ip.user_ns["made"])
    assert client.registry.revoke_token(ip.user_ns["made"].id).name == name
