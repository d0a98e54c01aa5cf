"""The JSON that the sidebar's tests build on is what the extension really sends: the same keys, the same types."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api

from .conftest import Call

FIXTURES = Path(__file__).parents[1] / "fixtures"
#: Objects whose keys are the user's.
FREE = ("labels", "metadata", "options", "context", "signatures", "states")


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def same(real: Any, recorded: Any, at: str = "") -> None:
    """Fail where a reply is not formed like the recorded one; null may stand for anything."""
    if real is None or recorded is None:
        return
    kinds = {float: int}
    assert kinds.get(type(real), type(real)) == kinds.get(type(recorded), type(recorded)), at
    if isinstance(real, list) and recorded:
        for item in real:
            same(item, alike(item, recorded), f"{at}[]")
    if isinstance(real, dict) and at.rpartition(".")[2] not in FREE:
        assert real.keys() == recorded.keys(), at
        for key in real:
            same(real[key], recorded[key], f"{at}.{key}")


def alike(item: Any, recorded: list[Any]) -> Any:
    """The recorded item to compare with: of the same kind, where items are of several."""
    kind = item.get("kind") if isinstance(item, dict) else None
    return next((each for each in recorded if kind and each.get("kind") == kind), recorded[0])


async def test_replies_are_formed_like_the_fixtures(
    call: Call,
    make: Callable[..., api.Model],
    signed_in: str,
    ended: Callable[[str], Awaitable[Any]],
    name: str,
    jp_root_dir: Path,
    home: Path,
) -> None:
    tag, body = f"{name}:v1", {"direction": "push", "tag": f"{name}:v1"}
    (jp_root_dir / "notes.txt").write_text("n")
    make(tag, stage="test")
    replies = {
        "plan": await call("GET", "plan", direction="push", tag=tag),
        "transfer": await call("POST", "transfers", body),
    }
    pushed = await ended(replies["transfer"][1]["id"])
    replies["plan_skip"] = await call("GET", "plan", direction="push", tag=tag)
    replies["plan_replace"] = await call("GET", "plan", direction="push", tag=tag, force=1)
    replies |= {
        "status": await call("GET", "status"),
        "version": await call("GET", f"versions/{name}/v1"),
        "list": await call("POST", "list", {"open": [name], "refresh": name}),
        "doctor": await call("GET", "doctor"),
        "digest": await call("POST", f"versions/{name}/v1/digest", {}),
        "transfers": await call("GET", "transfers"),
        "diff": await call("GET", "diff", old=tag),
        "edited": await call("POST", f"remote/{name}/v1", {"description": "the good one"}),
        "alias": await call("POST", f"aliases/{name}/production", {"version": "v1", "expected": ""}),
        "aliases": await call("GET", f"aliases/{name}"),
        "history": await call("GET", f"history/{name}", version="v1"),
        "files": await call("GET", f"remote/{name}/v1/files"),
        "saved": await call("POST", "models", {"name": "notes:v1", "path": "notes.txt"}),
        "deleted": await call("DELETE", "local/notes/v1"),
        "error": await call("DELETE", "local/notes/v1"),
        "forgotten": await call("DELETE", f"transfers/{pushed['id']}"),
        "context": await call("POST", "context", {"name": "team"}),
        "logout": await call("POST", "logout", {"name": "team"}),
    }
    assert sorted(replies) == sorted(path.stem for path in FIXTURES.glob("*.json"))
    for which, (code, real) in replies.items():
        assert code < 400 or which == "error", real
        same(real, fixture(which), which)
    assert pushed["outcome"].keys() == outcomes("push").keys()


def outcomes(direction: str) -> Any:
    return next(
        each["outcome"]
        for each in fixture("transfers")["transfers"]
        if each["outcome"] and each["direction"] == direction
    )


def test_the_fixtures_show_every_state() -> None:
    states = {record["state"] for record in fixture("transfers")["transfers"]}
    assert states == {"running", "succeeded", "failed", "cancelled", "interrupted"}


def test_a_difference_in_form_is_found() -> None:
    same({"a": [{"n": 1}]}, {"a": [{"n": 2.5}]})
    others: list[Any] = [{"a": [{"n": "1"}]}, {"a": [{}]}, {"b": []}, []]
    for real in others:
        with pytest.raises(AssertionError):
            same(real, {"a": [{"n": 2}]})
