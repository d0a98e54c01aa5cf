"""Retries: the one place that tries again. It asks the error whether that may help."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from modelsync_jupyter.core.errors import ModelSyncError, Unavailable

T = TypeVar("T")

#: Attempts without any progress before giving up.
ATTEMPTS = 6
#: Attempts while nothing at all has ever been heard from the endpoint: it may not be there.
FIRST_ATTEMPTS = 2
_LONGEST = 20.0
_LONGEST_ASKED = 120.0


class Retry:
    """Repeats an attempt while its error says that may help, waiting longer each time.

    Args:
        sleep: Waits some seconds; may raise `Cancelled`.
        attempts: How often to try without progress.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep, attempts: int = ATTEMPTS) -> None:
        self._sleep = sleep
        self._attempts = attempts
        self.reached = False

    def run(self, attempt: Callable[[], T], progress: Callable[[], int] = lambda: 0) -> T:
        """Try until it works.

        Args:
            attempt: What to do; each call starts from where it can.
            progress: How far it has got; failures are counted from zero again when this has grown.

        Raises:
            ModelSyncError: That of the last attempt.
        """
        failures, best = 0, progress()
        while True:
            try:
                result = attempt()
                self.reached = True
                return result
            except ModelSyncError as error:
                failures, best = (0, progress()) if progress() > best else (failures, best)
                failures += 1
                self.reached = self.reached or getattr(error, "status", None) is not None
                if not error.retryable or failures >= (self._attempts if self.reached else FIRST_ATTEMPTS):
                    raise
                self._sleep(_delay(error, failures))


def _delay(error: ModelSyncError, failures: int) -> float:
    asked = error.retry_after if isinstance(error, Unavailable) else None
    if asked is not None:
        return min(asked, _LONGEST_ASKED)
    return random.uniform(0.5, 1.0) * min(2.0 ** (failures - 2), _LONGEST)
