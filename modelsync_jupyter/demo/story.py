"""One model from training to use: trained, saved, pushed, pulled by a colleague, compared, used."""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

from modelsync_jupyter.client import Client, Model
from modelsync_jupyter.commands.face import Face
from modelsync_jupyter.commands.tables import align
from modelsync_jupyter.commands.views import outcome_text
from modelsync_jupyter.core.errors import IntegrityError, UsageError
from modelsync_jupyter.core.outcome import Direction, Outcome
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_seconds, format_size

from . import classifier
from .process import Served, registry

_CONTEXT = "demo"
_SENTENCES = [
    "What a wonderful surprise, thank you!",
    "The update is a disaster and I hate it.",
    "I love how easy this is.",
]
_NEXT = """\
What to type next:
  {modelsync} list                  the models you have saved with BentoML
  {modelsync} serve --data DIR      a registry for your team
  {modelsync} login ENDPOINT        sign in to it
  {modelsync} push NAME:VERSION     send one of your models
In a notebook:
  %load_ext modelsync_jupyter
  %modelsync push NAME:VERSION"""


def run(face: Face, keep: Path | None = None) -> None:
    """Tell the story, doing what it says.

    Args:
        face: Where the progress bars go.
        keep: An empty folder to work in and leave behind; by default a temporary one, removed at the end.

    Raises:
        MissingDependency: scikit-learn or vaderSentiment is not installed.
        UsageError: `keep` is not empty.
    """
    classifier.check_installed()
    with _folder(keep) as folder:
        print(f"All of this happens in {folder}.")
        Story(face, folder).tell()
        if keep:
            print(f"\nKept: {folder}")


class Story:
    """The steps in their order, and a row for each in the closing table.

    Args:
        face: Where the progress bars go.
        folder: Where everything happens; the homes `maker` and `user` stand for two machines.
    """

    def __init__(self, face: Face, folder: Path) -> None:
        self._face = face
        self._maker, self._user = folder / "maker", folder / "user"
        self._data = folder / "registry"
        self._rows: list[tuple[str, str, str, str]] = []

    def tell(self) -> None:
        """Do every step."""
        with registry(self._data) as served:
            self._sign_in(served)
            made = self._save(self._train())
            _say("Push", "from the first store")
            pushed = self._move("push", made.tag, self._maker)
            self._row("push", pushed.size, pushed.seconds)
            _say("Again", "the same push, which has nothing left to do")
            again = self._move("push", made.tag, self._maker)
            self._row("push again", again.moved, again.seconds)
            _say("Pull", "sentiment:latest into the second store, as a colleague would")
            pulled = self._move("pull", Tag("sentiment"), self._user)
            self._row("pull", pulled.size, pulled.seconds)
        fetched = Client(self._user).get(pulled.tag)
        self._compare(made.path, fetched.path)
        self._use(fetched.path)
        self._close()

    def _train(self) -> classifier.Trained:
        _say("Train", "a sentiment classifier on the VADER lexicon: words rated by people")
        start = time.perf_counter()
        trained = classifier.train()
        self._row("train", 0, time.perf_counter() - start)
        _tell(
            f"learnt from {trained.learnt:,} words; {100 * trained.accuracy:.1f} % right on {trained.held_out:,} others"
        )
        return trained

    def _save(self, trained: classifier.Trained) -> Model:
        _say("Save", "to the first store, as `bentoml.sklearn` does")
        start = time.perf_counter()
        labels = {"task": "sentiment", "data": "vader-lexicon"}
        metadata = {"accuracy": round(trained.accuracy, 4), "words": trained.learnt}
        client = Client(self._maker)
        with client.create("sentiment", module=classifier.MODULE, labels=labels, metadata=metadata) as draft:
            classifier.save(trained.model, Path(draft.path))
        model = client.get(draft.tag)
        self._row("save", model.size, time.perf_counter() - start)
        _tell(f"{model.tag}, {format_size(model.size)}")
        return model

    def _sign_in(self, served: Served) -> None:
        _say("Serve", f"a registry of our own, a separate process: {served.url}")
        for home in (self._maker, self._user):
            Client(home).login(served.url, served.token, name=_CONTEXT)
        _tell("signed in to it from both stores")

    def _move(self, direction: Direction, tag: Tag, home: Path) -> Outcome:
        with self._face.progress(direction) as progress:
            outcome = Client(home, _CONTEXT).run(direction, tag, progress=progress or False)
        shown = outcome._replace(page="")  # the registry, and its pages, end with this demonstration
        _tell(outcome_text(shown, self._face.words))
        return outcome

    def _compare(self, made: Path, fetched: Path) -> None:
        _say("Compare", "what was saved with what was pulled, byte for byte")
        start = time.perf_counter()
        names = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
        same, different, missing = filecmp.cmpfiles(made, fetched, names, shallow=False)
        if different or missing:
            raise IntegrityError(f"Not the same: {', '.join(f'`{name}`' for name in different + missing)}.")
        self._row("compare", sum((made / name).stat().st_size for name in same), time.perf_counter() - start)
        _tell(f"{len(same)} files, all the same: {', '.join(same)}")

    def _use(self, folder: Path) -> None:
        _say("Use", "the pulled model; `bentoml.sklearn.load_model` loads it too")
        for sentence, (mood, chance) in zip(_SENTENCES, classifier.predict(folder, _SENTENCES), strict=True):
            _tell(f"{mood} ({100 * chance:.0f} %)  {sentence}")

    def _row(self, step: str, size: int, seconds: float) -> None:
        speed = f"{format_size(size / seconds)}/s" if size and seconds else ""
        self._rows.append((step, format_size(size) if size else "", format_seconds(seconds), speed))

    def _close(self) -> None:
        print(
            f"\n{align(('STEP', 'SIZE', 'TIME', 'RATE'), self._rows)}\n\n{_NEXT.format(modelsync=_command())}",
            flush=True,
        )


def _command() -> str:
    """Return what runs `modelsync` in this shell: its path where `make` has installed it aside."""
    if shutil.which("modelsync"):
        return "modelsync"
    return os.path.relpath(Path(sys.executable).with_name("modelsync"))


def _say(step: str, what: str) -> None:
    print(f"\n{step:<8} {what}", flush=True)


def _tell(what: str) -> None:
    """Print what came of a step, below it."""
    print(indent(what, " " * 9), flush=True)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="modelsync-demo-") as name:
            yield Path(name)
        return
    keep = keep.expanduser().absolute()
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"`{keep}` is not an empty folder.", step="Name a new folder after `--keep`.")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep
