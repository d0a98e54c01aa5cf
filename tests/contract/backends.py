"""The registries that our client must find alike, each over an empty store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry
from modelsync_jupyter.transfer.work import Stop
from tests.harness.processes import RegistryProcess
from tests.harness.yatai import Yatai


@dataclass(frozen=True)
class Backend:
    """A registry that runs.

    Args:
        url: Its endpoint.
        token: A token that may do everything.
        extended: Whether it knows our extension.
        strategy: How it says bytes travel.
    """

    url: str
    token: str
    extended: bool
    strategy: str

    @contextmanager
    def remote(self, token: str = "") -> Iterator[Remote]:
        """Our client."""
        http = Http(Context("", self.url, token or self.token), Retry(Stop().sleep))
        try:
            yield Remote(http)
        finally:
            http.close()


@contextmanager
def _ours(folder: Path) -> Iterator[Backend]:
    with RegistryProcess(folder / "data") as registry:
        yield Backend(registry.url, registry.token, True, "presigned_url")


def _yatai(strategy: str | None) -> Callable[[Path], AbstractContextManager[Backend]]:
    @contextmanager
    def start(folder: Path) -> Iterator[Backend]:
        with Yatai(folder, strategy) as yatai:
            yield Backend(yatai.url, yatai.token, False, strategy or "")
        assert yatai.errors == yatai.objects.errors == []
        assert yatai.objects.violations == []

    return start


BACKENDS: dict[str, Callable[[Path], AbstractContextManager[Backend]]] = {
    "our registry": _ours,
    "Yatai presigned": _yatai("presigned_url"),
    "Yatai proxy": _yatai("proxy"),
    "Yatai of old": _yatai(None),
}
