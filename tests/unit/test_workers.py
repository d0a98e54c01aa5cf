"""Retries and the pool of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from modelsync_jupyter.archive.folder import BLOCK
from modelsync_jupyter.core.errors import (
    Cancelled,
    IntegrityError,
    ModelSyncError,
    NotAuthenticated,
    Unavailable,
    UploadLost,
)
from modelsync_jupyter.remotes.retry import ATTEMPTS, FIRST_ATTEMPTS, Renew, Retry
from modelsync_jupyter.transfer.copy import Workers
from modelsync_jupyter.transfer.work import Stop


class Sleeps(list[float]):
    """Records how long it was asked to sleep."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


def failing(*errors: ModelSyncError) -> Callable[[], int]:
    """An attempt that fails with each of the errors in turn and then returns how often it was made."""
    left: Iterator[ModelSyncError] = iter(errors)
    made = 0

    def attempt() -> int:
        nonlocal made
        made += 1
        if error := next(left, None):
            raise error
        return made

    return attempt


def heard(status: int = 503, retry_after: float | None = None) -> Unavailable:
    return Unavailable("Busy.", status=status, retry_after=retry_after)


def silence() -> list[Unavailable]:
    return [Unavailable("No answer.") for _ in range(9)]


def test_what_works_is_done_once(sleeps: Sleeps) -> None:
    assert Retry(sleeps).run(failing()) == 1
    assert sleeps == []


def test_delays_double_up_to_20_seconds_and_are_spread(sleeps: Sleeps) -> None:
    with pytest.raises(Unavailable):
        Retry(sleeps, attempts={Renew.REQUEST: 10}).run(failing(*[heard() for _ in range(20)]))
    longest = [0.5, 1, 2, 4, 8, 16, 20, 20, 20]
    assert len(sleeps) == 9
    assert all(most / 2 <= slept <= most for slept, most in zip(sleeps, longest, strict=True))


def test_the_server_says_how_long_to_wait(sleeps: Sleeps) -> None:
    assert Retry(sleeps).run(failing(heard(retry_after=7), heard(429, retry_after=0), heard(retry_after=9999))) == 4
    assert sleeps == [7, 0, 120]


def test_it_gives_up_after_so_many_failures(sleeps: Sleeps) -> None:
    last = heard()
    with pytest.raises(Unavailable) as caught:
        Retry(sleeps).run(failing(*[heard() for _ in range(ATTEMPTS[Renew.REQUEST] - 1)], last))
    assert caught.value is last
    assert Retry(sleeps).run(failing(*[heard() for _ in range(ATTEMPTS[Renew.REQUEST] - 1)])) == ATTEMPTS[Renew.REQUEST]


def test_progress_starts_the_count_again(sleeps: Sleeps) -> None:
    position = 0

    def attempt() -> int:
        nonlocal position
        position += 1
        if position < 50:
            raise heard()
        return position

    assert Retry(sleeps).run(attempt, lambda: position) == 50
    assert max(sleeps) <= 0.5


def test_moving_back_and_forth_is_no_progress(sleeps: Sleeps) -> None:
    positions = iter([5, *[3, 5] * 50])
    with pytest.raises(Unavailable):
        Retry(sleeps).run(failing(*[heard() for _ in range(50)]), lambda: next(positions))
    assert len(sleeps) == ATTEMPTS[Renew.REQUEST] - 1


@pytest.mark.parametrize("error", [NotAuthenticated("No.", status=401), Cancelled("Stop."), ModelSyncError("Broken.")])
def test_what_cannot_get_better_is_not_tried_again(error: ModelSyncError, sleeps: Sleeps) -> None:
    with pytest.raises(type(error)):
        Retry(sleeps).run(failing(error))
    assert sleeps == []


def test_a_loop_retries_only_what_it_can_renew(sleeps: Sleeps) -> None:
    with pytest.raises(UploadLost):
        Retry(sleeps).run(failing(UploadLost("Gone.")))
    assert Retry(sleeps).run(failing(UploadLost("Gone.")), renew={Renew.UPLOAD}) == 2
    with pytest.raises(IntegrityError):
        Retry(sleeps).run(failing(IntegrityError("Damaged.")), renew={Renew.REQUEST})


def test_what_an_inner_loop_gave_up_no_outer_loop_tries_again(sleeps: Sleeps) -> None:
    retry = Retry(sleeps)
    attempt = failing(*[heard() for _ in range(99)])
    with pytest.raises(Unavailable):
        retry.run(lambda: retry.run(attempt))
    assert len(sleeps) == ATTEMPTS[Renew.REQUEST] - 1


def test_a_bug_is_not_tried_again(sleeps: Sleeps) -> None:
    with pytest.raises(ZeroDivisionError):
        Retry(sleeps).run(lambda: 1 // 0)
    assert sleeps == []


def test_an_endpoint_that_was_never_heard_from_may_not_be_there(sleeps: Sleeps) -> None:
    with pytest.raises(Unavailable):
        Retry(sleeps).run(failing(*silence()))
    assert len(sleeps) == FIRST_ATTEMPTS - 1


@pytest.mark.parametrize("first", [failing(), failing(heard())])
def test_once_heard_from_it_is_given_time(first: Callable[[], int], sleeps: Sleeps) -> None:
    retry = Retry(sleeps)
    retry.run(first)
    sleeps.clear()
    with pytest.raises(Unavailable):
        retry.run(failing(*silence()))
    assert len(sleeps) == ATTEMPTS[Renew.REQUEST] - 1


def test_a_wish_to_stop_ends_the_waiting() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        Retry(stop.sleep).run(failing(heard(retry_after=100)))


def test_all_jobs_are_done_by_at_most_so_many_threads() -> None:
    lock, now, most, done = threading.Lock(), 0, 0, []
    together = threading.Barrier(3, timeout=60)

    def job(buffer: bytearray, number: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1
            done.append((number, len(buffer)))

    workers = Workers(3, Stop())
    for number in range(30):
        workers.submit(lambda buffer, number=number: job(buffer, number))
    workers.join()
    assert most == 3
    assert sorted(done) == [(number, BLOCK) for number in range(30)]


def test_the_first_failure_stops_the_others_and_is_raised() -> None:
    stop, begun, done = Stop(), threading.Event(), []

    def long_job(buffer: bytearray) -> None:
        begun.set()
        stop.sleep(30)
        done.append("long")

    def bad_job(buffer: bytearray) -> None:
        assert begun.wait(60)
        raise IntegrityError("The first.")

    workers = Workers(2, stop)
    for job in (long_job, bad_job, *[lambda buffer: done.append("later")] * 20):
        workers.submit(job)
    with pytest.raises(IntegrityError, match=r"The first\."):
        workers.join()
    assert done == []
    assert stop.wanted


def test_no_job_is_begun_once_somebody_cancelled() -> None:
    cancel = Stop()
    cancel.set()
    done: list[int] = []
    workers = Workers(4, Stop(cancel))
    for number in range(9):
        workers.submit(lambda buffer, number=number: done.append(number))
    with pytest.raises(Cancelled):
        workers.join()
    assert done == []


def test_a_wish_to_stop_counts_below_but_not_above() -> None:
    above = Stop()
    below = Stop(above)
    below.set()
    assert (above.wanted, below.wanted) == (False, True)
    other = Stop(above)
    above.set()
    assert other.wanted
    with pytest.raises(Cancelled):
        other.check()
    Stop().check()
    Stop().sleep(0.001)
