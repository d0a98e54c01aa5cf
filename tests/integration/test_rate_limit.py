"""A rate limit holds for all threads together, and does not get in the way of anything else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import Cancelled, UsageError
from modelsync_jupyter.core.outcome import Direction
from tests.harness.clock import within
from tests.harness.models import differences, make_model

from .scene import MIB, Client, wait_for

RATE = 4 * MIB
FILES = {"weights.bin": 10 * MIB}


@pytest.fixture
def source(far: Client, tag: str) -> None:
    """The model is in the registry, and in one store."""
    make_model(far.home, tag, FILES)
    far.push(tag)


@pytest.mark.parametrize(("direction", "server"), [("push", "registry"), ("pull", "yatai")], indirect=["server"])
@pytest.mark.usefixtures("source")
def test_bytes_pass_no_faster_than_they_may(near: Client, far: Client, tag: str, direction: Direction) -> None:
    began = time.monotonic()
    if direction == "push":
        make_model(near.home, "other:v1", FILES | {"weights.bin": 10 * MIB + 1})
        done = api.run(direction, "other:v1", rate_limit=RATE, home=near.home)
    else:
        done = api.run(direction, tag, rate_limit=RATE, home=near.home)
        assert differences(far.folder(tag), near.folder(tag)) == []
    seconds = time.monotonic() - began
    assert done.moved > 10 * MIB
    assert seconds > (done.moved - 2 * MIB) / RATE  # the first block of each thread need not wait
    assert seconds < 6 * done.moved / RATE


@pytest.mark.usefixtures("source")
def test_a_transfer_that_waits_for_its_turn_is_cancelled_at_once(near: Client, tag: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(api.pull, tag, rate_limit=100_000, home=near.home)
        wait_for(lambda: any(each.progress.done for each in api.transfers(home=near.home)), "bytes")
        with within(2):
            api.cancel(api.transfers(home=near.home)[0].id, home=near.home)
            with pytest.raises(Cancelled):
                pulling.result()
    assert near.visible() == []


@pytest.mark.parametrize("rate", [-1, 99_999])  # 0 is no limit
def test_a_rate_at_which_servers_give_up_is_refused(near: Client, rate: int) -> None:
    with pytest.raises(UsageError, match="must be at least"):
        api.push("m:v1", rate_limit=rate, home=near.home)
