"""What loading a file would run, told without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelsync_jupyter.contents.judging import DANGEROUS, KNOWN, UNKNOWN, judge
from modelsync_jupyter.contents.keras import CONFIG, NoConfig, judge_keras, keras_names
from modelsync_jupyter.contents.pickles import MAX_UNPACKED, PICKLED, TOO_MANY, NotAPickle, Reading, read_pickle
from modelsync_jupyter.contents.reader import FileReader
from modelsync_jupyter.contents.tensors import NoTensors, list_tensors, names_in_zip, pickles_in_zip
from modelsync_jupyter.info import MODEL_YAML
from modelsync_jupyter.store.model import Model

_SAFE = {".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".npy": "numpy", ".json": "json"}
_ZIPPED = {".pt", ".pth", ".bin", ".ckpt", ".npz", ".zip"}
#: Formats that may hold code which is not looked for, or are code: their names, and what can be said of them.
_HDF5 = ("hdf5", "it may hold code of Keras, which is not looked for in this format")
_UNREAD = {
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".pb": ("tensorflow", "a graph of TensorFlow may read and write files"),
    ".py": ("python", "a program"),
}


@dataclass(frozen=True, slots=True)
class Scanned:
    """What loading a file would run.

    Args:
        path: The file, within the model.
        kind: "pickle", or the name of another format.
        verdict: "safe", where its format runs nothing; else the worst of what it imports: "known", "unknown" or
            "dangerous".
        imports: Every name that it imports.
        problem: Why it is not known what it would run, or "".
    """

    path: str
    kind: str
    verdict: str
    imports: tuple[str, ...] = ()
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        names = ("path", "kind", "verdict", "problem")
        return {name: getattr(self, name) for name in names} | {"imports": list(self.imports)}


def scan_model(model: Model) -> list[Scanned]:
    """Scan every file of a model that may run something when it is loaded, or that is known to run nothing."""
    files = sorted(each for each in model.path.rglob("*") if each.is_file() and not each.is_symlink())
    scanned = [scan_file(each, model.path) for each in files if each.name != MODEL_YAML]
    return [each for each in scanned if each.kind]


def scan_file(path: Path, folder: Path, *, unpickled: bool = False) -> Scanned:
    """Scan one file, by what is in it rather than by its name.

    Args:
        path: The file.
        folder: The model's folder.
        unpickled: Whether it is going to be loaded as a pickle, whatever its name and its first bytes say.
    """
    name = path.relative_to(folder).as_posix()
    if unpickled:
        return _scan_pickle(name, path)
    head = FileReader(path).read(0, 8)
    if head[:4] == b"PK\x03\x04":
        return _scan_zip(name, path)
    if path.suffix in _UNREAD or head == b"\x89HDF\r\n\x1a\n":
        kind, problem = _UNREAD.get(path.suffix, _HDF5)
        return Scanned(name, kind, UNKNOWN, problem=problem)
    # NumPy loads as a pickle what is no array; the first bytes of safetensors are a number, which may be any.
    is_pickle = head[:1] == b"\x80" if path.suffix != ".npy" else head[:4] != b"\x93NUM"
    if path.suffix in _SAFE and (not is_pickle or path.suffix == ".safetensors"):
        return _scan_safe(name, path)
    if is_pickle or path.suffix in _ZIPPED or PICKLED & set(path.suffixes):  # such as `model.pkl.gz`
        found = _scan_pickle(name, path)
        unread = found.problem and not found.imports and not found.problem.endswith(TOO_MANY)
        is_other = path.suffix == ".bin" and not is_pickle and unread
        return Scanned(name, "", "safe") if is_other else found  # PyTorch's name, and everybody's
    return Scanned(name, "", "safe")


def _scan_pickle(name: str, path: Path) -> Scanned:
    if path.stat().st_size > MAX_UNPACKED:
        return Scanned(name, "pickle", UNKNOWN, problem="it is larger than is scanned")
    return _judged(name, {name: path.read_bytes()})


def _scan_zip(name: str, path: Path) -> Scanned:
    try:
        pickles, members = pickles_in_zip(FileReader(path)), names_in_zip(FileReader(path))
    except NoTensors as error:
        return Scanned(name, "pickle", UNKNOWN, problem=str(error))
    if pickles:
        return _judged(name, pickles)
    if path.suffix == ".keras" or CONFIG in members:
        return _scan_keras(name, path)
    if all(each.endswith(".npy") for each in members):
        return Scanned(name, "numpy", "safe")
    return Scanned(name, "zip", UNKNOWN, problem="what loads it may run what is in it")


def _scan_keras(name: str, path: Path) -> Scanned:
    try:
        names = keras_names(FileReader(path))
    except NoConfig as error:
        return Scanned(name, "keras", UNKNOWN, problem=str(error))
    order = (DANGEROUS, UNKNOWN, KNOWN)
    names = tuple(sorted(names, key=lambda each: order.index(judge_keras(each))))
    if not names:
        return Scanned(name, "keras", UNKNOWN, problem=f"its {CONFIG} names no class")
    return Scanned(name, "keras", judge_keras(names[0]), names)


def _scan_safe(name: str, path: Path) -> Scanned:
    kind = _SAFE[path.suffix]
    if kind == "numpy":
        try:
            if any("O" in each.dtype for each in list_tensors(path.name, FileReader(path))):  # their array is a pickle
                return Scanned(name, "pickle", UNKNOWN, problem="it holds Python objects")
        except NoTensors as error:
            return Scanned(name, "pickle", UNKNOWN, problem=str(error))
    return Scanned(name, kind, "safe")


def _judged(name: str, pickles: Mapping[str, bytes]) -> Scanned:
    readings: list[Reading] = []
    problem = ""
    for data in pickles.values():
        try:
            readings.append(read_pickle(data))
            problem = problem or readings[-1].problem
        except NotAPickle as error:
            problem = problem or str(error)
    imports = tuple(dict.fromkeys(each for reading in readings for each in reading.imports))
    verdicts = {judge(each) for each in imports} | ({UNKNOWN} if problem else set())
    worst = next((each for each in (DANGEROUS, UNKNOWN, KNOWN) if each in verdicts), "safe")
    return Scanned(name, "pickle", worst, imports, problem)
