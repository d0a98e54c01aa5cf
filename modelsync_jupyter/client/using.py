"""The verbs that use models: load one, look into its pickles before that, and lock versions for reproducible pulls."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import (
    IntegrityError,
    InvalidModel,
    MissingDependency,
    ModelNotFound,
    UnsafeModel,
    UsageError,
)
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import read_json, write_text

if TYPE_CHECKING:
    from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
    from modelsync_jupyter.store.model import Model

    from .scanning import Scanned

#: The lock file, and the version of its format.
LOCK, _FORMAT = "modelsync.lock", 1
#: How names of files end that have a loader of their own, which runs no pickle. All others are unpickled.
_OWN_LOADER = {".safetensors", ".npz", ".npy", ".onnx", ".pt", ".pth"}


class UsingVerbs:
    """The part of a `Client` that uses models."""

    home: Home
    context: str | None

    if TYPE_CHECKING:

        def get(self, tag: str | Tag, *, pull: bool = False) -> Model: ...
        def get_remote(self, tag: str | Tag) -> RemoteModel: ...
        def pull(self, tag: str | Tag) -> Model: ...
        def digest(self, model: Model, *, hash: bool = False) -> str | None: ...

    def load(self, tag: str | Tag, *, pull: bool = True, file: str | None = None, trust: bool = False) -> Any:
        """Load a model with its framework's own loader: BentoML's module if it names one, else by the kind of its file.

        A pickle is a program: its imports are looked at before it is loaded. What runs programs is refused, what is
        not part of a usual library is warned about. Safetensors run nothing, and need no PyTorch.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest.
            pull: Fetch it from the registry if the local store lacks it.
            file: Which of its files to load; needed where it has several that could be meant.
            trust: Load a pickle whatever it imports.

        Returns:
            The framework's object; for safetensors a dict of NumPy arrays.

        Raises:
            ModelNotFound: There is no such model.
            UnsafeModel: Loading it would run something dangerous.
            UsageError: It is not clear which file to load, or how.
            MissingDependency: The package that loads it is not installed.
        """
        from .scanning import scan_file, scan_model

        model = self.get(tag, pull=pull)
        module = model.info.module
        if module.startswith("bentoml.") and file is None:
            self._check_scanned(model, [each for each in scan_model(model) if each.kind != "python"], trust)
            return self._load_with_bentoml(model, module)
        path = model.path / file if file else _only_file(model)
        if not path.is_file() or not path.resolve().is_relative_to(model.path.resolve()):
            raise UsageError(f"`{model.tag}` has no file `{file}`.", f"Look into `{model.path}`.")
        unpickled = path.suffix not in _OWN_LOADER
        self._check_scanned(model, [scan_file(path, model.path, unpickled=unpickled)], trust)
        return _load_file(path)

    def scan(self, tag: str | Tag, *, pull: bool = False) -> list[Scanned]:
        """Say what loading each file of a model would run, without running it.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest.
            pull: Fetch it from the registry if the local store lacks it.

        Raises:
            ModelNotFound: There is no such model.
        """
        from .scanning import scan_model

        return scan_model(self.get(tag, pull=pull))

    def lock(self, *tags: str | Tag, path: str | os.PathLike[str] = LOCK) -> dict[str, str]:
        """Write the content digests of versions into a lock file, beside those that are in it already.

        Args:
            tags: Versions of the local store or, where it lacks one, of the registry; `latest` is resolved now.
            path: The file; commit it with the notebook.

        Returns:
            All that is in the file: digests by tag.

        Raises:
            ModelNotFound: There is no such version.
            IntegrityError: The registry does not tell the digest of one.
        """
        known = read_lock(Path(path)) if Path(path).exists() else {}
        for tag in tags:
            exact, digest = self._digest_of(tag)
            if not digest:
                raise IntegrityError(
                    f"The registry does not tell the digest of `{exact}`.", "Pull it, and lock it then."
                )
            known[exact] = digest
        lines = {"version": _FORMAT, "models": dict(sorted(known.items()))}
        write_text(Path(path), json.dumps(lines, indent=2) + "\n", durable=False)
        return known

    def pull_locked(self, path: str | os.PathLike[str] = LOCK) -> list[Model]:
        """Pull every version that a lock file names, and check that each has the digest that is locked.

        Args:
            path: The lock file.

        Raises:
            UsageError: There is no such file, or it is not a lock file.
            IntegrityError: A version has other files than those that were locked.
        """
        return [self._pull_exactly(tag, digest, Path(path)) for tag, digest in read_lock(Path(path)).items()]

    def _pull_exactly(self, tag: str, digest: str, path: Path) -> Model:
        other = IntegrityError(
            f"`{tag}` has other files than those locked in `{path}`.", "Lock it again, or restore it."
        )
        try:
            model = self.get(tag)
        except ModelNotFound:
            if self.get_remote(tag).digest not in ("", digest):  # known before anything is fetched
                raise other from None
            model = self.pull(tag)
        if self.digest(model, hash=True) != digest:
            raise other
        return model

    def _digest_of(self, tag: str | Tag) -> tuple[str, str]:
        try:
            model = self.get(tag)
        except ModelNotFound:
            there = self.get_remote(tag)
            return str(there.tag), there.digest
        return str(model.tag), self.digest(model, hash=True) or ""

    def _check_scanned(self, model: Model, scanned: Iterable[Scanned], trust: bool) -> None:
        from modelsync_jupyter.contents.judging import DANGEROUS, KNOWN, judge
        from modelsync_jupyter.contents.keras import judge_keras

        for each in scanned:
            if each.verdict in ("safe", KNOWN) or trust:
                continue
            think = judge_keras if each.kind == "keras" else judge
            names = ", ".join(f"`{name}`" for name in each.imports if think(name) == each.verdict)
            text = f"`{each.path}` of `{model.tag}` would run {names} when it is loaded"
            if each.verdict == DANGEROUS:
                raise UnsafeModel(f"{text}.")
            unknown = f"What `{each.path}` of `{model.tag}` runs when it is loaded is not known: {each.problem}."
            warnings.warn(f"{text}: not part of a usual library." if names else unknown, stacklevel=4)

    def _load_with_bentoml(self, model: Model, module: str) -> Any:
        if Home.find().path.resolve() != self.home.path.resolve():
            raise UsageError("BentoML looks into another home.", f"Set BENTOML_HOME to `{self.home.path}`.")
        try:
            return import_module(module).load_model(str(model.tag))
        except ImportError as error:
            step = f"Install `{error.name}`, or load a file of it yourself: `load(tag, file=...)`."
            raise MissingDependency(f"`{module}` needs `{error.name}`, which is not installed.", step) from error
        except Exception as error:
            if type(error).__name__ != "MissingDependencyException":  # BentoML's own, which is no ImportError
                raise
            step = "Install it, or load a file of it yourself: `load(tag, file=...)`."
            raise MissingDependency(f"`{module}` needs a package that is not installed: {error}", step) from error


def read_lock(path: Path) -> dict[str, str]:
    """Read a lock file.

    Raises:
        UsageError: There is none, or it is not a lock file.
    """
    data = read_json(path)
    models = data.get("models") if isinstance(data, dict) and data.get("version") == _FORMAT else None
    if not isinstance(models, dict) or not all(isinstance(each, str) for each in models.values()):
        raise UsageError(f"`{path}` is not a lock file.", "Write one with `lock`.")
    return {str(Tag.parse(tag)): digest for tag, digest in models.items()}


def _only_file(model: Model) -> Path:
    from modelsync_jupyter.contents.pickles import PICKLED

    suffixes = _OWN_LOADER | PICKLED
    found = sorted(each for each in model.path.rglob("*") if each.suffix in suffixes and each.is_file())
    if len(found) != 1:
        names = ", ".join(f"`{each.relative_to(model.path)}`" for each in found[:5])
        step = f"Name one with `file=`: {names}." if found else f"Open its files yourself, in `{model.path}`."
        what = "several files that could be loaded" if found else "no file that this can load"
        raise UsageError(f"`{model.tag}` has {what}.", step)
    return found[0]


def _load_file(path: Path) -> Any:
    loaders: dict[str, tuple[str, Callable[[Any], Any]]] = {
        ".safetensors": ("safetensors.numpy", lambda module: module.load_file(path)),
        ".npz": ("numpy", lambda module: dict(module.load(path, allow_pickle=False))),
        ".npy": ("numpy", lambda module: module.load(path, allow_pickle=False)),
        ".onnx": ("onnxruntime", lambda module: module.InferenceSession(path)),
        ".pt": ("torch", lambda module: module.load(path, map_location="cpu", weights_only=True)),
        ".pth": ("torch", lambda module: module.load(path, map_location="cpu", weights_only=True)),
        ".pickle": ("pickle", lambda module: module.loads(path.read_bytes())),
    }
    name, load = loaders.get(path.suffix, ("joblib", lambda module: module.load(path)))  # joblib reads any pickle
    try:
        module = import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingDependency(f"`{path.name}` needs `{package}`.", f"Run `pip install {package}`.") from error
    try:
        return load(module)
    except (ValueError, EOFError, KeyError, UnpicklingError) as error:
        raise InvalidModel(f"`{path.name}` cannot be loaded: {error}.") from error
