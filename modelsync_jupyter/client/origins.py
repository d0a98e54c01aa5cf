"""Provenance: where a model came from. Noted when it is saved in a notebook, kept in its metadata, so it goes wherever
the model goes; stock BentoML shows it as any other metadata.

Secrets are taken out of the cell's source (see `redaction`), and a path below the user's home is written with `~`.

The module is not called after it: `client.provenance` is a function, which a module of that name would hide.
"""

from __future__ import annotations

import builtins
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata as packages
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from blake3 import blake3

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.parts import ALGORITHM
from modelsync_jupyter.core.plain import printable

from .redaction import redact

#: Where it stands in a model's metadata.
KEY = "provenance"
_SWITCH = "MODELSYNC_PROVENANCE"
#: Characters of a cell's source, and packages, that are kept at most: a registry sends them with every list.
_MAX_SOURCE, _MAX_PACKAGES = 4000, 60
_GIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model came from.

    Args:
        notebook: Path of the notebook, with `~` for the user's home, or "".
        cell: Execution count of the cell, or 0.
        source: Source of the cell, without secrets, cut after 4,000 characters.
        git: `commit`, `branch`, `dirty`, `path` within the repository and `remote`, as far as known.
        python: Version of Python.
        packages: Versions of the packages that the notebook had imported.
        metrics: Numbers that its author gave.
        datasets: For each dataset that its author named, `digest` and `size`.
    """

    notebook: str = ""
    cell: int = 0
    source: str = ""
    git: Mapping[str, Any] = field(default_factory=dict)
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    datasets: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Provenance | None:
        """Read what a model's metadata says of it, or None where it says nothing; others may have written it."""
        data = metadata.get(KEY)
        if not isinstance(data, Mapping):
            return None
        texts: dict[str, Any] = {key: str(data.get(key) or "") for key in ("notebook", "source", "python")}
        tables: dict[str, Any] = {
            key: dict(cast("Mapping[str, Any]", value))
            for key in ("git", "packages", "metrics", "datasets")
            if isinstance(value := data.get(key), Mapping)
        }
        cell = data.get("cell")
        return cls(cell=cell if isinstance(cell, int) else 0, **texts, **tables)

    @property
    def notebook_path(self) -> Path | None:
        """The notebook on this computer, if it is here: where it was, or in the repository that this process is in."""
        if not self.notebook:
            return None
        places = [Path(self.notebook).expanduser()]
        if (inside := self.git.get("path")) and (root := _git(Path.cwd(), "rev-parse", "--show-toplevel")):
            places.append(Path(root) / str(inside))
        return next((each for each in places if each.is_file()), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the provenance as JSON; what is not known is left out."""
        names = ("notebook", "cell", "source", "git", "python", "packages", "metrics", "datasets")
        found = {name: getattr(self, name) for name in names}
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in found.items() if value}


def note(
    metadata: Mapping[str, Any] | None,
    *,
    wanted: bool | None = None,
    metrics: Mapping[str, Any] | None = None,
    datasets: Mapping[str, Any] | None = None,
    secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Return metadata with the provenance of a model that is saved now.

    Args:
        metadata: What the author gave; a provenance in it is left as it is.
        wanted: Whether to note notebook, git and packages; by default in a notebook, unless $MODELSYNC_PROVENANCE is 0.
        metrics: Numbers, by name.
        datasets: For each name a file, a folder, a table, an array, or a digest that the author knows.
        secrets: Secrets that must not be in it, besides all that look like one.

    Raises:
        UsageError: A dataset cannot be read.
    """
    found = dict(metadata or {})
    if wanted is None:
        wanted = _shell() is not None and os.environ.get(_SWITCH, "1").lower() not in ("0", "false", "no", "off")
    facts: dict[str, Any] = {}
    with suppress(Exception):  # whatever is odd about this place, it must not cost the user a model
        facts = capture(secrets).to_dict() if wanted else {}
    if metrics:
        facts["metrics"] = dict(metrics)
    if datasets:
        facts["datasets"] = {name: fingerprint(name, value) for name, value in datasets.items()}
    if facts and KEY not in found:
        found[KEY] = facts
    return found


def capture(secrets: Iterable[str] = ()) -> Provenance:
    """Look where this code runs: the notebook and its cell, git, Python and packages.

    Args:
        secrets: Secrets that must not be in it, besides all that look like one.
    """
    ip = _shell()
    path = _notebook(ip)
    count, source = _cell(ip)
    folder = path.parent if path and path.parent.is_dir() else Path.cwd()
    return Provenance(
        notebook=_short(path) if path else "",
        cell=count,
        source=printable(redact(source, secrets))[:_MAX_SOURCE],
        git=_repository(folder, path),
        python=platform.python_version(),
        packages=_packages(ip.user_ns if ip else {}),
    )


def fingerprint(name: str, value: object) -> dict[str, Any]:
    """Return the digest and size of a dataset.

    Args:
        name: What its author calls it, for errors.
        value: A path, a pandas table, a NumPy array, bytes, or a text: a digest or version that the author knows.

    Raises:
        UsageError: It is none of these, or cannot be read.
    """
    try:
        if isinstance(value, str) and not os.path.exists(value):
            return {"digest": value}
        if isinstance(value, (str, os.PathLike)):
            return _of_path(Path(value))
        if hasattr(value, "to_records") and hasattr(value, "columns"):
            return _of_table(value)
        data = bytes(value) if isinstance(value, (bytes, bytearray)) else cast(Any, value).tobytes()
        head = f"{getattr(value, 'dtype', '')}{getattr(value, 'shape', '')}"
        return {"digest": _digest([head.encode(), data]), "size": len(data)}
    except (OSError, AttributeError, TypeError) as error:
        step = "Give a path, a table, an array or a digest."
        raise UsageError(f"Dataset `{name}` cannot be read: {error}.", step) from error


def _of_table(table: Any) -> dict[str, Any]:
    hash_rows = sys.modules["pandas"].util.hash_pandas_object  # a table is there, so pandas is
    head = repr([(str(name), str(kind)) for name, kind in zip(table.columns, table.dtypes, strict=True)])
    rows = hash_rows(table, index=True).to_numpy().tobytes()
    return {"digest": _digest([head.encode(), rows]), "rows": len(table)}


def _of_path(path: Path) -> dict[str, Any]:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    hasher, size = blake3(), 0
    for file in files:
        own = blake3().update_mmap(file)
        size += file.stat().st_size
        if path.is_file():
            return {"digest": f"{ALGORITHM}:{own.hexdigest()}", "size": size}
        hasher.update(f"{file.relative_to(path).as_posix()}\0{own.hexdigest()}\n".encode())
    return {"digest": f"{ALGORITHM}:{hasher.hexdigest()}", "size": size, "files": len(files)}


def _digest(pieces: Iterable[bytes]) -> str:
    hasher = blake3()
    for piece in pieces:
        hasher.update(piece)
    return f"{ALGORITHM}:{hasher.hexdigest()}"


def _shell() -> Any:
    """Return IPython's shell, or None where this is not a notebook; IPython is not imported for it."""
    if "IPython" not in sys.modules:
        return None
    find = getattr(builtins, "get_ipython", None)  # IPython puts it there while it runs a cell
    return find() if find else None


def _notebook(ip: Any) -> Path | None:
    """Return the path of the notebook, as Jupyter's server or VS Code tells its kernel, or None."""
    told = (ip.user_ns.get("__vsc_ipynb_file__") if ip else None) or os.environ.get("JPY_SESSION_NAME")
    return Path(str(told)) if told and str(told).endswith(".ipynb") else None


def _cell(ip: Any) -> tuple[int, str]:
    if ip is None:
        return 0, ""
    cells = ip.user_ns.get("_ih") or [""]
    raw = getattr(ip.history_manager, "input_hist_raw", None) or cells
    return len(cells) - 1, str(raw[-1]).strip("\n")


def _short(path: Path) -> str:
    with suppress(ValueError, RuntimeError):
        return f"~/{path.absolute().relative_to(Path.home()).as_posix()}"
    return str(path)


def _repository(folder: Path, notebook: Path | None) -> dict[str, Any]:
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    found: dict[str, Any] = {"commit": commit}
    if branch := _git(folder, "symbolic-ref", "--short", "HEAD"):
        found["branch"] = branch
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if changes is not None:
        found["dirty"] = bool(changes)
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root and notebook:
        with suppress(ValueError):
            found["path"] = notebook.resolve().relative_to(Path(root).resolve()).as_posix()
    if remote := _git(folder, "remote", "get-url", "origin"):
        found["remote"] = redact(remote)
    return found


def _git(folder: Path, *words: str) -> str | None:
    """Ask git; None where there is none, or no repository, or where it takes too long."""
    argv = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_GIT_SECONDS, env=env, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _packages(names: Mapping[str, Any]) -> dict[str, str]:
    """Return versions of the packages that the user's own names come from."""
    tops = set()
    for name, value in list(names.items()):
        if name.startswith("_"):
            continue
        module = value.__name__ if isinstance(value, ModuleType) else getattr(type(value), "__module__", "")
        own = getattr(value, "__module__", "") if callable(value) else ""
        tops |= {str(each).partition(".")[0] for each in (module, own) if isinstance(each, str)}
    found: dict[str, str] = {}
    for top in sorted(tops - set(sys.stdlib_module_names) - {"", "__main__", "IPython"}):
        module = sys.modules.get(top)
        version = getattr(module, "__version__", None)
        if not isinstance(version, str):
            with suppress(packages.PackageNotFoundError):
                version = packages.version(top)
        if isinstance(version, str) and len(found) < _MAX_PACKAGES:
            found[top] = version
    return found
