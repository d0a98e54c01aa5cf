"""Draft: the description of a model whose digests are still being computed, so that its bytes can travel meanwhile.

A foreign registry takes the units of an archive in any order, and their digests are in the first one alone. So where
the cut of a model can be told without reading it, all other units are sent while it is hashed. What is sent and what is
hashed are the same bytes: both readers end with an error where a file is not as it was when it was scanned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from modelsync_jupyter.archive.cut import cut_soon
from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.layout import LARGE, cut
from modelsync_jupyter.core.errors import UploadLost
from modelsync_jupyter.core.parts import ALGORITHM, MIB, from_sizes
from modelsync_jupyter.store.hashing import state_of
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .work import Stop, Work

#: Bytes of a model that is worth it.
LARGE_MODEL = 64 * MIB
#: Files that it has at most: where there are many small ones, hashing them first saves to open them twice.
_FEW = 1000
#: Which share of a model a file may be that has to be looked through to be cut.
_SHARE = 8
#: As long as any other digest.
_UNKNOWN = f"{ALGORITHM}:{'0' * 64}"


class Draft:
    """A model on its way to a registry, described: in full, or but for its digests, which come meanwhile.

    Where the block of it ends, hashing does too.

    Args:
        description: What is known of it now. Without digests, only the lengths in it count.
        state: Fingerprint of the model's files, by which the upload of a large one is resumed; or "".
    """

    def __init__(self, description: Description, state: str = "") -> None:
        self.description, self.state = description, state
        self._stop = Stop()
        self._hashing: threading.Thread | None = None
        self._failure: BaseException | None = None

    def finish(self) -> Description:
        """Wait for the digests, and return the whole description.

        Raises:
            Cancelled: The transfer was stopped meanwhile.
            UploadLost: The model is cut in another way: it is to be sent anew, now that its digests are known.
            ModelChanged: A file is not as it was scanned.
        """
        while self._hashing and self._hashing.is_alive():
            self._stop.check()
            self._hashing.join(0.2)
        if self._failure:
            raise self._failure
        return self.description

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._hashing:
            self._hashing.join()

    def hash(self, work: Work, store: LocalStore, model: Model) -> None:
        """Begin to hash the model."""
        self._stop = Stop(work.stop)

        def run() -> None:
            try:
                found = store.index.describe(model.tag, model.archive, work.threads, check=self._stop.check)
                if [part.stop for part in found.parts] != [part.stop for part in self.description.parts]:
                    raise UploadLost("The model is cut in another way than was foreseen.")
                self.description = found
            except BaseException as error:
                self._failure = error

        self._hashing = threading.Thread(target=run, name="modelsync-draft", daemon=True)
        self._hashing.start()


def describe(work: Work, store: LocalStore, model: Model, is_foreign: Callable[[], bool]) -> Draft:
    """Describe a large model that is to be sent; its digests may still be on their way.

    Args:
        work: Threads, stop signal and counter.
        store: The store that has it.
        model: The model.
        is_foreign: Asks whether the registry can be told digests last.

    Raises:
        Cancelled: The transfer was stopped.
        ModelChanged: A file is not as it was scanned.
        InvalidModel: A file cannot be read.
    """
    archive = model.archive
    has_few = len(archive.members) <= _FEW
    hashed_later = has_few and store.digest(model) is None and is_foreign() and store.index.settle(archive)
    if hashed_later and (blank := _foresee(archive)):
        draft = Draft(blank, state_of(archive)[0])
        draft.hash(work, store, model)
        return draft
    description = work.describe(store, model, to_send=True)
    is_kept = has_few and store.digest(model) == description.digest
    return Draft(description, state_of(archive)[0] if is_kept else "")


def _foresee(archive: FolderArchive) -> Description | None:
    """Describe a folder but for its digests; None where half of its bytes would have to be read for that."""
    sizes: dict[str, list[int]] = {}
    for entry in archive.layout.entries:
        if entry.size >= LARGE:
            with archive.reader(entry) as file:
                found = cut_soon(file, archive.content_size // _SHARE)
            if found is None:
                return None
            sizes[entry.path] = found
    parts = [part.size for part in cut(archive.layout, sizes)]
    small = [entry.path for entry in archive.layout.entries if entry.kind == "file" and entry.size < LARGE]
    blank = from_sizes(parts, [_UNKNOWN] * len(parts))
    return Description.build(archive.layout, blank, dict.fromkeys(small, _UNKNOWN))
