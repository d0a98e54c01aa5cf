"""Run: what every step of a transfer needs to know and to tell."""

from __future__ import annotations

from dataclasses import dataclass

from modelsync_jupyter.core.config import MAX_THREADS, Home
from modelsync_jupyter.core.outcome import Options
from modelsync_jupyter.core.parts import MIB
from modelsync_jupyter.core.progress import Counter
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry

from .pace import Pace
from .pool import Pool, Stop


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a transfer.

    Args:
        home: BentoML's home folder.
        options: How to transfer.
        context: Which registry.
        remote: That registry.
        cancel: Whether somebody cancelled the transfer.
        stop: Whether to stop: somebody cancelled the transfer, or a step of this attempt failed.
        counter: Bytes so far.
        pace: How fast bytes may pass.
    """

    home: Home
    options: Options
    context: Context
    remote: Remote
    cancel: Stop
    stop: Stop
    counter: Counter
    pace: Pace

    @classmethod
    def begin(cls, home: Home, options: Options, context: Context, cancel: Stop, counter: Counter) -> Run:
        """Get ready to talk to a registry; nothing is sent yet."""
        stop = Stop(cancel)

        def wait(seconds: float) -> None:
            with counter.retrying():
                stop.sleep(seconds)

        http = Http(context, Retry(wait), options.threads)
        pace = Pace(options.rate_limit, stop.sleep)
        return cls(home, options, context, Remote(http), cancel, stop, counter, pace)

    def again(self) -> Run:
        """A fresh attempt at the same."""
        return Run.begin(self.home, self.options, self.context, self.cancel, self.counter)

    @property
    def retry(self) -> Retry:
        """Who tries again."""
        return self.remote.http.retry

    @property
    def threads(self) -> int:
        """Parts on their way at the same time; fewer where the rate is so low that each would seem to stand still."""
        limit = self.options.rate_limit
        return self.options.threads if limit is None else max(1, min(self.options.threads, limit // MIB))

    def pool(self, at_most: int = MAX_THREADS) -> Pool:
        """Threads for the parts, as many as the transfer may have but no more than `at_most`."""
        return Pool(min(self.threads, at_most), self.stop)

    def journal_name(self, direction: str, tag: Tag) -> str:
        """Name of the journal and of the stage of a transfer: one for each tag and direction."""
        return f"{direction}-{tag.name}--{tag.version}"
