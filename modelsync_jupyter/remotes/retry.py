"""Retries: one table says what has to be renewed after an error, and how often that is tried.

A loop names what it can renew and leaves the rest to the loops around it. Sending a request again helps when the
network failed; a part that arrived damaged has to be read and sent again; a forgotten upload has to be begun again,
which only the code that began it can do. So `run` retries an error only if the table's answer is in its `renew`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import TypeVar

from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    ModelSyncError,
    Unavailable,
    UploadLost,
    UrlExpired,
)

T = TypeVar("T")


class Renew(Enum):
    """What has to be renewed before trying again: each level contains the ones above it."""

    REQUEST = "request"  # send it again as it is
    URL = "url"  # have a presigned URL signed again
    PART = "part"  # read and send, or fetch, the bytes of the part again
    UPLOAD = "upload"  # begin a new upload
    PLAN = "plan"  # look at both ends again: the archive was replaced meanwhile


RENEW: Mapping[type[ModelSyncError], Renew] = {
    Unavailable: Renew.REQUEST,
    UrlExpired: Renew.URL,
    IntegrityError: Renew.PART,
    UploadLost: Renew.UPLOAD,
    Conflict: Renew.PLAN,
}

#: Attempts without any progress before giving up.
ATTEMPTS: Mapping[Renew, int] = {
    Renew.REQUEST: 6,
    Renew.URL: 6,
    Renew.PART: 3,
    Renew.UPLOAD: 2,
    Renew.PLAN: 3,
}
#: Those of somebody who waits for one answer, whatever it is.
ONCE: Mapping[Renew, int] = dict.fromkeys(Renew, 1)
#: Attempts while nothing at all has ever been heard from the endpoint: the address may be wrong.
FIRST_ATTEMPTS = 2
#: What a single request or part can renew by itself.
WITHIN_A_PART = frozenset({Renew.REQUEST, Renew.URL, Renew.PART})

OnRetry = Callable[[ModelSyncError, float, int], None]

_LONGEST = 20.0
_LONGEST_ASKED = 120.0


class Retry:
    """Repeats an attempt while renewing something may help, waiting longer each time.

    Args:
        sleep: Waits some seconds; may raise `Cancelled`.
        attempts: How often to try without progress, for each thing that can be renewed.
        longest: Longest wait in seconds, unless the server asked for more.
        on_retry: Called before each wait with the error, the seconds to wait, and the number of failures so far.

    Attributes:
        reached: Whether anything has been heard from the endpoint.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        attempts: Mapping[Renew, int] | None = None,
        *,
        longest: float | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._sleep = sleep
        self._attempts = ATTEMPTS if attempts is None else attempts
        self._longest = _LONGEST if longest is None else longest
        self._on_retry = on_retry
        self.reached = False

    def run(
        self,
        attempt: Callable[[], T],
        progress: Callable[[], int] | None = None,
        *,
        renew: Collection[Renew] = WITHIN_A_PART,
        on_retry: OnRetry | None = None,
    ) -> T:
        """Try until it works.

        Args:
            attempt: What to do; each call starts from where it can.
            progress: How far it has got; failures are counted from zero again when this has grown.
            renew: What a new attempt renews; other errors are raised at once.
            on_retry: As that of the class, which is called too.

        Raises:
            ModelSyncError: The error of the last attempt.
        """
        failures: Counter[Renew] = Counter()
        best = progress() if progress else 0
        while True:
            try:
                result = attempt()
                self.reached = True
                return result
            except ModelSyncError as error:
                self.reached = self.reached or getattr(error, "status", None) is not None
                if progress and (now := progress()) > best:
                    failures.clear()
                    best = now
                what = next((RENEW[each] for each in type(error).__mro__ if each in RENEW), None)
                if what is None or what not in renew or error.gave_up:
                    raise
                failures[what] += 1
                allowed = self._attempts.get(what, 1)
                unheard = what is Renew.REQUEST and not self.reached
                if failures[what] >= (min(allowed, FIRST_ATTEMPTS) if unheard else allowed):
                    error.gave_up = True  # so that no loop around this one tries the same again
                    raise
                delay = self._delay(error, failures.total())
                for tell in (self._on_retry, on_retry):
                    if tell:
                        tell(error, delay, failures.total())
                self._sleep(delay)

    def _delay(self, error: ModelSyncError, failures: int) -> float:
        asked = error.retry_after if isinstance(error, Unavailable) else None
        if asked is not None:
            return min(asked, _LONGEST_ASKED)
        return random.uniform(0.5, 1.0) * min(2.0 ** (failures - 2), self._longest)
