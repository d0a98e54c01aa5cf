"""Tags, parts, cuts, layouts and plans."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelsync_jupyter.archive.layout import Entry, Layout
from modelsync_jupyter.core.errors import InvalidTag
from modelsync_jupyter.core.parts import Part, from_sizes, gather, split
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.plan import Chosen, Facts, plan_pull, plan_push
from modelsync_jupyter.transfer.work import Counter
from modelsync_jupyter.wire import format_time, parse_time
from tests.harness.models import make_model

WORDS = st.from_regex(r"[a-z0-9]([-._a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
SIZES = st.integers(0, 1000) | st.sampled_from([0, 1, 511, 512, 513, 1 << 20, (16 << 20) + 1, 5 << 30])
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(timezone.utc))


def covers(parts: tuple[Part, ...], size: int) -> bool:
    """Whether parts are numbered from 1 and cover `[0, size)` once, in order, with none empty."""
    ends = [0, *(part.stop for part in parts)]
    starts = [part.start for part in parts]
    numbered = [part.number for part in parts] == list(range(1, len(parts) + 1))
    return numbered and ends[:-1] == starts and ends[-1] == size and all(a < b for a, b in pairwise(ends))


@given(WORDS, st.none() | WORDS.filter(lambda word: word != "latest"))
def test_tags_survive_being_text(name: str, version: str | None) -> None:
    tag = Tag(name, version)
    assert Tag.parse(str(tag)) == tag
    assert Tag.parse(str(tag).upper()) == tag


@given(st.text(max_size=80))
def test_any_text_is_a_tag_or_is_refused(text: str) -> None:
    try:
        tag = Tag.parse(text)
    except InvalidTag:
        return
    assert Tag.parse(str(tag)) == tag
    assert len(tag.name) <= 63
    assert tag.name.isascii()


@given(st.integers(0, 10_000), st.integers(1, 3000))
def test_split_covers_once(size: int, part_size: int) -> None:
    parts = split(size, part_size)
    assert covers(parts, size)
    assert {part.size for part in parts[:-1]} <= {part_size}


@given(
    st.lists(st.integers(1, 100), max_size=30),
    st.integers(1, 5),
    st.integers(1, 80),
    st.integers(1, 200),
    st.integers(0, 150),
)
def test_runs_have_each_part_once_and_are_large_enough(
    sizes: list[int], threads: int, shortest: int, more: int, least: int
) -> None:
    parts = from_sizes(sizes)
    runs = list(gather(parts, threads, shortest, shortest + more, least))
    assert tuple(part for run in runs for part in run) == parts
    assert all(sum(part.size for part in run) >= least for run in runs[:-1])


MEMBERS = st.builds(
    lambda kind, size, executable: Entry(
        "", kind, 0, 0, size if kind == "file" else 0, executable and kind == "file", "t" if kind == "link" else ""
    ),
    st.sampled_from(["file", "dir", "link"]),
    SIZES,
    st.booleans(),
)


@given(st.lists(MEMBERS, max_size=20))
def test_layouts_survive_the_wire(members: list[Entry]) -> None:
    named = [member._replace(path=f"d/{index}") for index, member in enumerate(members)]
    layout = Layout.arrange(named, 0)
    data = json.loads(json.dumps([entry.to_json() for entry in layout.entries]))
    assert Layout.from_json(data, layout.size) == layout


@given(TIMES, st.integers(-14 * 60, 14 * 60))
def test_times_survive_the_wire(time: datetime, minutes: int) -> None:
    elsewhere = time.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_time(format_time(elsewhere)) == time
    assert parse_time(elsewhere.isoformat()) == time


@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(-300, 300), st.booleans()), max_size=30))
def test_progress_stays_within_its_bounds_and_ends_at_the_sum(total: int, steps: list[tuple[int, bool]]) -> None:
    counter = Counter()
    counter.begin("sending", total)
    for size, reused in steps:
        counter.add(size, reused=reused)
        assert 0 <= counter.look().done <= (total or 10**9)
    left = total - sum(size for size, _ in steps)
    counter.add(left)
    assert counter.look().done == total


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model.load(make_model(tmp_path_factory.mktemp("home"), "m:v1", size=5000))


REMOTE = st.none() | st.builds(
    lambda *facts: RemoteModel(*facts),
    st.just(Tag("m", "v1")),
    st.just("uid"),
    st.sampled_from(["pending", "uploading", "success", "failed"]),
    st.integers(0, 10_000),
    TIMES,
)


@given(there=REMOTE, force=st.booleans(), asked=st.sampled_from([Tag("m"), Tag("m", "v1")]))
def test_a_push_that_was_carried_out_is_not_planned_again(
    model: Model, there: RemoteModel | None, force: bool, asked: Tag
) -> None:
    plan = plan_push(Chosen("push", asked, model.tag), Facts(model, there), force=force)
    assert plan == plan_push(Chosen("push", asked, model.tag), Facts(model, there), force=force)
    assert plan.action == ("push" if there is None or not there.complete else "replace" if force else "skip")
    assert bool(plan.operations) == (plan.action != "skip")
    after = RemoteModel(model.tag, "uid", "success", model.size, model.info.creation_time)
    again = plan_push(Chosen("push", asked, model.tag), Facts(model, after), force=False)
    assert (again.action, again.size) == ("skip", 0)


@given(there=REMOTE, force=st.booleans(), asked=st.sampled_from([Tag("m"), Tag("m", "v1")]))
def test_a_pull_that_was_carried_out_is_not_planned_again(
    model: Model, there: RemoteModel | None, force: bool, asked: Tag
) -> None:
    if there is None or not there.complete:
        return
    chosen = Chosen("pull", asked, model.tag, there)
    plan = plan_pull(chosen, Facts(None, there), force=force)
    assert (plan.action, plan.size) == ("pull", there.size)
    assert plan_pull(chosen, Facts(model, there), force=True).action == "replace"
    assert plan_pull(chosen, Facts(model, there), force=False).action == "skip"
