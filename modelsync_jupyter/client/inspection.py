"""The verbs that look: how versions differ, where one came from, and what is wrong. None changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore

if TYPE_CHECKING:
    from modelsync_jupyter.contents.diff import Diff, File
    from modelsync_jupyter.remotes.bentocloud.client import Remote
    from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
    from modelsync_jupyter.store.model import Model

    from .checks import Check
    from .origins import Provenance


class InspectionVerbs:
    """The part of a `Client` that looks and changes nothing."""

    home: Home
    context: str | None
    _store: LocalStore

    if TYPE_CHECKING:

        def get(self, tag: str | Tag) -> Model: ...
        def get_remote(self, tag: str | Tag) -> RemoteModel: ...
        def _remote(self) -> Remote: ...

    def diff(
        self,
        old: str | Tag,
        new: str | Tag | None = None,
        *,
        remote: bool = False,
        places: tuple[str, str] = ("", ""),
        tensors: bool = True,
        progress: Sink | None = None,
    ) -> Diff:
        """Compare two versions: facts, files by digest, and the tensors of files that changed.

        Of a version in the registry only headers and changed slices are read, never all of it.

        Args:
            old: A version; with no second one, its copy in the registry is the old side and the local one the new.
            new: Another version. Each is the local one, or where the local store has none the registry's.
            remote: Take both versions from the registry; needed where only one is named.
            places: Where to take each of two versions from: "local", "remote", or "" for wherever it is.
            tensors: Look into files that changed: safetensors, NumPy, PyTorch, GGUF and ONNX.
            progress: Called with progress updates while local files are read whose digests are not known yet.

        Raises:
            ModelNotFound: A version is not there.
            UsageError: One version is named, and it is not to be compared with the registry's; or a place is none.
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .comparing import Comparison

        if not {*places} <= {"", "local", "remote"}:
            raise UsageError('Each of `places` must be "local", "remote" or "".')
        comparison = Comparison(self._store, self.get, self._remote, progress)
        second = None if new is None else Tag.parse(str(new))
        return comparison.run(Tag.parse(str(old)), second, remote=remote, places=places, tensors=tensors)

    def remote_files(self, tag: str | Tag) -> dict[str, File] | None:
        """List the files of a version in the registry, by their paths; None where it does not tell which it has.

        A registry that is not ours is asked for the headers of the archive, never for all of it.

        Args:
            tag: `name:version` or `name:alias`; `name` or `name:latest` for the newest complete version.

        Raises:
            ModelNotFound: The registry has no such version.
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .sides import RemoteSide

        side = RemoteSide(self._remote(), self.get_remote(tag)).side()
        return dict(sorted(side.files.items())) or None

    def provenance(self, tag: str | Tag, *, remote: bool = False) -> Provenance | None:
        """Return where a version came from, or None where nobody noted it.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest.
            remote: Ask the registry.

        Raises:
            ModelNotFound: There is no such version.
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .origins import Provenance

        metadata = self.get_remote(tag).metadata if remote else self.get(tag).info.metadata
        return Provenance.of(metadata)

    def doctor(self) -> list[Check]:
        """Look for what keeps models from being saved and synced, and say for each what to do; nothing is changed."""
        from .checks import examine

        return list(examine(self.home, self.context))
