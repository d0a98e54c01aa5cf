"""What is told of a transfer beforehand: how long it takes, and what changes, in words and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelsync_jupyter.client.expected import expect_seconds
from modelsync_jupyter.commands.views import outcome_text, plan_text
from modelsync_jupyter.commands.words import SHELL
from modelsync_jupyter.core.changes import MOST, Changed, Changes
from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.jobs.records import Record
from modelsync_jupyter.transfer.forecast import Forecast
from modelsync_jupyter.transfer.plan import Operation, Plan

TAG, HERE = Tag("m", "v2"), "https://registry.example.com"
HEAD = Changed("head.weight", "changed", 4_000_000, "model.safetensors")
CHANGES = Changes.of(Tag("m", "v1"), "local", [Changed("model.safetensors", "changed", 10**9)], [HEAD])


def record(moved: int, reused: int, seconds: float, **facts: Any) -> Record:
    """A push that ended."""
    outcome = Outcome("push", TAG, "pushed", "", moved + reused, moved, reused, seconds).to_dict()
    return Record.new("a", "push", "m:v2", state="succeeded", endpoint=HERE, outcome=outcome)._replace(**facts)


WHOLE, DELTA = record(10**9, 0, 10.0), record(4_000_000, 996_000_000, 1.04)


@pytest.mark.parametrize(
    ("forecast", "records", "limit", "seconds"),
    [
        (Forecast(5 * 10**8), [WHOLE], None, 5.0),
        (Forecast(5 * 10**8), [], None, None),
        (Forecast(5 * 10**8), [record(10**9, 0, 10.0, endpoint="https://other.example.com")], None, None),
        (Forecast(5 * 10**8), [record(10**9, 0, 10.0, state="failed")], None, None),
        (Forecast(5 * 10**8), [record(10**9, 0, 10.0, direction="pull")], None, None),
        (Forecast(5 * 10**8), [record(1000, 0, 1.0)], None, None),  # too little to tell
        (Forecast(5 * 10**8), [WHOLE, WHOLE, record(10**9, 0, 999.0)], None, 5.0),
        (Forecast(4_000_000, 996_000_000), [WHOLE], None, None),  # nobody knows how fast this disk is
        (Forecast(4_000_000, 996_000_000), [DELTA, WHOLE], None, 1.04),
        (Forecast(10**7), [], 10**6, 10.0),
        (Forecast(10**7), [WHOLE], 10**6, 10.0),
    ],
)
def test_earlier_transfers_tell_how_long_one_takes(
    forecast: Forecast, records: list[Record], limit: int | None, seconds: float | None
) -> None:
    found = expect_seconds(forecast, records, "push", HERE, limit)
    assert found == (seconds if seconds is None else pytest.approx(seconds))


def test_what_is_on_record_need_not_be_what_we_wrote() -> None:
    odd = [WHOLE._replace(outcome=each) for each in (None, {}, {"size": "x", "bytes_reused": None})]
    assert expect_seconds(Forecast(10**8), odd, "push", HERE, None) is None


def test_changes_come_back_from_json_and_name_no_more_than_some() -> None:
    assert Changes.from_dict(json.loads(json.dumps(CHANGES.to_dict()))) == CHANGES
    outcome = Outcome("push", TAG, "pushed", "", changes=CHANGES)
    assert Outcome.from_dict("push", json.loads(json.dumps(outcome.to_dict()))).changes == CHANGES
    many = Changes.of(Tag("m", "v1"), "remote", [Changed(f"{n}", "added", 1) for n in range(3 * MOST)], [])
    assert (len(many.files), many.file_count) == (MOST, 3 * MOST)


def test_a_plan_says_what_travels_and_changes() -> None:
    send = (Operation("send", "1 file", "the parts missing from the registry", 10**9),)
    plan = Plan("push", TAG, "push", "New in the registry.", send, 10**9)
    assert plan_text(plan).splitlines()[0] == "Would push `m:v2` (1.0 GB). New in the registry."
    told = plan.with_forecast(Forecast(4_000_000, 996_000_000, changes=CHANGES, seconds=1.04))
    assert (told.size, told.operations[0].size) == (4_000_000, 4_000_000)
    lines = plan_text(told).splitlines()
    assert lines[0] == "Would push `m:v2` (4.0 MB of 1.0 GB, about 1.0 s). New in the registry."
    assert "1 file and 1 tensor differ from the local `m:v1`: `head.weight`." in lines
    assert lines[-1].split() == ["tensor", "model.safetensors:", "head.weight", "changed", "4.0", "MB"]
    assert "(up to 4.0 MB). " in plan_text(plan.with_forecast(Forecast(4_000_000, exact=False)))
    assert told.to_dict()["forecast"]["changes"]["tensors"] == [HEAD.to_dict()]


def test_an_outcome_says_what_has_changed() -> None:
    outcome = Outcome("push", TAG, "pushed", "New in the registry.", 10**9, 4_000_000, 996_000_000, 1.0)
    said = outcome_text(outcome._replace(changes=CHANGES), SHELL)
    assert said.splitlines()[1] == "1 file and 1 tensor differ from the local `m:v1`: `head.weight`."
    same = outcome._replace(changes=Changes(Tag("m", "v1"), "remote"))
    assert outcome_text(same, SHELL).splitlines()[1] == "Its files are those of the registry's `m:v1`."
